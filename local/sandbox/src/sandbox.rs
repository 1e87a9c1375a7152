//! The handle on a sandbox: what tests and simulations hold.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use time::OffsetDateTime;
use tokio::sync::watch;
use usher_clock::Clock;
use uuid::Uuid;

use crate::{
    Crowd, Effects, Faults, InProcess, NewSignUp, SandboxSettings, Vendor, ledger, people::Person, role,
    sign_up, world::World,
};

/// Stand-ins for all vendors, and everything that happens in them. Cheap to clone; clones share all.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    world: Mutex<World>,
    clock: Clock,
    outages: watch::Sender<BTreeSet<Vendor>>,
}

impl Sandbox {
    /// A tenant without users, and vendors who have never heard of anybody.
    pub fn new(settings: SandboxSettings, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            world: Mutex::new(World::new(settings)),
            clock,
            outages: watch::Sender::new(BTreeSet::new()),
        }))
    }

    /// An HTTP service that answers as all vendors do, told apart by host: see [`InProcess`].
    pub fn service(&self) -> InProcess {
        InProcess::new(self)
    }

    /// Somebody signs up, or becomes a user in another way. Returns the user's object id.
    pub fn sign_up(&self, who: NewSignUp) -> Uuid {
        self.with(|world, now| sign_up::enter(world, who, now))
    }

    /// Makes many sign-ups, now or over the time to come; returns the ids of those who really signed up, in
    /// the order of their sign-ups. Bystanders and short-lived users come on top.
    pub fn generate(&self, crowd: &Crowd) -> Vec<Uuid> {
        self.with(|world, now| sign_up::generate(world, crowd, now))
    }

    /// Where faults are ordered.
    pub fn faults(&self) -> Faults {
        Faults(self.clone())
    }

    /// Starts or ends an outage: while it lasts, nothing can connect to `vendor`.
    pub fn outage(&self, vendor: Vendor, on: bool) {
        self.0.outages.send_if_modified(|down| if on { down.insert(vendor) } else { down.remove(&vendor) });
    }

    /// Ends whatever was ordered for one vendor alone: an outage, faults, slowness. A plan of faults goes on.
    pub fn heal(&self, vendor: Vendor) {
        self.outage(vendor, false);
        self.with(|world, _| world.faults.heal(vendor));
    }

    /// What came of each sign-up so far.
    pub fn effects(&self) -> Effects {
        self.with(|world, now| ledger::effects(world, now, false))
    }

    /// As [`Sandbox::effects`], with names and addresses: for eyes only, never for logs.
    pub fn effects_revealed(&self) -> Effects {
        self.with(|world, now| ledger::effects(world, now, true))
    }

    /// Everybody who was made a user: all the personal data that went in.
    pub fn people(&self) -> Vec<Person> {
        self.with(|world, _| world.roles.values().map(|role| role.person.clone()).collect())
    }

    /// Gives a user another address, as a customer's own correction would. False if there is no such user.
    pub fn mend_email(&self, user: Uuid, email: &str) -> bool {
        self.with(|world, _| role::mend_email(world, user, email))
    }

    /// Deletes a user for good. False if there is no such user.
    pub fn delete_user(&self, user: Uuid) -> bool {
        self.with(|world, now| world.tenant.directory.delete(user, now))
    }

    /// Deletes a Stripe customer. False if there is no such customer.
    pub fn delete_customer(&self, customer: &str) -> bool {
        self.with(|world, _| world.stripe.delete(customer))
    }

    /// Deletes a group for good, as an administrator would. False if there is no such group.
    pub fn delete_group(&self, group: Uuid) -> bool {
        self.with(|world, _| world.tenant.groups.remove(&group).is_some())
    }

    /// Somebody leaves the Mailchimp list by the link in a mail. False if they are not on it.
    pub fn unsubscribe(&self, user: Uuid) -> bool {
        self.with(|world, _| role::unsubscribe(world, user))
    }

    /// Changes settings while everything runs, such as lags. Entries and users that exist keep their own.
    pub fn change(&self, change: impl FnOnce(&mut SandboxSettings)) {
        self.with(|world, _| change(&mut world.settings));
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut World, OffsetDateTime) -> T) -> T {
        let now = self.0.clock.now();
        // A panic in a handler fails its test anyway: no need for a second one here.
        let mut world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut world, now)
    }

    pub(crate) fn outages(&self) -> watch::Receiver<BTreeSet<Vendor>> {
        self.0.outages.subscribe()
    }

    pub(crate) fn is_down(&self, vendor: Vendor) -> bool {
        self.0.outages.borrow().contains(&vendor)
    }
}
