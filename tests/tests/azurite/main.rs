//! The checkpoint in a blob, judged by Azurite: real producers, over sockets, with the lease that Azurite keeps.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

mod identity;
mod jobs;
mod outage;
mod refusals;
mod takeover;

use serde_json::json;
use usher_tests::{
    Azurite, azurite, judge,
    processes::{Counts, Options, Process, Program, World, eventually, peek_all},
};

const CONTAINER: &str = "usher";
const BLOB: &str = "checkpoint.json";

/// A world whose producers keep their checkpoint in one blob.
struct Stage {
    world: World,
    azurite: Azurite,
}

impl Stage {
    /// None where Azurite can't be had.
    async fn set() -> Option<Self> {
        let program = judge("Azurite", azurite)?;
        let world = World::start(Options { short_locks: true, ..Options::default() }).await;
        let azurite = Azurite::start(&program, world.home()).await;
        azurite.create_container(CONTAINER).await;
        Some(Self { world, azurite })
    }

    /// A producer with the checkpoint that all share.
    fn producer(&self) -> Program {
        self.producer_with(BLOB)
    }

    /// A producer with a checkpoint of its own.
    fn producer_with(&self, blob: &str) -> Program {
        self.world
            .producer()
            .with("CHECKPOINT", self.azurite.blob_url(CONTAINER, blob))
            .with("CHECKPOINT_SAS", self.azurite.sas(CONTAINER, "rw"))
    }

    /// What the checkpoint holds, as text.
    async fn checkpoint(&self) -> Option<String> {
        self.azurite.get(CONTAINER, BLOB).await
    }

    async fn works(&self, producer: &Process) -> Counts {
        let works = |counts: &Counts| counts.of("standby") == 0 && counts.of("polls") > 0;
        self.world.counts(producer, "it works", works).await
    }

    async fn stands_by(&self, producer: &Process) -> Counts {
        self.world.counts(producer, "it stands by", |counts| counts.of("standby") == 1).await
    }

    async fn readiness(&self, producer: &Process) -> (u16, String) {
        self.world.control.get(&producer.health("readyz")).await
    }

    /// People sign up, so many a second.
    async fn sign_ups(&self, count: usize, a_second: u32) {
        let order =
            json!({ "sign_ups": { "count": count, "rate": a_second, "bystanders": 0, "short_lived": 0 } });
        assert_eq!(self.world.control.order(order).await.len(), count);
    }

    /// Waits until every effect shows once and no message is left anywhere.
    async fn all_is_well(&self, sign_ups: usize) {
        eventually("each effect shows once", async || {
            self.world.control.shows_each_effect_once(sign_ups).await.then_some(())
        })
        .await;
        let (queue, dead) = (self.world.queue().await, self.world.dead_letters().await);
        eventually("the queue is empty", async || peek_all(&*queue).await.is_empty().then_some(())).await;
        assert_eq!(peek_all(&*dead).await.len(), 0);
    }
}
