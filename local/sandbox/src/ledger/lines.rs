//! How the ledger is drawn up: everything that exists at a destination is somebody's, or a stranger's.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    BirthrightsEffect, CrmEffect, Effect, Effects, EmailEffect, Judged, SqlEffect, Totals, UpnEffect,
    Verdict, WebhookEffect, billing,
};
use crate::{
    database::{self, Row},
    mailchimp::Member,
    role::Role,
    stripe_customer_id_attribute,
    world::World,
};

/// What exists at destinations that know nothing of the directory.
struct Found<'w> {
    /// Stripe's customers, by the user that they name.
    customers: BTreeMap<Uuid, Vec<String>>,
    /// Mailchimp's members, by address in lower case.
    members: BTreeMap<String, &'w Member>,
    /// The table's rows, by the user's id as it stands there.
    rows: BTreeMap<String, Vec<Row>>,
    totals: Totals,
}

pub(crate) fn effects(world: &World, now: OffsetDateTime, reveal: bool) -> Effects {
    let mut found = find(world);
    let lines = world.roles.iter().map(|(&id, role)| {
        let line = line(world, id, role, &mut found, now);
        if reveal { revealed(world, line, role) } else { line }
    });
    let mut sign_ups: Vec<_> = lines.collect();
    sign_ups.sort_by_key(|line| (line.signed_up_at, line.user_id));
    let mut totals = found.totals;
    totals.unknown_members = totals.members - known_members(world);
    sign_ups.iter().for_each(|line| totals.add(line));
    Effects { sign_ups, totals }
}

fn find(world: &World) -> Found<'_> {
    let mut totals = Totals {
        faults: world.faults.injected(),
        calls: world.calls.iter().map(|(call, count)| (call.name().to_owned(), *count)).collect(),
        misuses: world.misuses.clone(),
        ..Totals::default()
    };
    let mut customers: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for (customer, metadata) in world.stripe.living() {
        totals.customers += 1;
        let owner =
            metadata.values().filter_map(|value| value.parse().ok()).find(|id| world.roles.contains_key(id));
        match owner {
            Some(owner) => customers.entry(owner).or_default().push(customer.to_owned()),
            None => totals.strangers += 1,
        }
    }
    let members: BTreeMap<_, _> = world.mailchimp.all().collect();
    totals.members = members.len();
    let rows = database::rows(world);
    let rows_of_each = rows.iter().flat_map(|(id, rows)| rows.iter().map(move |_| id.as_str()));
    totals.unknown_rows = unknown(world, rows_of_each);
    totals.unknown_records = unknown(world, world.salesforce.external_ids());
    totals.unknown_deliveries = unknown(world, world.webhook.users());
    Found { customers, members, rows, totals }
}

/// How many of these ids are no user's.
fn unknown<'a>(world: &World, ids: impl Iterator<Item = &'a str>) -> usize {
    let is_known = |id: &str| id.parse::<Uuid>().is_ok_and(|id| world.roles.contains_key(&id));
    ids.filter(|id| !is_known(id)).count()
}

fn known_members(world: &World) -> usize {
    let addresses: std::collections::BTreeSet<_> = world.roles.values().flat_map(Role::addresses).collect();
    world.mailchimp.all().filter(|(address, _)| addresses.contains(address)).count()
}

fn line(world: &World, user_id: Uuid, role: &Role, found: &mut Found<'_>, now: OffsetDateTime) -> Effect {
    let user = world.tenant.directory.users.get(&user_id);
    let deleted = user.is_some_and(|user| user.is_deleted(now));
    let customer_id = user.and_then(|user| user.text(&stripe_customer_id_attribute())).map(str::to_owned);
    let writes = user.map_or(0, |user| user.stripe_id_changes);
    let customers = found.customers.remove(&user_id).unwrap_or_default();
    let members: Vec<_> =
        role.addresses().iter().filter_map(|address| found.members.get(address).copied()).collect();
    let rows = found.rows.remove(&user_id.to_string()).unwrap_or_default();
    let line = Effect {
        user_id,
        kind: role.kind,
        signed_up_at: role.signed_up_at,
        visible_at: role.visible_at,
        deleted,
        expected: billing::expected(world, user_id, role),
        billing: billing::judge(world, user_id, role, user, &customers),
        customers,
        customer_id,
        writes,
        email: EmailEffect::new(role.email, &members, deleted),
        birthrights: BirthrightsEffect::new(world, user_id, role, deleted),
        upn: UpnEffect::new(role, user, deleted),
        crm: CrmEffect::new(world, user_id, role, deleted),
        sql: SqlEffect::new(role, &rows, deleted),
        webhook: WebhookEffect::new(world, user_id, role, deleted),
        verdict: Verdict::Exact,
        address: None,
        display_name: None,
        user_principal_name: None,
    };
    let worst = Judged::ALL.into_iter().filter(|consumer| world.settings.consumers.contains(consumer));
    let verdict = worst.map(|consumer| line.verdict_of(consumer)).max().unwrap_or(Verdict::Exact);
    Effect { verdict, ..line }
}

fn revealed(world: &World, line: Effect, role: &Role) -> Effect {
    let person = role.person.clone();
    let user = world.tenant.directory.users.get(&line.user_id);
    let user_principal_name = user.and_then(|user| user.text("userPrincipalName")).map(str::to_owned);
    let (address, display_name) = (Some(person.email), Some(person.display_name));
    Effect { address, display_name, user_principal_name, ..line }
}
