//! The seven consumers, each set up as an operator would set it up beside the others.

use std::{
    num::NonZeroU32,
    sync::{Arc, LazyLock},
    time::Duration,
};

use usher_billing::{Billing, BillingSettings};
use usher_birthrights::{Birthrights, BirthrightsSettings};
use usher_crm::{Crm, CrmSettings, PrivateKey};
use usher_email::{Email, EmailSettings, StatusIfNew, Unverified};
use usher_entra::{CredentialSettings, EntraSettings};
use usher_http::Guard;
use usher_sandbox::{
    BILLING_CLIENT_ID, BILLING_CLIENT_SECRET, BIRTHRIGHTS_CLIENT_ID, BIRTHRIGHTS_CLIENT_SECRET, CLIENT_ID,
    CLIENT_SECRET, CUSTOM_DOMAIN, GRAPH_URL, Judged, LOGIN_URL, MAILCHIMP_KEY, MAILCHIMP_LIST_ID,
    MAILCHIMP_PERMISSION_ID, MAILCHIMP_URL, MAILCHIMP_WELCOME_TAG, PRODUCER_CLIENT_ID,
    PRODUCER_CLIENT_SECRET, RULES, SALESFORCE_CLIENT_ID, SALESFORCE_PRIVATE_KEY, SALESFORCE_URL,
    SALESFORCE_USERNAME, STRIPE_URL, TENANT_ID, UPN_CLIENT_ID, UPN_CLIENT_SECRET, WEBHOOK_PATH,
    WEBHOOK_SECRET, WEBHOOK_URL, marketing_consent_attribute, stripe_customer_id_attribute,
};
use usher_sql::Sql;
use usher_subscriber::{Consumer, Handler, Ports};
use usher_webhook::{Probe, Webhook, WebhookSettings};
use uuid::Uuid;

use super::{options::Options, table::Table};

/// How many writes a second Graph gets from a consumer with an app registration of its own, and from one of three
/// that share one: the defaults and the advice of `GRAPH_WRITES_PER_SECOND`.
pub(super) const WRITES_ALONE: u32 = 18;
pub(super) const WRITES_SHARED: u32 = 6;
/// How many calls a second Stripe gets: the defaults of `STRIPE_CALLS_PER_SECOND`.
pub(super) const STRIPE_CALLS_LIVE: u32 = 80;
pub(super) const STRIPE_CALLS_TEST: u32 = 20;
/// How many calls a second Salesforce gets: the default of `SALESFORCE_CALLS_PER_SECOND`.
pub(super) const SALESFORCE_CALLS: u32 = 10;
/// How many posts a second the webhook's receiver gets: the default of `WEBHOOK_CALLS_PER_SECOND`.
pub(super) const WEBHOOK_CALLS: u32 = 50;
/// How much of an org's calls a day is left to others, in percent: the default of `SALESFORCE_LIMIT_RESERVE`.
const SALESFORCE_RESERVE: u8 = 5;
/// How many connections a Mailchimp account has.
const MAILCHIMP_CONNECTIONS: usize = 10;

/// Read once: a key is checked at length, and thousands of processes start here.
static KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| SALESFORCE_PRIVATE_KEY.parse().expect("the sandbox's own key is good"));

/// A consumer as these options have it.
pub(super) fn handler(consumer: Judged, options: &Options, ports: Ports) -> Arc<dyn Handler> {
    const GOOD: &str = "the sandbox's own settings are good";
    let setup = Setup { consumer, options };
    match consumer {
        Judged::Billing => Arc::new(Billing::new(setup.billing(), ports).expect(GOOD)),
        Judged::Email => Arc::new(Email::new(setup.email(), ports).expect(GOOD)),
        Judged::Birthrights => Arc::new(Birthrights::new(setup.birthrights(), ports).expect(GOOD)),
        Judged::Upn => Arc::new(usher_upn::Upn::new(setup.upn(), ports).expect(GOOD)),
        Judged::Crm => Arc::new(Crm::new(setup.crm(), ports).expect(GOOD)),
        Judged::Sql => Arc::new(Sql::with_store(TENANT_ID, ports.clock, Arc::new(Table(ports.http)))),
        Judged::Webhook => Arc::new(Webhook::new(setup.webhook(), ports).expect(GOOD)),
    }
}

/// How old an event may be for a consumer.
pub(super) fn max_event_age(consumer: Judged) -> Option<Duration> {
    match consumer {
        Judged::Billing => Billing::MAX_EVENT_AGE,
        Judged::Email => Email::MAX_EVENT_AGE,
        Judged::Birthrights => Birthrights::MAX_EVENT_AGE,
        Judged::Upn => usher_upn::Upn::MAX_EVENT_AGE,
        Judged::Crm => Crm::MAX_EVENT_AGE,
        Judged::Sql => Sql::MAX_EVENT_AGE,
        Judged::Webhook => Webhook::MAX_EVENT_AGE,
    }
}

/// The tenant as the producer sees it.
pub(super) fn producers_tenant() -> EntraSettings {
    tenant((PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET), NonZeroU32::MIN)
}

