//! `usher-producer probe`: what is wrong with the settings and with what they name. `usher doctor` collects it.

use std::{collections::BTreeMap, time::Duration};

use time::OffsetDateTime;
use usher_bus::{Bus, BusError, ServiceBus};
use usher_clock::Clock;
use usher_entra::{AuditActor, AuditEntry, Graph, GraphError};
use usher_finding::{Finding, Findings, State};
use usher_service::Failure;
use uuid::Uuid;

use crate::{Checkpoint, Kept, Settings, enrich::selected, recognise::ADD_USER};

/// What the producer asks of Graph.
const PERMISSIONS: [&str; 2] = ["AuditLog.Read.All", "User.Read.All"];
/// How far back the log is kept where it is kept the shortest.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Looks at everything, changes nothing, and prints what it found.
pub(crate) async fn probe(settings: Settings) -> Result<(), Failure> {
    let graph = crate::start::graph(&settings)?;
    let now = Clock::system().now();
    let mut findings = vec![Finding::ok("settings", "all there")];
    let way_in = graph.examine(&PERMISSIONS).await;
    let in_reach = way_in.iter().all(|finding| finding.check != "credentials" || finding.state == State::Ok);
    findings.extend(way_in);
    if in_reach {
        findings.push(attributes(&settings, &graph).await);
        findings.extend(actors(&settings, &graph, now).await);
    }
    findings.extend(topic(&settings).await);
    findings.extend(checkpoint(&settings, now).await);
    Findings { findings }.print();
    Ok(())
}

/// Whether users have the properties that go into the event.
async fn attributes(settings: &Settings, graph: &Graph) -> Finding {
    let policy = settings.policy();
    match graph.probe_reading(&selected(&policy.attributes)).await {
        Ok(()) => {
            Finding::ok("EVENT_ATTRIBUTES", format!("{} read beside the usual", policy.attributes.len()))
        }
        Err(error @ GraphError::Refused(_)) => {
            let mend = "name properties that users of this tenant have; custom ones as \
                        extension_{b2c-extensions-app id without hyphens}_{name}";
            Finding::wrong("EVENT_ATTRIBUTES", error.to_string(), mend)
        }
        Err(error) => {
            Finding::wrong("users", error.to_string(), "the app needs User.Read.All; check GRAPH_ENDPOINT")
        }
    }
}

/// Who made a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Maker {
    /// An app on its own: its id, or its service principal's.
    App(Uuid),
    /// A person, with whatever app.
    Person,
    /// The log does not say.
    Unknown,
}

impl Maker {
    fn of(actor: &AuditActor) -> Self {
        match actor.app_id.or(actor.service_principal_id) {
            _ if actor.is_person => Self::Person,
            Some(app) => Self::App(app),
            None => Self::Unknown,
        }
    }
}

/// Who makes users in this tenant, of the newest page of the log, and whether those are the sign-up actors.
async fn actors(settings: &Settings, graph: &Graph, now: OffsetDateTime) -> Vec<Finding> {
    let page = match graph.audit_page(&graph.audit_link(ADD_USER, now - KEPT, now)).await {
        Ok(page) => page,
        Err(error) => {
            let mend = "the app needs AuditLog.Read.All, and the tenant a licence that lets its log be read";
            return vec![Finding::wrong("audit log", error.to_string(), mend)];
        }
    };
    let ours = settings.policy().actors;
    let entries: Vec<_> = page.entries.into_iter().filter_map(Result::ok).filter(|it| it.success).collect();
    let is_ours = |actor: &AuditActor| {
        let ids = [actor.app_id, actor.service_principal_id];
        !actor.is_person && ids.iter().flatten().any(|id| ours.contains(id))
    };
    tally(&entries, is_ours)
}

fn tally(entries: &[AuditEntry], is_ours: impl Fn(&AuditActor) -> bool) -> Vec<Finding> {
    const CHECK: &str = "SIGNUP_ACTORS";
    if entries.is_empty() {
        let mend = "sign up once, wait five minutes and look again";
        return vec![Finding::warning(
            CHECK,
            "nobody became a user in the last 7 days: nothing to compare",
            mend,
        )];
    }
    let mut made: BTreeMap<Maker, (usize, bool)> = BTreeMap::new();
    for entry in entries {
        let (count, ours) = made.entry(Maker::of(&entry.actor)).or_default();
        *count += 1;
        *ours |= is_ours(&entry.actor);
    }
    let any_ours = made.values().any(|(_, ours)| *ours);
    let mut findings: Vec<_> =
        made.into_iter().map(|(maker, (count, ours))| seen(maker, count, ours)).collect();
    if !any_ours {
        let what = format!("none of them made any of the {} newest users", entries.len());
        let mend =
            "put the id of the app there that your customers sign up through: most likely one of the above";
        findings.push(Finding::wrong(CHECK, what, mend));
    }
    findings
}

