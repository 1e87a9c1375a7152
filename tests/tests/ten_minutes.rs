//! `docs/ten-minutes.md` as a newcomer follows it: every command that it shows, in its order, and what it says happens.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::path::Path;

use serde_json::Value;
use usher_sandbox::Judged;
use usher_tests::{
    processes::{Process, Program, eventually},
    typed_commands::{Step, Typist, lines_of, steps},
};

const WALK: &str = include_str!("../../docs/ten-minutes.md");
/// The vendors that can be broken, and how.
const EDGES: [&str; 5] = ["entra", "stripe", "mailchimp", "salesforce", "webhook"];
const HOW: [&str; 4] = ["down", "500", "429", "slow"];

/// What the second terminal runs.
async fn second_terminal(home: &Path) -> Process {
    let lines = lines_of(WALK, "sh background");
    let [line] = lines.as_slice() else { panic!("one: {lines:?}") };
    let (program, args) = line.split_once(' ').unwrap();
    assert_eq!(Path::new(program).file_name().unwrap(), "usher");
    let up = Program::new("usher", home).args(args.split_whitespace()).spawn();
    eventually("the run stays up", async || up.stdout().contains("Staying up until Ctrl-C.").then_some(()))
        .await;
    up
}

/// What each command said that was typed: the last for each.
struct Said(Vec<(&'static str, String)>);

impl Said {
    /// What the first command said after this one that begins so.
    fn after(&self, earlier: &str, command: &str) -> &str {
        let from = self.0.iter().position(|(typed, _)| typed.starts_with(earlier));
        let from = from.unwrap_or_else(|| panic!("{earlier} was not typed"));
        let found = self.0[from..].iter().find(|(typed, _)| typed.starts_with(command));
        &found.unwrap_or_else(|| panic!("{command} was not typed after {earlier}")).1
    }
}

#[tokio::test]
async fn every_command_of_the_walk_does_what_the_walk_says() {
    let home = tempfile::tempdir().unwrap();
    let mut up = second_terminal(home.path()).await;
    let typist = Typist::in_folder(home.path());
    let mut said = Said(Vec::new());
    for step in steps(WALK) {
        said.0.push((step.command, typist.take(&step).await));
    }

    let trace = said.after("USER_ID=", "usher trace");
    for consumer in Judged::ALL.map(Judged::name) {
        assert!(trace.contains(&format!("process {consumer}")), "{consumer}: {trace}");
    }
    for part in ["sign-up", "audit delay", "enrich", "send user-signups", "attempt 1", "settle: complete"] {
        assert!(trace.contains(part), "{part}: {trace}");
    }
    assert!(!trace.contains('\u{1b}'), "no terminal: {trace}");

    let status = said.after("usher sandbox break stripe", "usher status");
    let billing = status.lines().find(|line| line.starts_with("billing")).unwrap();
    assert!(billing.contains("destination: circuit open"), "{status}");
    let waiting = said.after("WAITING=", "usher trace");
    assert!(!waiting.contains("dead-lettered"), "{waiting}");

    let refused = said.after("REFUSED=", "usher trace");
    assert!(refused.contains("settle: dead-letter, StripeRejected"), "{refused}");
    let replayed = said.after("usher dlq replay", "usher trace");
    assert!(replayed.contains("process billing (replay)"), "{replayed}");
    assert!(replayed.contains("↳ replays the dead letter of what was sent as span"), "{replayed}");

    every_vendor_breaks_in_every_way_and_is_repaired(&typist).await;
    scripts_read_it_too(&typist).await;

    let output = up.terminate().await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let (code, afterwards) = typist.type_in("usher trace \"$USER_ID\"").await;
    assert!(code == Some(0) && afterwards.contains("7 done"), "{afterwards}");
    let (code, gone) = typist.type_in("usher status").await;
    assert!(code == Some(69) && gone.contains("usher up --keep"), "{gone}");
}

async fn every_vendor_breaks_in_every_way_and_is_repaired(typist: &Typist) {
    for edge in EDGES {
        for how in HOW {
            let (code, said) = typist.type_in(&format!("usher sandbox break {edge} --how {how}")).await;
            assert_eq!(code, Some(0), "{edge} {how}: {said}");
        }
    }
    let (code, said) = typist.type_in("usher sandbox repair").await;
    assert!(code == Some(0) && EDGES.iter().all(|edge| said.contains(edge)), "{said}");
    let ready = Step { command: "usher status", code: 0, until: Some("billing yes closed") };
    typist.take(&ready).await;
    let nobody = "usher sandbox mend-email 00000000-0000-4000-8000-000000000000";
    let (code, said) = typist.type_in(nobody).await;
    assert!(code == Some(1) && said.contains("no such user"), "{said}");
}

async fn scripts_read_it_too(typist: &Typist) {
    let json = async |line: &str| -> Vec<Value> {
        let (code, said) = typist.type_in(line).await;
        assert_eq!(code, Some(0), "{line}: {said}");
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let status = json("usher status --json").await;
    assert_eq!(status[0]["services"][1]["service"], "producer", "{status:?}");
    let metrics = json("usher status --json --metrics usher.deliveries").await;
    assert!(metrics[0]["points"][0]["value"].as_f64().unwrap() >= 0.0, "{metrics:?}");
    let sign_ups = json("usher trace --json --limit 2").await;
    let [latest, _] = sign_ups.as_slice() else { panic!("two: {sign_ups:?}") };
    let spans = json(&format!("usher trace {} --json", latest["event_id"].as_str().unwrap())).await;
    assert!(spans.iter().all(|span| span["trace_id"] == latest["trace_id"]), "{spans:?}");
    let (code, said) = typist.type_in("usher trace nobody").await;
    assert!(code == Some(1) && said.contains(latest["user_id"].as_str().unwrap()), "{said}");
}
