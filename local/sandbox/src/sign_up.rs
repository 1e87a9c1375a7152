//! How somebody becomes a user: by signing up, or in one of the ways that must not be mistaken for it.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    Identity, Past, Person, SalesforcePast,
    entra::{User, entries},
    latency::between,
    role::Role,
    stripe,
    world::{World, random_uuid},
};

/// How somebody became a user, or didn't.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Signed up: the only ones to welcome.
    #[default]
    Customer,
    /// Made by an administrator in the portal.
    AdminMade,
    /// Made by another app, such as a synchronisation.
    OtherApp,
    /// Tried to sign up and failed: the log has the entry, the directory no user.
    Failed,
}

/// A sign-up to make. What is left out is made up, realistically and from the seed.
#[derive(Clone, Debug, Default)]
pub struct NewSignUp {
    /// How they become a user.
    pub kind: Kind,
    /// The address; any text is taken.
    pub email: Option<String>,
    /// The name as shown.
    pub display_name: Option<String>,
    /// The given name.
    pub given_name: Option<String>,
    /// The surname.
    pub surname: Option<String>,
    /// Whether they want mail.
    pub marketing_consent: Option<bool>,
    /// Where they sign in, such as `google.com`.
    pub identity_provider: Option<String>,
    /// What they say that they buy for: `business` or `private`.
    pub company_type: Option<String>,
    /// A user principal name that somebody chose for them: not to be touched. Left out: the generated one.
    pub user_principal_name: Option<String>,
    /// What Mailchimp knows of the address already.
    pub mailchimp: Option<Past>,
    /// What stands in the way of a Salesforce record.
    pub salesforce: SalesforcePast,
    /// Gives them an address that Stripe refuses.
    pub refused_email: bool,
    /// When; now if left out. In the time to come, nothing shows until then.
    pub at: Option<OffsetDateTime>,
    /// How late the `Add user` entry shows.
    pub audit_latency: Option<Duration>,
    /// For how long the user is still 404.
    pub replication_lag: Option<Duration>,
    /// When the user is deleted, from the sign-up on.
    pub deleted_after: Option<Duration>,
}

/// Many sign-ups to make.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// How many really sign up and stay.
    pub count: usize,
    /// Over how long; zero: all at once, now.
    pub over: Duration,
    /// Whether one of them has an address that Stripe refuses.
    pub refused_email: bool,
    /// How many of them agree to mail and have an address that Mailchimp refuses, for one reason or another.
    pub refused_by_mailchimp: usize,
    /// How many of them agree to mail, are on the list already, and have unsubscribed.
    pub unsubscribed: usize,
    /// How many of them Salesforce refuses, for one reason or another.
    pub refused_by_salesforce: usize,
    /// How many others appear in the log, who must not be welcomed. They come on top.
    pub bystanders: usize,
    /// How many sign up and are deleted within minutes. They come on top.
    pub short_lived: usize,
}

impl Crowd {
    /// So many sign-ups at once, with a usual share of bystanders and of people who change their mind.
    pub const fn of(count: usize) -> Self {
        Self {
            count,
            over: Duration::ZERO,
            refused_email: false,
            refused_by_mailchimp: 0,
            unsubscribed: 0,
            refused_by_salesforce: 0,
            bystanders: count.div_ceil(5),
            short_lived: count / 20,
        }
    }

    /// The same, spread over a time.
    pub const fn over(mut self, over: Duration) -> Self {
        self.over = over;
        self
    }

    /// The same, so many a second; 0: all at once.
    pub fn at_rate(self, per_second: f64) -> Self {
        let seconds = if per_second > 0.0 { self.count as f64 / per_second } else { 0.0 };
        self.over(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST))
    }

    /// The same, one of them with an address that Stripe refuses.
    pub const fn with_refused_email(mut self) -> Self {
        self.refused_email = true;
        self
    }
}

/// The longest time that anything is set to take: for as long the longest-lived log is kept.
pub(crate) const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// Who changes their mind does so within this time.
const SHORT_LIFE: Duration = Duration::from_secs(600);