fn seen(maker: Maker, count: usize, ours: bool) -> Finding {
    match maker {
        Maker::App(app) if ours => {
            Finding::ok(format!("actor {app}"), format!("made {count} users; SIGNUP_ACTORS has it"))
        }
        Maker::App(app) => {
            let what = format!("made {count} users; SIGNUP_ACTORS does not have it: they are left alone");
            Finding::ok(format!("actor {app}"), what)
        }
        Maker::Person => Finding::ok("people", format!("made {count} users: they are left alone")),
        Maker::Unknown => Finding::ok("nobody named", format!("made {count} users: they are left alone")),
    }
}

/// Whether we may publish. Whether it detects duplicates, a key that may only send can't see.
async fn topic(settings: &Settings) -> Vec<Finding> {
    let topic = settings.bus.topic();
    let shown_by = format!(
        "az servicebus topic show -g GROUP --namespace-name NAMESPACE -n {topic} --query \
         \"[requiresDuplicateDetection,duplicateDetectionHistoryTimeWindow]\" must say true and P7D"
    );
    vec![
        may_publish(settings, topic).await,
        Finding::skipped("duplicate detection", "a key that may send can't see it", shown_by),
    ]
}

async fn may_publish(settings: &Settings, topic: &str) -> Finding {
    let bus = match ServiceBus::connect(&settings.bus, settings.http.extra_ca_file.as_deref()) {
        Ok(bus) => bus,
        Err(error) => return Finding::wrong("topic", error.to_string(), format!("mend {}", error.setting())),
    };
    let opened = bus.publisher(topic).await.map(drop);
    bus.close().await;
    match opened {
        Ok(()) => Finding::ok("topic", format!("{topic} takes messages from us")),
        Err(error) => {
            let mend = match error {
                BusError::NotFound { .. } => "make it, or mend SERVICEBUS_TOPIC".to_owned(),
                BusError::Unauthorized { .. } => {
                    format!("{} must be one that may send", settings.bus.credential_setting())
                }
                _ => "check SERVICEBUS_CONNECTION_STRING or SERVICEBUS_NAMESPACE, and the network".to_owned(),
            };
            Finding::wrong("topic", error.to_string(), mend)
        }
    }
}

/// The checkpoint, and if that can be read, the lease on it.
async fn checkpoint(settings: &Settings, now: OffsetDateTime) -> Vec<Finding> {
    let kept = match settings.checkpoint.open(settings.http.extra_ca_file.as_deref()) {
        Ok(kept) => kept,
        Err(failure) => return vec![Finding::wrong("checkpoint", failure.to_string(), "mend it as it says")],
    };
    let read = readable(settings, &kept, now).await;
    if read.state == State::Wrong {
        return vec![read];
    }
    vec![read, lease(&kept).await]
}

/// Whether anybody works with it. Who that is, neither a file nor a blob tells.
async fn lease(kept: &Kept) -> Finding {
    const CHECK: &str = "lease";
    match kept.lease.is_taken().await {
        Ok(true) => Finding::ok(CHECK, "taken: a producer works with this checkpoint"),
        Ok(false) => Finding::ok(CHECK, "free: no producer works with this checkpoint at present"),
        Err(error) => Finding::wrong(CHECK, error.to_string(), "mend CHECKPOINT as it says"),
    }
}

/// Whether there is one to go on from, and whether the log still reaches back to it.
async fn readable(settings: &Settings, kept: &Kept, now: OffsetDateTime) -> Finding {
    const CHECK: &str = "checkpoint";
    match Checkpoint::open(kept.store.as_ref(), &settings.policy(), now).await {
        Ok(checkpoint) if checkpoint.watermark + KEPT < now => {
            let what = format!(
                "the log was last read up to {}: some of it may be gone by now",
                checkpoint.watermark
            );
            Finding::warning(CHECK, what, "start the producer, then: usher-producer backfill --since 30d")
        }
        Ok(checkpoint) => Finding::ok(CHECK, format!("goes on from {}", checkpoint.watermark)),
        Err(error) => Finding::wrong(CHECK, error.to_string(), "mend CHECKPOINT or START_FROM as it says"),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const OURS: Uuid = Uuid::from_u128(1);

    fn made_by(app: u128, is_person: bool) -> AuditEntry {
        AuditEntry {
            id: "Directory_1".to_owned(),
            at: datetime!(2026-01-01 12:00 UTC),
            activity: Some(ADD_USER.to_owned()),
            success: true,
            correlation_id: None,
            actor: AuditActor { app_id: Some(Uuid::from_u128(app)), is_person, ..AuditActor::default() },
            target_user: Some(Uuid::from_u128(9)),
        }
    }

    fn states(entries: &[AuditEntry]) -> Vec<State> {
        let is_ours = |actor: &AuditActor| actor.app_id == Some(OURS) && !actor.is_person;
        tally(entries, is_ours).into_iter().map(|finding| finding.state).collect()
    }

    #[test]
    fn actors_are_wrong_only_if_none_of_them_makes_users() {
        assert_eq!(states(&[]), [State::Warning]);
        assert_eq!(states(&[made_by(1, false), made_by(2, false), made_by(3, true)]), [State::Ok; 3]);
        assert_eq!(states(&[made_by(2, false), made_by(1, true)]), [State::Ok, State::Ok, State::Wrong]);
    }
}
