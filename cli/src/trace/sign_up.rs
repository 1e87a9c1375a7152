//! What a trace comes to: who signed up, and what each consumer made of it.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{
    human,
    span::{Settled, Span},
};

/// A sign-up, as far as its trace has come in.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct SignUp {
    pub(crate) trace_id: String,
    pub(crate) user_id: Option<String>,
    pub(crate) event_id: Option<String>,
    /// When it began, which is when they signed up, and when the last of it ended that is known.
    pub(crate) start_unix_nano: u64,
    pub(crate) end_unix_nano: u64,
    /// What each consumer made of it that has begun.
    pub(crate) consumers: BTreeMap<String, Outcome>,
}

/// What a consumer made of a sign-up.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub(crate) enum Outcome {
    Done,
    DeadLettered {
        reason: String,
    },
    /// Given back, or tried and not through with it.
    UnderWay,
}

impl SignUp {
    /// What these spans come to, which are of one trace; `None` if nobody signed up in it.
    pub(crate) fn of(spans: &[Span]) -> Option<Self> {
        let (user_id, event_id) =
            (spans.iter().find_map(Span::user_id), spans.iter().find_map(Span::event_id));
        if user_id.is_none() && event_id.is_none() {
            return None;
        }
        let start = spans.iter().map(|span| span.start_unix_nano).min()?;
        let end = spans.iter().map(|span| span.end_unix_nano).max()?;
        Some(Self {
            trace_id: spans.first()?.trace_id.clone(),
            user_id,
            event_id,
            start_unix_nano: start,
            end_unix_nano: end,
            consumers: consumers(spans),
        })
    }

    /// Whether a span says something of what this is made of: all else need not be kept.
    pub(crate) fn is_made_of(span: &Span) -> bool {
        span.user_id().is_some()
            || span.event_id().is_some()
            || span.settled().is_some()
            || span.attempt().is_some()
    }

    /// By what it is asked for: the user, mostly.
    pub(crate) fn id(&self) -> &str {
        self.user_id.as_ref().or(self.event_id.as_ref()).unwrap_or(&self.trace_id)
    }

    /// How many consumers are through with it.
    pub(crate) fn done(&self) -> usize {
        self.consumers.values().filter(|outcome| **outcome == Outcome::Done).count()
    }

    /// From the sign-up to the last that is known of it.
    pub(crate) fn took(&self) -> String {
        human::duration(self.end_unix_nano.saturating_sub(self.start_unix_nano))
    }

    /// `5 done, 1 dead-lettered (billing: StripeRejected), 1 under way (crm)`
    pub(crate) fn tally(&self) -> String {
        let mut said = vec![format!("{} done", self.done())];
        let named = |of: fn(&Outcome) -> Option<String>| -> Vec<String> {
            let named =
                |(consumer, outcome): (&String, &Outcome)| Some(format!("{consumer}{}", of(outcome)?));
            self.consumers.iter().filter_map(named).collect()
        };
        let dead = named(|outcome| match outcome {
            Outcome::DeadLettered { reason } => Some(format!(": {reason}")),
            _ => None,
        });
        let under_way = named(|outcome| (*outcome == Outcome::UnderWay).then(String::new));
        for (which, what) in [(dead, "dead-lettered"), (under_way, "under way")] {
            if !which.is_empty() {
                said.push(format!("{} {what} ({})", which.len(), which.join(", ")));
            }
        }
        said.join(", ")
    }
}

/// The lines above its picture.
impl fmt::Display for SignUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |id: &Option<String>| id.clone().unwrap_or_else(|| "not known".to_owned());
        writeln!(f, "user   {}", known(&self.user_id))?;
        writeln!(f, "event  {}", known(&self.event_id))?;
        writeln!(f, "trace  {}", self.trace_id)?;
        writeln!(
            f,
            "signed up at {}; {} after {}",
            human::time(self.start_unix_nano),
            self.tally(),
            self.took()
        )
    }
}

