//! Whether a history is right.

use std::collections::BTreeMap;

use usher_bus::Peeked;
use usher_event::Event;
use usher_sandbox::{Effect, Effects, Expected, Verdict};
use uuid::Uuid;

/// A dead letter's reason and description.
pub(super) fn reason(seen: &Peeked) -> (String, String) {
    let (reason, description) = seen.message.dead_letter();
    (reason.unwrap_or_default().to_owned(), description.unwrap_or_default().to_owned())
}

/// Whether no waiting can mend it.
pub(super) fn is_beyond_repair(effects: &Effects) -> bool {
    effects.totals.wrong > 0 || effects.totals.strangers > 0
}

/// Once all is quiet: one customer per sign-up, or one dead letter with our reason, and nothing else. Where an
/// answer was lost after its effect and the next attempt was refused there can be both: the operator learns of a
/// refusal that happened, and the effect shows once all the same.
pub(super) fn before_replay(effects: &Effects, dead: &[Peeked]) -> Result<(), String> {
    if is_beyond_repair(effects) {
        return Err(format!("the ledger is wrong: {:?}", wrong(effects)));
    }
    let mut dead_of = BTreeMap::<Uuid, Vec<(String, String)>>::new();
    for seen in dead {
        let event = Event::from_json(&seen.message.body)
            .map_err(|error| format!("a dead letter is no event: {error}"))?;
        dead_of.entry(event.data.user_id).or_default().push(reason(seen));
    }
    effects.sign_ups.iter().try_for_each(|line| one_or_the_other(line, dead_of.remove(&line.user_id)))?;
    if dead_of.is_empty() { Ok(()) } else { Err(format!("dead letters of nobody: {dead_of:?}")) }
}

fn one_or_the_other(line: &Effect, dead: Option<Vec<(String, String)>>) -> Result<(), String> {
    let dead = dead.unwrap_or_default();
    let told = |what: &str| Err(format!("{what}: {line:?} {dead:?}"));
    match (line.expected, line.verdict, dead.len()) {
        (_, _, 2..) => told("more than one dead letter"),
        (Expected::Nothing, _, 1) => told("a dead letter of somebody who never signed up"),
        (Expected::One, Verdict::Pending, 0) => told("lost"),
        (Expected::Refused, _, 0) => told("refused without a dead letter"),
        (_, _, 1) if !has_our_reason(&dead[0]) => told("a dead letter without our reason"),
        _ => Ok(()),
    }
}

/// A reason of ours, never the broker's: that it is `MaxDeliveryCountExceeded` would say nothing.
fn has_our_reason((reason, description): &(String, String)) -> bool {
    let ours = ["StripeRejected", "EntraRejected", "RetriesExhausted"];
    ours.contains(&reason.as_str()) && description.contains("consumer=billing attempt=")
}

/// After the replay: everybody has exactly what they should, and no dead letter is left.
pub(super) fn in_the_end(effects: &Effects, dead: &[Peeked]) -> Result<(), String> {
    if !effects.all_exact() {
        return Err(format!("not exact in the end: {:?}", wrong(effects)));
    }
    if dead.is_empty() {
        Ok(())
    } else {
        Err(format!("still dead: {:?}", dead.iter().map(reason).collect::<Vec<_>>()))
    }
}

fn wrong(effects: &Effects) -> Vec<&Effect> {
    effects.sign_ups.iter().filter(|line| line.verdict != Verdict::Exact).collect()
}
