//! `Retry-After`: how long the other side asks us to wait. RFC 9110, 10.2.3.

use std::time::Duration;

use http::{HeaderMap, header::RETRY_AFTER};
use time::OffsetDateTime;

/// The longest wait that is taken from an answer. More than that is a mistake or mischief, and asking again
/// once an hour harms nobody.
pub const RETRY_AFTER_MOST: Duration = Duration::from_secs(3600);

/// How long to wait from `now`, if the answer says so: in seconds or as a date, [`RETRY_AFTER_MOST`] at most.
pub fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => until(value, now)?,
    };
    Some(wait.min(RETRY_AFTER_MOST))
}

fn until(date: &str, now: OffsetDateTime) -> Option<Duration> {
    let then = OffsetDateTime::from(httpdate::parse_http_date(date).ok()?);
    Some((then - now).try_into().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn wait(value: &str) -> Option<u64> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        retry_after(&headers, datetime!(2026-01-01 00:00 UTC)).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_understood_and_bounded() {
        assert_eq!(wait("10"), Some(10));
        assert_eq!(wait("Thu, 01 Jan 2026 00:02:00 GMT"), Some(120));
        assert_eq!(wait("Wed, 31 Dec 2025 00:00:00 GMT"), Some(0), "a date that has passed");
        assert_eq!(wait("99999999"), Some(3600));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-1"), None);
        assert_eq!(retry_after(&HeaderMap::new(), OffsetDateTime::UNIX_EPOCH), None);
    }
}