/// What each consumer made of it at last: a dead letter that was replayed is one no more.
fn consumers(spans: &[Span]) -> BTreeMap<String, Outcome> {
    let settled = spans.iter().filter_map(|span| Some((span.parent_span_id.as_deref()?, span.settled()?)));
    let settled: BTreeMap<&str, Settled> = settled.collect();
    let mut last = BTreeMap::<String, (u64, Outcome)>::new();
    let mut is_now = |consumer: String, at: u64, outcome: Outcome| match last.get(&consumer) {
        Some((later, _)) if *later > at => {}
        _ => _ = last.insert(consumer, (at, outcome)),
    };
    for span in spans {
        if let Some(consumer) = span.consumer() {
            let settled = span.outcome().or_else(|| settled.get(span.span_id.as_str()).cloned());
            is_now(consumer, span.start_unix_nano, outcome(settled));
        } else if span.attempt().is_some() {
            // What it is part of may not have ended: of it nothing is known then but this.
            let is_known = spans.iter().any(|it| Some(&it.span_id) == span.parent_span_id.as_ref());
            if !is_known {
                is_now(span.short_service().to_owned(), span.start_unix_nano, Outcome::UnderWay);
            }
        }
    }
    last.into_iter().map(|(consumer, (_, outcome))| (consumer, outcome)).collect()
}

fn outcome(settled: Option<Settled>) -> Outcome {
    match settled {
        Some(Settled::Completed) => Outcome::Done,
        Some(Settled::DeadLettered(reason)) => Outcome::DeadLettered { reason },
        Some(Settled::GivenBack) | None => Outcome::UnderWay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{
        span::Kind,
        testing::{sign_up, span},
    };

    #[test]
    fn a_sign_up_says_what_each_consumer_made_of_it() {
        let spans = sign_up("a1b2", &[("email", "complete"), ("billing", "dead_letter"), ("crm", "release")]);
        let found = SignUp::of(&spans).unwrap();
        assert_eq!((found.id(), found.done()), ("a1b2", 1));
        assert_eq!(found.tally(), "1 done, 1 dead-lettered (billing: StripeRejected), 1 under way (crm)");
        assert_eq!(
            found.to_string(),
            "user   a1b2\n\
             event  event-a1b2\n\
             trace  5231e74098163514c0fa8943e8ece282\n\
             signed up at 2026-01-01T12:00:00Z; 1 done, 1 dead-lettered (billing: StripeRejected), \
             1 under way (crm) after 4.90 s\n"
        );
    }

    #[test]
    fn a_dead_letter_that_was_replayed_is_done() {
        let mut spans = sign_up("a1b2", &[("billing", "dead_letter")]);
        let replay = span("9a", Some("2"), "usher-billing", "process billing", 90_000..90_100);
        spans.push(replay.of_kind(Kind::Consumer).with("usher.replay", true));
        let settle = span("9b", Some("9a"), "usher-billing", "settle", 90_090..90_100);
        spans.push(settle.with("messaging.operation.name", "complete"));
        assert_eq!(SignUp::of(&spans).unwrap().tally(), "1 done");
        spans.reverse();
        assert_eq!(SignUp::of(&spans).unwrap().tally(), "1 done");
    }

    #[test]
    fn what_a_consumer_says_of_itself_goes_before_what_is_known_of_its_parting() {
        let mut spans = sign_up("a1b2", &[("billing", "complete")]);
        let replay = span("9a", Some("2"), "usher-crm", "process user-signups", 90_000..90_100);
        let replay = replay.of_kind(Kind::Consumer).with("usher.outcome", "still_dead");
        spans.push(replay.with("usher.dead_letter.reason", "SalesforceRejected"));
        assert_eq!(SignUp::of(&spans).unwrap().tally(), "1 done, 1 dead-lettered (crm: SalesforceRejected)");
    }

    #[test]
    fn an_attempt_whose_delivery_has_not_ended_is_under_way() {
        let mut spans = sign_up("a1b2", &[("email", "complete")]);
        let attempt = span("8a", Some("8"), "usher-billing", "attempt", 5_000..5_100);
        spans.push(attempt.with("usher.attempt", 1));
        assert_eq!(SignUp::of(&spans).unwrap().tally(), "1 done, 1 under way (billing)");
    }

    #[test]
    fn a_trace_in_which_nobody_signed_up_is_no_sign_up() {
        assert_eq!(SignUp::of(&[span("1", None, "usher-producer", "GET", 0..1)]), None);
        assert_eq!(SignUp::of(&[]), None);
    }
}
