//! Whether a history is right.

use std::collections::BTreeMap;

use usher_bus::Peeked;
use usher_event::Event;
use usher_sandbox::{CrmExpected, Effect, Effects, EmailExpected, Expected, Judged, Kind, Verdict};
use uuid::Uuid;

/// What consumers could not do.
pub(super) type DeadLetters = BTreeMap<Judged, Vec<Peeked>>;

/// A dead letter's reason and description.
pub(super) fn reason(seen: &Peeked) -> (String, String) {
    let (reason, description) = seen.message.dead_letter();
    (reason.unwrap_or_default().to_owned(), description.unwrap_or_default().to_owned())
}

/// What a sign-up is to a consumer.
#[derive(Clone, Copy, PartialEq)]
enum Due {
    /// No sign-up at all.
    Nothing,
    /// Something to do, if only to see that nothing is called for.
    Effect,
    /// The destination refuses it: a dead letter.
    Refusal,
}

fn due(line: &Effect, consumer: Judged) -> Due {
    match (line.kind, consumer) {
        (Kind::AdminMade | Kind::OtherApp | Kind::Failed, _) => Due::Nothing,
        (Kind::Customer, Judged::Billing) if line.expected == Expected::Refused => Due::Refusal,
        (Kind::Customer, Judged::Email) if line.email.expected == EmailExpected::Refused => Due::Refusal,
        (Kind::Customer, Judged::Crm)
            if matches!(line.crm.expected, CrmExpected::Ambiguous | CrmExpected::Refused) =>
        {
            Due::Refusal
        }
        (Kind::Customer, _) => Due::Effect,
    }
}

/// Whether no waiting can mend it.
pub(super) fn is_beyond_repair(effects: &Effects) -> bool {
    let totals = &effects.totals;
    totals.wrong + totals.of_nobody() > 0 || !totals.misuses.is_empty()
}

/// Once all is quiet: at each destination one effect per sign-up, or one dead letter with our reason, and nothing
/// else. Where an answer was lost after its effect and the next attempt was refused there can be both: the operator
/// learns of a refusal that happened, and the effect shows once all the same.
pub(super) fn before_replay(effects: &Effects, dead: &DeadLetters) -> Result<(), String> {
    if is_beyond_repair(effects) {
        return Err(format!("the ledger is wrong: {:?} {:?}", effects.totals, wrong(effects)));
    }
    Judged::ALL.into_iter().try_for_each(|consumer| {
        let mut dead_of = by_user(&dead[&consumer])?;
        let lines = &mut effects.sign_ups.iter();
        lines.try_for_each(|line| one_or_the_other(line, consumer, dead_of.remove(&line.user_id)))?;
        if dead_of.is_empty() { Ok(()) } else { Err(format!("dead letters of nobody: {dead_of:?}")) }
    })
}

fn by_user(dead: &[Peeked]) -> Result<BTreeMap<Uuid, Vec<(String, String)>>, String> {
    let mut dead_of = BTreeMap::<Uuid, Vec<(String, String)>>::new();
    for seen in dead {
        let event = Event::from_json(&seen.message.body)
            .map_err(|error| format!("a dead letter is no event: {error}"))?;
        dead_of.entry(event.data.user_id).or_default().push(reason(seen));
    }
    Ok(dead_of)
}

fn one_or_the_other(
    line: &Effect,
    consumer: Judged,
    dead: Option<Vec<(String, String)>>,
) -> Result<(), String> {
    let dead = dead.unwrap_or_default();
    let told = |what: &str| Err(format!("{}: {what}: {line:?} {dead:?}", consumer.name()));
    match (due(line, consumer), line.verdict_of(consumer), dead.len()) {
        (_, _, 2..) => told("more than one dead letter"),
        (Due::Nothing, _, 1) => told("a dead letter of somebody who never signed up"),
        (Due::Effect, Verdict::Pending, 0) => told("lost"),
        (Due::Refusal, _, 0) => told("refused without a dead letter"),
        (_, _, 1) if !has_our_reason(&dead[0], consumer) => told("a dead letter without our reason"),
        _ => Ok(()),
    }
}

/// A reason of ours, never the broker's: that it is `MaxDeliveryCountExceeded` would say nothing.
fn has_our_reason((reason, description): &(String, String), consumer: Judged) -> bool {
    let of_vendor: &[&str] = match consumer {
        Judged::Billing => &["StripeRejected", "EntraRejected"],
        Judged::Email => &["MailchimpRejected"],
        Judged::Birthrights | Judged::Upn => &["EntraRejected"],
        Judged::Crm => &["SalesforceRejected"],
        Judged::Sql => &["DatabaseRejected"],
        Judged::Webhook => &["WebhookRejected"],
    };
    let ours = reason == "RetriesExhausted" || of_vendor.contains(&reason.as_str());
    ours && description.contains(&format!("consumer={} attempt=", consumer.name()))
}

/// After the replay: everybody has exactly what they should, and nobody's letter is dead but of those whom Mailchimp
/// does not write to, whatever they mend: the message says under which address they agreed.
pub(super) fn in_the_end(effects: &Effects, dead: &DeadLetters) -> Result<(), String> {
    if !effects.all_exact() {
        return Err(format!("not exact in the end: {:?} {:?}", effects.totals, wrong(effects)));
    }
    Judged::ALL.into_iter().try_for_each(|consumer| {
        let refused = effects.sign_ups.iter().filter(|line| due(line, consumer) == Due::Refusal);
        let refused: Vec<_> = refused.map(|line| line.user_id).collect();
        let mut dead_of = by_user(&dead[&consumer])?;
        dead_of.retain(|user, _| !refused.contains(user));
        if dead_of.is_empty() { Ok(()) } else { Err(format!("{} still dead: {dead_of:?}", consumer.name())) }
    })
}

fn wrong(effects: &Effects) -> Vec<&Effect> {
    effects.sign_ups.iter().filter(|line| line.verdict != Verdict::Exact).collect()
}
