//! The flags of `usher-sandbox`. Their defaults make a quick show; the library's make a usual day.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use usher_sandbox::{
    Addresses, AuditLatency, AuditSettings, Crowd, Judged, MailchimpSettings, SandboxSettings, StripeFlags,
    StripeSettings,
};
use usher_service::Failure;

/// Stand-ins for Entra, Stripe, Mailchimp, Salesforce and a webhook's receiver, for tests and for `usher up`.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Flags {
    /// Where the control and the ledger listen; the vendors get the ports that follow, or free ones.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
    /// Where the token endpoint listens, over https; the key vault and managed identities answer there, too.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    tls_listen: SocketAddr,
    /// Where to serve /healthz, /readyz and /status. Not at all if left out.
    #[arg(long, env = "HEALTH_ADDR", value_name = "ADDR")]
    pub(crate) health_addr: Option<SocketAddr>,
    /// Where to write the certificate that services must trust (USHER_EXTRA_CA_FILE).
    #[arg(long, value_name = "PATH")]
    ca_file: PathBuf,
    /// Makes certificates, a cluster's token and a client secret, and writes them there: producer.pem, producer.p12
    /// (password usher-sandbox), expired.pem, workload-token, client-secret. The key vault has a certificate then, too.
    #[arg(long, value_name = "DIR")]
    pub(crate) identity_dir: Option<PathBuf>,
    /// Everything left to chance follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The consumers that run: whose effects the ledger judges; all seven that it knows, or some.
    #[arg(long, value_delimiter = ',', default_value = "billing", value_parser = consumer, value_name = "NAME,...")]
    consumers: Vec<Judged>,
    /// How many people sign up.
    #[arg(long, default_value_t = 0, value_name = "N")]
    signups: usize,
    /// How many of them a second; all at once if left out.
    #[arg(long, value_name = "PER_SEC")]
    rate: Option<f64>,
    /// One of them has an address that Stripe refuses.
    #[arg(long)]
    refused_email: bool,
    /// How many of them agree to mail and have an address that Mailchimp refuses.
    #[arg(long, default_value_t = 0, value_name = "N")]
    refused_by_mailchimp: usize,
    /// How many of them agree to mail and have unsubscribed before.
    #[arg(long, default_value_t = 0, value_name = "N")]
    unsubscribed: usize,
    /// How many of them Salesforce refuses.
    #[arg(long, default_value_t = 0, value_name = "N")]
    refused_by_salesforce: usize,
    /// How many others appear in the log; a fifth as many if left out.
    #[arg(long, value_name = "N")]
    bystanders: Option<usize>,
    /// How many more sign up and are deleted within minutes.
    #[arg(long, default_value_t = 0, value_name = "N")]
    short_lived: usize,
    /// How late half of the audit entries show.
    #[arg(long, default_value = "1s", value_parser = time, value_name = "TIME")]
    audit_latency: Duration,
    /// How late one in a hundred is.
    #[arg(long, default_value = "4s", value_parser = time, value_name = "TIME")]
    audit_latency_p99: Duration,
    /// The share of entries that are later still, between 0 and 1.
    #[arg(long, default_value_t = 0.02, value_name = "SHARE")]
    stragglers: f64,
    /// How late the latest of them is.
    #[arg(long, default_value = "8s", value_parser = time, value_name = "TIME")]
    straggler_max: Duration,
    /// The most audit entries on a page.
    #[arg(long, default_value_t = 100, value_name = "N")]
    audit_page_size: usize,
    /// The audit log's requests in 10 seconds.
    #[arg(long, default_value_t = 5, value_name = "N")]
    audit_requests: u32,
    /// Graph's writes to the directory for each app: so many at once, and as many again in 150 seconds.
    #[arg(long, default_value_t = 3_000, value_name = "N")]
    directory_writes: u32,
    /// For how long a new user is 404, at most.
    #[arg(long, default_value = "2s", value_parser = time, value_name = "TIME")]
    replication_lag: Duration,
    /// For how long some replicas still show a user as it was before a write, at most.
    #[arg(long, default_value = "2s", value_parser = time, value_name = "TIME")]
    read_lag: Duration,
    /// For how long a write to a user keeps other writes out, at most.
    #[arg(long, default_value = "100ms", value_parser = time, value_name = "TIME")]
    write_moment: Duration,
    /// How far Stripe's search is behind.
    #[arg(long, default_value = "60s", value_parser = time, value_name = "TIME")]
    search_lag: Duration,
    /// Stripe's reads, and as many writes, a second.
    #[arg(long, default_value_t = 100, value_name = "N")]
    stripe_rate: u32,
    /// How many calls to Mailchimp may be open at once.
    #[arg(long, default_value_t = 10, value_name = "N")]
    mailchimp_connections: usize,
    /// The SQLite file that the consumer sql writes to: the ledger reads it. Left out: rows come over HTTP.
    #[arg(long, value_name = "FILE")]
    sql_database: Option<PathBuf>,
    #[command(flatten)]
    stripe: StripeFlags,
    /// How long a call takes, at most.
    #[arg(long, default_value = "30ms", value_parser = time, value_name = "TIME")]
    answer_time: Duration,
}

