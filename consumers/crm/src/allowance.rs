//! The org's allowance of calls a day, as Salesforce tells of it in each answer.
//!
//! `Sforce-Limit-Info: api-usage=18/15000`. It is a sliding day's, and a whole org's: whoever takes the last of it
//! stops everybody else's integrations too. <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm>

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use tokio::time::Instant;
use usher_http::QuotaUse;

use crate::fault::{Failed, Fault};

const HEADER: &str = "sforce-limit-info";
/// The share in use at which the log has a warning, in percent.
const WARNING: u64 = 80;
/// How long what was told last is believed while there is too little left: a look takes a call itself, and a probe every
/// few seconds would take more than the reserve.
const LOOK_AGAIN: Duration = Duration::from_secs(600);

/// How much of the allowance is used.
pub(crate) struct Allowance {
    /// How much is left to others, in percent.
    reserve: u64,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    used: u64,
    limit: u64,
    at: Option<Instant>,
    warned: bool,
}

impl Allowance {
    /// One of which `reserve` percent are not ours to use.
    pub(crate) fn new(reserve: u8) -> Self {
        Self { reserve: u64::from(reserve), told: Arc::default() }
    }

    /// How much of it is used, as far as Salesforce has told.
    pub(crate) fn quota(&self) -> QuotaUse {
        let told = self.told.clone();
        QuotaUse::new("salesforce", move || lock(&told).share())
    }

    /// Takes note of what an answer tells, if it does.
    pub(crate) fn note(&self, headers: &HeaderMap) {
        if let Some((used, limit)) = usage(headers) {
            self.told().update(used, limit);
        }
    }

    /// Salesforce refuses calls for their number.
    pub(crate) fn refused(&self) {
        self.told().update(1, 1);
    }

    /// Whether a record may take a call.
    ///
    /// # Errors
    /// If what is left is others'.
    pub(crate) fn check(&self) -> Result<(), Failed> {
        if self.told().has_reached(self.reserve) { Err(reserved()) } else { Ok(()) }
    }

    /// Whether the probe may take a call: as [`Allowance::check`], but now and then it looks again.
    ///
    /// # Errors
    /// If what is left is others', and that was told not long ago.
    pub(crate) fn check_for_probe(&self) -> Result<(), Failed> {
        let told = self.told();
        let is_fresh = told.at.is_some_and(|at| at.elapsed() < LOOK_AGAIN);
        if is_fresh && told.has_reached(self.reserve) { Err(reserved()) } else { Ok(()) }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        lock(&self.told)
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Told {
    fn update(&mut self, used: u64, limit: u64) {
        (self.used, self.limit, self.at) = (used, limit, Some(Instant::now()));
        let is_high = used.saturating_mul(100) >= limit.saturating_mul(WARNING);
        if is_high && !self.warned {
            tracing::warn!(used, limit, "most of the Salesforce calls that the org has in a day are used");
        }
        self.warned = is_high;
    }

    /// The share in use, from 0 to 1; `None` before Salesforce has told.
    fn share(&self) -> Option<f64> {
        self.at?;
        Some((self.used as f64 / self.limit.max(1) as f64).min(1.0))
    }

    fn has_reached(&self, reserve: u64) -> bool {
        let ours = 100_u64.saturating_sub(reserve);
        self.at.is_some() && self.used.saturating_mul(100) >= self.limit.saturating_mul(ours)
    }
}

fn reserved() -> Failed {
    Failed::named(Fault::Allowance, "daily calls reserved")
}

/// Other usages may stand beside it, such as `per-app-api-usage=17/250(appName=..)`.
fn usage(headers: &HeaderMap) -> Option<(u64, u64)> {
    let mut usages = headers.get(HEADER)?.to_str().ok()?.split([',', ';']);
    let (used, limit) = usages.find_map(|usage| usage.trim().strip_prefix("api-usage="))?.split_once('/')?;
    Some((used.parse().ok()?, limit.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static(HEADER), http::HeaderValue::from_static(text))])
    }

    #[test]
    fn the_usage_is_read_wherever_it_stands_in_the_header() {
        let rows = [
            ("api-usage=18/15000", Some((18, 15_000))),
            ("api-usage=18/15000; per-app-api-usage=17/250(appName=Seats)", Some((18, 15_000))),
            ("per-app-api-usage=17/250(appName=Seats), api-usage=18/15000", Some((18, 15_000))),
            ("per-app-api-usage=17/250", None),
            ("api-usage=many/15000", None),
            ("api-usage=18", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(usage(&headers(text)), expected, "{text}");
        }
        assert_eq!(usage(&HeaderMap::new()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_reserve_is_left_to_others() {
        let allowance = Allowance::new(5);
        assert_eq!(allowance.check(), Ok(()), "nothing is known yet");
        allowance.note(&headers("api-usage=949/1000"));
        assert_eq!(allowance.check(), Ok(()));
        allowance.note(&headers("api-usage=950/1000"));
        assert_eq!(allowance.check(), Err(reserved()));
        allowance.note(&headers("api-usage=10/1000"));
        assert_eq!(allowance.check(), Ok(()));
        allowance.refused();
        assert_eq!(allowance.check(), Err(reserved()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_share_in_use_is_known_once_salesforce_has_told() {
        let allowance = Allowance::new(5);
        let quota = allowance.quota();
        assert_eq!(quota.used(), None);
        allowance.note(&headers("api-usage=250/1000"));
        assert_eq!(quota.used(), Some(0.25));
        allowance.refused();
        assert_eq!(quota.used(), Some(1.0));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_reserve_all_of_it_is_ours() {
        let allowance = Allowance::new(0);
        allowance.note(&headers("api-usage=999/1000"));
        assert_eq!(allowance.check(), Ok(()));
        allowance.note(&headers("api-usage=1000/1000"));
        assert_eq!(allowance.check(), Err(reserved()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_looks_again_after_a_while_and_not_before() {
        let allowance = Allowance::new(5);
        allowance.note(&headers("api-usage=1000/1000"));
        assert_eq!(allowance.check_for_probe(), Err(reserved()));
        tokio::time::sleep(LOOK_AGAIN).await;
        assert_eq!(allowance.check_for_probe(), Ok(()));
        assert_eq!(allowance.check(), Err(reserved()), "a record waits for what the probe finds");
    }
}
