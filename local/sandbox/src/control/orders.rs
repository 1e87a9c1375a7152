//! What can be ordered: one JSON object; what it doesn't know it refuses, by name.

use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use crate::{
    Crowd, FaultKind, FaultPlan, Kind, NewSignUp, Past, SalesforcePast, Sandbox, Target, Vendor,
    sign_up::LONGEST,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Orders {
    pub(super) fault: Option<Fault>,
    pub(super) fault_plan: Option<Plan>,
    #[serde(default)]
    pub(super) clear_faults: bool,
    /// A vendor of whom all is forgotten that was ordered for it alone; before anything else in the same order.
    pub(super) heal: Option<Vendor>,
    pub(super) outage: Option<Outage>,
    pub(super) slow: Option<Slow>,
    pub(super) sign_up: Option<SignUp>,
    pub(super) sign_ups: Option<SignUps>,
    pub(super) mend_email: Option<MendEmail>,
    pub(super) delete_user: Option<Uuid>,
    pub(super) delete_customer: Option<String>,
    pub(super) delete_group: Option<Uuid>,
    /// A user who leaves the Mailchimp list.
    pub(super) unsubscribe: Option<Uuid>,
    pub(super) replication_lag_ms: Option<Millis>,
    pub(super) read_lag_ms: Option<Millis>,
    pub(super) search_lag_ms: Option<Millis>,
    pub(super) audit_latency_ms: Option<Millis>,
    /// The longest that a call takes.
    pub(super) answer_time_ms: Option<Millis>,
}

/// A time in milliseconds, of thirty days at most.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Millis(pub(super) Duration);

impl TryFrom<u64> for Millis {
    type Error = &'static str;

    fn try_from(millis: u64) -> Result<Self, Self::Error> {
        let time = Duration::from_millis(millis);
        if time <= LONGEST { Ok(Self(time)) } else { Err("a time of more than thirty days") }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    pub(super) to: Target,
    pub(super) calls: u32,
    pub(super) kind: FaultKind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    probability: f64,
    seed: u64,
    #[serde(default)]
    kinds: Vec<FaultKind>,
    #[serde(default)]
    to: Vec<Target>,
    for_ms: Option<Millis>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outage {
    pub(super) vendor: Vendor,
    pub(super) on: bool,
}

/// One vendor's calls take long.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Slow {
    pub(super) vendor: Vendor,
    /// The longest.
    pub(super) answer_time_ms: Millis,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignUp {
    #[serde(default)]
    kind: Kind,
    email: Option<String>,
    display_name: Option<String>,
    given_name: Option<String>,
    surname: Option<String>,
    marketing_consent: Option<bool>,
    identity_provider: Option<String>,
    company_type: Option<String>,
    user_principal_name: Option<String>,
    mailchimp: Option<Past>,
    #[serde(default)]
    salesforce: SalesforcePast,
    #[serde(default)]
    refused_email: bool,
    audit_latency_ms: Option<Millis>,
    replication_lag_ms: Option<Millis>,
    deleted_after_ms: Option<Millis>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignUps {
    count: usize,
    rate: Option<f64>,
    #[serde(default)]
    refused_email: bool,
    #[serde(default)]
    refused_by_mailchimp: usize,
    #[serde(default)]
    unsubscribed: usize,
    #[serde(default)]
    refused_by_salesforce: usize,
    bystanders: Option<usize>,
    short_lived: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MendEmail {
    pub(super) user: Uuid,
    pub(super) email: String,
}

impl From<SignUp> for NewSignUp {
    fn from(order: SignUp) -> Self {
        Self {
            kind: order.kind,
            email: order.email,
            display_name: order.display_name,
            given_name: order.given_name,
            surname: order.surname,
            marketing_consent: order.marketing_consent,
            identity_provider: order.identity_provider,
            company_type: order.company_type,
            user_principal_name: order.user_principal_name,
            mailchimp: order.mailchimp,
            salesforce: order.salesforce,
            refused_email: order.refused_email,
            at: None,
            audit_latency: order.audit_latency_ms.map(|Millis(time)| time),
            replication_lag: order.replication_lag_ms.map(|Millis(time)| time),
            deleted_after: order.deleted_after_ms.map(|Millis(time)| time),
        }
    }
}

impl From<SignUps> for Crowd {
    fn from(order: SignUps) -> Self {
        let usual = Self::of(order.count).at_rate(order.rate.unwrap_or(0.0));
        Self {
            refused_email: order.refused_email,
            refused_by_mailchimp: order.refused_by_mailchimp,
            unsubscribed: order.unsubscribed,
            refused_by_salesforce: order.refused_by_salesforce,
            bystanders: order.bystanders.unwrap_or(usual.bystanders),
            short_lived: order.short_lived.unwrap_or(usual.short_lived),
            ..usual
        }
    }
}

impl Orders {
    /// What a number can't be.
    pub(super) fn wrong(&self) -> Option<&'static str> {
        let rate = self.sign_ups.as_ref().and_then(|order| order.rate);
        if rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Some("sign_ups.rate: sign-ups a second, above 0");
        }
        let probability = self.fault_plan.as_ref().map(|plan| plan.probability);
        if probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
            return Some("fault_plan.probability: between 0 and 1");
        }
        None
    }
}

impl Plan {
    pub(super) fn as_plan(&self, sandbox: &Sandbox) -> FaultPlan {
        let until = self.for_ms.map(|Millis(time)| sandbox.with(|_, now| now + time));
        let kinds = if self.kinds.is_empty() { FaultKind::COMMON.to_vec() } else { self.kinds.clone() };
        FaultPlan { probability: self.probability, kinds, targets: self.to.clone(), seed: self.seed, until }
    }
}