/// The settings of one process of one consumer.
struct Setup<'a> {
    consumer: Judged,
    options: &'a Options,
}

impl Setup<'_> {
    fn billing(&self) -> BillingSettings {
        let of_key = if self.options.stripe_is_live { STRIPE_CALLS_LIVE } else { STRIPE_CALLS_TEST };
        BillingSettings {
            entra: self.entra((BILLING_CLIENT_ID, BILLING_CLIENT_SECRET)),
            stripe_secret_key: Some(self.options.stripe_key().parse().expect("a key says which it is")),
            stripe_accounts: None,
            stripe_mode: None,
            stripe_api_base: STRIPE_URL.parse().expect("a constant"),
            stripe_calls_per_second: (self.processes() > 1).then(|| self.share(of_key)),
            stripe_customer_id_attribute: stripe_customer_id_attribute(),
            stripe_existing: self.options.stripe_existing,
            stripe_open_extension: self.options.open_extension().map(str::to_owned),
        }
    }

    fn email(&self) -> EmailSettings {
        let permission = format!("{}={MAILCHIMP_PERMISSION_ID}", marketing_consent_attribute());
        let connections = MAILCHIMP_CONNECTIONS / self.processes() as usize;
        EmailSettings {
            tenant_id: TENANT_ID,
            mailchimp_api_key: MAILCHIMP_KEY.into(),
            mailchimp_api_base: Some(MAILCHIMP_URL.parse().expect("a constant")),
            mailchimp_list_id: MAILCHIMP_LIST_ID.to_owned(),
            mailchimp_consent_attribute: marketing_consent_attribute(),
            mailchimp_welcome_tag: MAILCHIMP_WELCOME_TAG.to_owned(),
            mailchimp_status_if_new: StatusIfNew::Subscribed,
            mailchimp_unverified: Unverified::Pending,
            mailchimp_merge_fields: "FNAME=givenName,LNAME=surname".parse().expect("a constant"),
            mailchimp_marketing_permissions: permission.parse().expect("an attribute and an id"),
            mailchimp_connections: connections.try_into().expect("never more processes than connections"),
        }
    }

    fn birthrights(&self) -> BirthrightsSettings {
        BirthrightsSettings {
            entra: self.entra((BIRTHRIGHTS_CLIENT_ID, BIRTHRIGHTS_CLIENT_SECRET)),
            birthrights_rules: RULES.parse().expect("the sandbox's own rules are good"),
        }
    }

    fn upn(&self) -> usher_upn::UpnSettings {
        usher_upn::UpnSettings {
            entra: self.entra((UPN_CLIENT_ID, UPN_CLIENT_SECRET)),
            upn_template: "{given}.{surname}|{given}|{surname}|{display}|customer"
                .parse()
                .expect("a constant"),
            upn_domain: CUSTOM_DOMAIN.parse().expect("a constant"),
        }
    }

    fn crm(&self) -> CrmSettings {
        CrmSettings {
            tenant_id: TENANT_ID,
            salesforce_client_id: SALESFORCE_CLIENT_ID.to_owned(),
            salesforce_username: SALESFORCE_USERNAME.into(),
            salesforce_private_key_file: KEY.clone(),
            salesforce_login_url: SALESFORCE_URL.parse().expect("a constant"),
            salesforce_api_version: "v64.0".to_owned(),
            salesforce_mapping: None,
            salesforce_calls_per_second: self.share(SALESFORCE_CALLS),
            salesforce_limit_reserve: SALESFORCE_RESERVE,
        }
    }

    fn webhook(&self) -> WebhookSettings {
        WebhookSettings {
            tenant_id: TENANT_ID,
            webhook_url: format!("{WEBHOOK_URL}{WEBHOOK_PATH}").parse().expect("two constants"),
            webhook_secret: WEBHOOK_SECRET.parse().expect("a constant"),
            webhook_allow_private: Guard::default(),
            webhook_probe: Probe::Signed,
            webhook_calls_per_second: self.share(WEBHOOK_CALLS),
        }
    }

    fn entra(&self, own_app: (Uuid, &str)) -> EntraSettings {
        if self.options.one_app {
            tenant((CLIENT_ID, CLIENT_SECRET), self.share(WRITES_SHARED))
        } else {
            tenant(own_app, self.share(WRITES_ALONE))
        }
    }

    /// What one process gets of what all processes of this consumer may have.
    fn share(&self, of: u32) -> NonZeroU32 {
        NonZeroU32::new(of / self.processes()).unwrap_or(NonZeroU32::MIN)
    }

    fn processes(&self) -> u32 {
        self.options.consumer_deaths.get(&self.consumer).map_or(1, |processes| processes.len().max(1) as u32)
    }
}

fn tenant((client_id, client_secret): (Uuid, &str), graph_writes_per_second: NonZeroU32) -> EntraSettings {
    EntraSettings {
        tenant_id: TENANT_ID,
        client_id,
        credential: CredentialSettings::client_secret(client_secret),
        authority_host: LOGIN_URL.parse().expect("a constant"),
        graph_endpoint: GRAPH_URL.parse().expect("a constant"),
        graph_writes_per_second,
    }
}
