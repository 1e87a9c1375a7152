//! The settings that every consumer has.

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use clap::Args;
use usher_bus::BusSettings;
use usher_http::HttpSettings;

/// Settings of the runtime, from flags or the environment.
#[derive(Args, Clone, Debug)]
pub struct SubscriberSettings {
    /// Where the messages come from.
    #[command(flatten)]
    pub bus: BusSettings,
    /// How calls go out.
    #[command(flatten)]
    pub http: HttpSettings,
    /// The subscription to receive from; the consumer's name unless set.
    #[arg(long = "servicebus-subscription", env = "SERVICEBUS_SUBSCRIPTION", value_name = "NAME")]
    pub subscription: Option<String>,
    /// What bounds the work.
    #[command(flatten)]
    pub limits: Limits,
    /// Events older than this are rejected, for instance 7d; the consumer's own default unless set.
    #[arg(long, env = "MAX_EVENT_AGE", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub max_event_age: Option<Duration>,
    /// Address to serve /healthz, /readyz, /metrics and /status on; none unless set.
    #[arg(long, env = "HEALTH_ADDR", value_name = "ADDR:PORT")]
    pub health_addr: Option<SocketAddr>,
}

/// How much runs, how much waits, and for how long.
#[derive(Args, Clone, Copy, Debug)]
pub struct Limits {
    /// How many sign-ups are worked on at once. A replay counts as one more replica: it works on as many beside those
    /// that run, and takes its share of each quota that replicas share.
    #[arg(long, env = "CONCURRENCY", value_name = "N", default_value = "16")]
    pub concurrency: NonZeroU32,
    /// How many messages are held at most, those that wait for their next attempt included.
    #[arg(long, env = "MAX_HELD", value_name = "N", default_value = "256")]
    pub max_held: NonZeroU32,
    /// How long one delivery is retried before it is dead-lettered.
    #[arg(long, env = "RETRY_BUDGET", value_name = "DURATION", default_value = "15m", value_parser = humantime::parse_duration)]
    pub retry_budget: Duration,
    /// The subscription's delivery limit (MaxDeliveryCount), as set on the broker.
    #[arg(long, env = "DELIVERY_LIMIT", value_name = "N", default_value = "10")]
    pub delivery_limit: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            concurrency: count(16),
            max_held: count(256),
            retry_budget: Duration::from_secs(15 * 60),
            delivery_limit: count(10),
        }
    }
}
