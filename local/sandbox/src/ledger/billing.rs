//! Stripe's customer, and its id on the user.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Verdict;
use crate::{
    Person, StripePolicy,
    entra::User,
    role::Role,
    stripe::{Before, Realm},
    stripe_customer_id_attribute,
    world::World,
};

/// What should come of a sign-up at Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// One Stripe customer, its id on the user, written once.
    One,
    /// A dead letter, since Stripe refuses the address, or billing the customer who was there before: no customer until
    /// it is mended.
    Refused,
    /// Nothing: it isn't a sign-up.
    Nothing,
    /// The user was deleted soon after: one customer or none, depending on who was quicker.
    AtMostOne,
}

/// What should come of a sign-up, with whoever was there before it.
pub(super) fn expected(world: &World, user: Uuid, role: &Role) -> Expected {
    let refuses = |before: &Before| match world.settings.stripe.policy {
        StripePolicy::Create => false,
        StripePolicy::Link => before.is_ambiguous(&role.person),
        StripePolicy::Reject => true,
    };
    match role.expected {
        Expected::One if world.stripe.before(user).is_some_and(refuses) => Expected::Refused,
        expected => expected,
    }
}

/// How what came of it compares: the worst of what each look says.
pub(super) fn judge(
    world: &World,
    user_id: Uuid,
    role: &Role,
    user: Option<&User>,
    customers: &[String],
) -> Verdict {
    let expected = expected(world, user_id, role);
    let attribute = stripe_customer_id_attribute();
    let on_user = user.and_then(|user| user.text(&attribute));
    let writes = user.map_or(0, |user| user.stripe_id_changes);
    let in_extension = user.and_then(|user| in_extension(world, user));
    let extension = match world.settings.stripe.open_extension {
        Some(_) => in_step(expected, on_user, in_extension),
        None => Verdict::Exact,
    };
    let looks = [
        verdict(expected, customers, on_user, writes),
        extension,
        in_its_account(world, &role.person, customers),
        world.stripe.before(user_id).map_or(Verdict::Exact, |before| {
            let to_link = match world.settings.stripe.policy {
                StripePolicy::Link => before.to_link(&role.person),
                StripePolicy::Create | StripePolicy::Reject => None,
            };
            beside(before, to_link, customers, |id| world.stripe.is_spoilt(id))
        }),
    ];
    looks.into_iter().max().unwrap_or(Verdict::Exact)
}

fn verdict(expected: Expected, customers: &[String], on_user: Option<&str>, writes: u32) -> Verdict {
    match (expected, customers, on_user) {
        (Expected::Nothing | Expected::Refused, [], None) => Verdict::Exact,
        (Expected::Nothing | Expected::Refused, ..) => Verdict::Unwanted,
        (_, [_, _, ..], _) => Verdict::Doubled,
        (_, [], Some(_)) => Verdict::Mismatched,
        (_, [customer], Some(on_user)) if customer != on_user => Verdict::Mismatched,
        (_, [_], Some(_)) if writes > 1 => Verdict::Rewritten,
        (_, [_], Some(_)) | (Expected::AtMostOne, ..) => Verdict::Exact,
        (Expected::One, ..) => Verdict::Pending,
    }
}

/// The customer's id in the open extension.
fn in_extension<'u>(world: &World, user: &'u User) -> Option<&'u str> {
    let name = world.settings.stripe.open_extension.as_ref()?;
    user.open_extensions.get(name)?.get("stripeCustomerId").and_then(Value::as_str)
}

/// Whether the open extension says what the attribute says. It comes after it.
fn in_step(expected: Expected, on_user: Option<&str>, in_extension: Option<&str>) -> Verdict {
    match (on_user, in_extension) {
        (None, None) => Verdict::Exact,
        (Some(_), None) if expected == Expected::AtMostOne => Verdict::Exact,
        (Some(_), None) => Verdict::Pending,
        (on_user, in_extension) if on_user == in_extension => Verdict::Exact,
        _ => Verdict::Mismatched,
    }
}

/// Whether a customer is in the account that the rules choose, where there are two.
fn in_its_account(world: &World, person: &Person, customers: &[String]) -> Verdict {
    let own = Realm::of_person(&world.settings.stripe, person);
    let elsewhere = |id: &String| world.stripe.realm_of(id).is_some_and(|realm| realm.second != own.second);
    if customers.iter().any(elsewhere) { Verdict::Mismatched } else { Verdict::Exact }
}

/// Whether those who were there before are as they should be: the one that is to be linked, and all others left alone.
fn beside(
    before: &Before,
    to_link: Option<&str>,
    customers: &[String],
    is_spoilt: impl Fn(&str) -> bool,
) -> Verdict {
    let is_to_link = |id: &String| to_link == Some(id.as_str());
    let is_claimed = |id: &&String| customers.contains(id);
    if before.customers.iter().filter(is_claimed).any(|id| !is_to_link(id)) {
        return Verdict::Unwanted;
    }
    let is_another = to_link.is_some() && customers.iter().any(|id| !is_to_link(id));
    if is_another || before.customers.iter().any(|id| is_spoilt(id)) {
        return Verdict::Mismatched;
    }
    Verdict::Exact
}

#[cfg(test)]
mod tests;
