//! Who somebody is to the ledger: what should come of their sign-up at each destination.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    AppRole, BUSINESS_GROUP_ID, CrmExpected, EmailExpected, Expected, GOOGLE_GROUP_ID, Grants, Identity,
    Kind, MEMBERS_GROUP_ID, NewSignUp, PORTAL_RESOURCE_ID, PORTAL_ROLE_ID, Past, Person, SIGN_UP_APP_ID,
    SqlExpected, UpnExpected, WebhookExpected, address, world::World,
};

/// Who somebody is to the ledger.
pub(crate) struct Role {
    pub(crate) kind: Kind,
    pub(crate) person: Person,
    pub(crate) signed_up_at: OffsetDateTime,
    pub(crate) visible_at: OffsetDateTime,
    pub(crate) expected: Expected,
    pub(crate) email: EmailExpected,
    pub(crate) birthrights: Grants,
    pub(crate) upn: UpnExpected,
    pub(crate) crm: CrmExpected,
    pub(crate) sql: SqlExpected,
    pub(crate) webhook: WebhookExpected,
}

impl Role {
    pub(crate) fn new(
        world: &World,
        who: &NewSignUp,
        person: Person,
        signed_up_at: OffsetDateTime,
        visible_at: OffsetDateTime,
    ) -> Self {
        Self {
            kind: who.kind,
            signed_up_at,
            visible_at,
            expected: customer(who, &person),
            email: member(world, who, &person),
            birthrights: birthrights(world, who, &person),
            upn: principal_name(who),
            crm: CrmExpected::of(who, &person),
            sql: SqlExpected::of(who),
            webhook: WebhookExpected::of(who),
            person,
        }
    }

    /// All addresses that are or were theirs, in lower case; first the one that is.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let mut addresses = vec![self.person.email.to_lowercase()];
        for former in self.person.former_emails.iter().map(|email| email.to_lowercase()) {
            if !addresses.contains(&former) {
                addresses.push(former);
            }
        }
        addresses
    }
}

fn customer(who: &NewSignUp, person: &Person) -> Expected {
    match who.kind {
        Kind::AdminMade | Kind::OtherApp | Kind::Failed => Expected::Nothing,
        Kind::Customer if who.deleted_after.is_some() => Expected::AtMostOne,
        Kind::Customer if !address::is_valid(&person.email) => Expected::Refused,
        Kind::Customer => Expected::One,
    }
}

fn member(world: &World, who: &NewSignUp, person: &Person) -> EmailExpected {
    match who.kind {
        Kind::AdminMade | Kind::OtherApp | Kind::Failed => EmailExpected::None,
        Kind::Customer if who.mailchimp == Some(Past::Unsubscribed) => EmailExpected::Unsubscribed,
        Kind::Customer if person.marketing_consent != Some(true) => EmailExpected::NoConsent,
        Kind::Customer if who.deleted_after.is_some() => EmailExpected::AtMostOne,
        Kind::Customer if !world.mailchimp.takes(&person.email) => EmailExpected::Refused,
        Kind::Customer => EmailExpected::Subscribed,
    }
}

/// By the rules in [`crate::RULES`].
fn birthrights(world: &World, who: &NewSignUp, person: &Person) -> Grants {
    let mut grants = Grants::default();
    if who.kind != Kind::Customer {
        return grants;
    }
    grants.groups.insert(MEMBERS_GROUP_ID);
    if person.company_type.as_deref() == Some("business") {
        grants.groups.insert(BUSINESS_GROUP_ID);
    }
    if matches!(&person.identity, Identity::Federated { issuer } if issuer == "google.com") {
        grants.groups.insert(GOOGLE_GROUP_ID);
    }
    if world.settings.sign_up_app_id == SIGN_UP_APP_ID {
        grants.app_roles.insert(AppRole { resource: PORTAL_RESOURCE_ID, role: PORTAL_ROLE_ID });
    }
    grants
}

fn principal_name(who: &NewSignUp) -> UpnExpected {
    match who.kind {
        Kind::AdminMade | Kind::OtherApp | Kind::Failed => UpnExpected::Unchanged,
        Kind::Customer if who.user_principal_name.is_some() => UpnExpected::Kept,
        Kind::Customer if who.deleted_after.is_some() => UpnExpected::Either,
        Kind::Customer => UpnExpected::Changed,
    }
}

/// Somebody corrects their address. False if there is no such user.
pub(crate) fn mend_email(world: &mut World, id: Uuid, email: &str) -> bool {
    let (Some(role), Some(user)) = (world.roles.get_mut(&id), world.tenant.directory.users.get_mut(&id))
    else {
        return false;
    };
    role.person.former_emails.push(std::mem::replace(&mut role.person.email, email.to_owned()));
    if role.expected == Expected::Refused && address::is_valid(email) {
        role.expected = Expected::One;
    }
    // The message still holds the old address: only one that is corrected by hand brings a member.
    if role.email == EmailExpected::Refused && world.mailchimp.takes(email) {
        role.email = EmailExpected::AtMostOne;
    }
    user.set_email(email);
    true
}

/// Somebody follows the link at the end of a mail. False if they are not on the list.
pub(crate) fn unsubscribe(world: &mut World, id: Uuid) -> bool {
    let Some(role) = world.roles.get_mut(&id) else { return false };
    let left = world.mailchimp.unsubscribe(&role.person.email);
    if left {
        role.email = EmailExpected::Unsubscribed;
    }
    left
}