pub(crate) fn generate(world: &mut World, crowd: &Crowd, now: OffsetDateTime) -> Vec<Uuid> {
    let refused = crowd.refused_email.then(|| world.fate.usize(0..crowd.count.max(1)));
    let pasts = pasts(world, crowd, refused);
    let at_salesforce = at_salesforce(world, crowd, refused);
    let customers = (0..crowd.count).map(|i| {
        let at = now + crowd.over.mul_f64(i as f64 / crowd.count as f64);
        let (refused_email, mailchimp) = (refused == Some(i), pasts.get(&i).copied());
        // Mailchimp would refuse what Stripe refuses: so that there is one refusal, this one doesn't want mail.
        let marketing_consent = mailchimp.map(|_| true).or(refused_email.then_some(false));
        let salesforce = at_salesforce.get(&i).copied().unwrap_or_default();
        let who = NewSignUp { at: Some(at), refused_email, mailchimp, salesforce, ..NewSignUp::default() };
        enter(world, NewSignUp { marketing_consent, ..who }, now)
    });
    let customers = customers.collect();
    for i in 0..crowd.bystanders {
        let kind = [Kind::AdminMade, Kind::OtherApp, Kind::Failed][i % 3];
        let at = some_time(world, crowd, now);
        enter(world, NewSignUp { kind, at: Some(at), ..NewSignUp::default() }, now);
    }
    for _ in 0..crowd.short_lived {
        let at = some_time(world, crowd, now);
        let deleted_after = Some(between(&mut world.fate, &(Duration::ZERO..=SHORT_LIFE)));
        enter(world, NewSignUp { at: Some(at), deleted_after, ..NewSignUp::default() }, now);
    }
    customers
}

/// Who of the crowd has a past with Mailchimp. The one whom Stripe refuses has none.
fn pasts(world: &mut World, crowd: &Crowd, refused: Option<usize>) -> BTreeMap<usize, Past> {
    let most = crowd.refused_by_mailchimp.saturating_add(crowd.unsubscribed);
    if most == 0 {
        return BTreeMap::new();
    }
    let chosen = world.population.choose(crowd.count, refused, most);
    let past = |(n, i)| match n < crowd.refused_by_mailchimp {
        true => (i, world.population.refused_past()),
        false => (i, Past::Unsubscribed),
    };
    chosen.into_iter().enumerate().map(past).collect()
}

/// Whom of the crowd Salesforce refuses. The one whom Stripe refuses is not among them either.
fn at_salesforce(
    world: &mut World,
    crowd: &Crowd,
    refused: Option<usize>,
) -> BTreeMap<usize, SalesforcePast> {
    let most = crowd.refused_by_salesforce;
    world.population.refused_by_salesforce(crowd.count, refused, most).into_iter().collect()
}

fn some_time(world: &mut World, crowd: &Crowd, now: OffsetDateTime) -> OffsetDateTime {
    now + between(&mut world.fate, &(Duration::ZERO..=crowd.over))
}

pub(crate) fn enter(world: &mut World, who: NewSignUp, now: OffsetDateTime) -> Uuid {
    let person = person(world, &who);
    let id = random_uuid(&mut world.fate);
    let at = as_logged(who.at.unwrap_or(now));
    let lag = between(&mut world.fate, &world.settings.replication_lag);
    let entries = entries::of(world, who.kind, id, at, who.audit_latency);
    let visible_at = entries.iter().filter(|entry| entry.adds_user()).map(|entry| entry.visible_at).min();
    world.tenant.log.extend(entries);
    if who.kind != Kind::Failed {
        let mut user = User::new(&world.settings, who.kind, id, &person, at);
        user.readable_at = at + who.replication_lag.unwrap_or(lag);
        user.deleted_at = who.deleted_after.map(|after| at + after);
        world.tenant.directory.add(user);
    }
    if let Some(past) = who.mailchimp {
        world.mailchimp.remember(&person.email, past, now);
    }
    stripe::remember(world, id, who.kind, &person, at);
    let role = Role::new(world, &who, person, at, visible_at.unwrap_or(at));
    world.roles.insert(id, role);
    id
}

/// The log tells time in units of 100 nanoseconds.
fn as_logged(at: OffsetDateTime) -> OffsetDateTime {
    at - Duration::from_nanos(u64::from(at.nanosecond() % 100))
}

fn person(world: &mut World, who: &NewSignUp) -> Person {
    let mut person = world.population.next();
    if who.refused_email {
        person.email = world.population.refused_address();
        person.identity = Identity::EmailAddress;
    }
    replace(&mut person.email, &who.email);
    replace(&mut person.display_name, &who.display_name);
    person.given_name = who.given_name.clone().or(person.given_name);
    person.surname = who.surname.clone().or(person.surname);
    person.marketing_consent = who.marketing_consent.or(person.marketing_consent);
    person.company_type = who.company_type.clone().or(person.company_type);
    person.principal_name.clone_from(&who.user_principal_name);
    person.salesforce = who.salesforce;
    if let Some(issuer) = who.identity_provider.clone() {
        person.identity = Identity::Federated { issuer };
    }
    person
}

fn replace(field: &mut String, with: &Option<String>) {
    if let Some(with) = with {
        with.clone_into(field);
    }
}