/// A time such as `1s` or `30m`, of thirty days at most: the log is kept no longer.
fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|e| e.to_string())?;
    if time <= Duration::from_secs(30 * 24 * 3600) {
        Ok(time)
    } else {
        Err("more than thirty days".to_owned())
    }
}

fn consumer(name: &str) -> Result<Judged, String> {
    let known = Judged::ALL.into_iter().find(|consumer| consumer.name() == name);
    known.ok_or_else(|| format!("not one of {}", Judged::ALL.map(Judged::name).join(", ")))
}

impl Flags {
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses { plain: self.listen, tls: self.tls_listen, ca_file: self.ca_file.clone() }
    }

    pub(crate) fn settings(&self) -> Result<SandboxSettings, Failure> {
        if !(0.0..=1.0).contains(&self.stragglers) {
            return Err(Failure::setting("--stragglers", "a share between 0 and 1"));
        }
        if self.audit_page_size == 0 {
            return Err(Failure::setting("--audit-page-size", "at least 1"));
        }
        let latency = AuditLatency {
            median: self.audit_latency,
            p99: self.audit_latency_p99,
            stragglers: self.stragglers,
            straggler_max: self.straggler_max,
        };
        let usual = SandboxSettings::default();
        let requests = (self.audit_requests, usual.audit.requests.1);
        Ok(SandboxSettings {
            seed: self.seed,
            consumers: self.consumers.iter().copied().collect(),
            audit: AuditSettings { latency, page_size: self.audit_page_size, requests, ..usual.audit },
            directory_writes: (self.directory_writes, usual.directory_writes.1),
            replication_lag: Duration::ZERO..=self.replication_lag,
            read_lag: Duration::ZERO..=self.read_lag,
            write_moment: self.write_moment,
            stripe: self.stripe.apply(StripeSettings {
                search_lag: self.search_lag,
                per_second: self.stripe_rate,
                ..usual.stripe
            }),
            sql_database: self.sql_database.clone(),
            mailchimp: MailchimpSettings { connections: self.mailchimp_connections, ..usual.mailchimp },
            answer_time: Duration::ZERO..=self.answer_time,
            ..usual
        })
    }

    pub(crate) fn crowd(&self) -> Result<Crowd, Failure> {
        if self.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(Failure::setting("--rate", "sign-ups a second, above 0"));
        }
        let usual = Crowd::of(self.signups).at_rate(self.rate.unwrap_or(0.0));
        Ok(Crowd {
            refused_email: self.refused_email && self.signups > 0,
            refused_by_mailchimp: self.refused_by_mailchimp,
            unsubscribed: self.unsubscribed,
            refused_by_salesforce: self.refused_by_salesforce,
            bystanders: self.bystanders.unwrap_or(usual.bystanders),
            short_lived: self.short_lived,
            ..usual
        })
    }
}
