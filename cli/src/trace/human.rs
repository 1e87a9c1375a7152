//! Times and durations as people read them.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration in nanoseconds, to two or three digits that matter: `0.4 ms`, `31 ms`, `4.02 s`, `1 m 12 s`, `2 h 05 m`,
/// `3 d 04 h`.
pub(crate) fn duration(nanos: u64) -> String {
    // What is rounded up to the next unit is that unit.
    let rounded = |to: u64| nanos.saturating_add(to / 2) / to * to;
    if rounded(100_000) < 10_000_000 {
        let tenths = rounded(100_000) / 100_000;
        return format!("{}.{} ms", tenths / 10, tenths % 10);
    }
    if rounded(1_000_000) < SECOND {
        return format!("{} ms", rounded(1_000_000) / 1_000_000);
    }
    if rounded(10_000_000) < MINUTE {
        let hundredths = rounded(10_000_000) / 10_000_000;
        return format!("{}.{:02} s", hundredths / 100, hundredths % 100);
    }
    if rounded(SECOND) < HOUR {
        return format!("{} m {:02} s", rounded(SECOND) / MINUTE, rounded(SECOND) % MINUTE / SECOND);
    }
    if rounded(MINUTE) < DAY {
        return format!("{} h {:02} m", rounded(MINUTE) / HOUR, rounded(MINUTE) % HOUR / MINUTE);
    }
    format!("{} d {:02} h", rounded(HOUR) / DAY, rounded(HOUR) % DAY / HOUR)
}

/// How long after the beginning, in nanoseconds, to the millisecond at any length: `0:00.031`, `1:04.083`,
/// `2:05:00.000`, `3 d 04:00:00`.
pub(crate) fn offset(nanos: u64) -> String {
    let millis = nanos.saturating_add(500_000) / 1_000_000;
    let (days, millis) = (millis / 86_400_000, millis % 86_400_000);
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60);
    let thousandths = millis % 1_000;
    match (days, hours) {
        (0, 0) => format!("{minutes}:{seconds:02}.{thousandths:03}"),
        (0, _) => format!("{hours}:{minutes:02}:{seconds:02}.{thousandths:03}"),
        _ => format!("{days} d {hours:02}:{minutes:02}:{seconds:02}"),
    }
}

/// A moment, in nanoseconds since 1970, to the second and in UTC.
pub(crate) fn time(unix_nanos: u64) -> String {
    let at =
        i64::try_from(unix_nanos / SECOND).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| "at no known time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_at_every_size() {
        for (nanos, said) in [
            (0, "0.0 ms"),
            (49_999, "0.0 ms"),
            (430_000, "0.4 ms"),
            (9_960_000, "10 ms"),
            (31_400_000, "31 ms"),
            (999_600_000, "1.00 s"),
            (4_019_000_000, "4.02 s"),
            (59_996_000_000, "1 m 00 s"),
            (72 * SECOND, "1 m 12 s"),
            (3_599_600_000_000, "1 h 00 m"),
            (2 * HOUR + 5 * MINUTE, "2 h 05 m"),
            (3 * DAY + 4 * HOUR, "3 d 04 h"),
            (u64::MAX, "213503 d 23 h"),
        ] {
            assert_eq!(duration(nanos), said, "{nanos}");
        }
    }

    #[test]
    fn what_follows_closely_after_a_long_wait_can_be_told_apart() {
        for (nanos, said) in [
            (0, "0:00.000"),
            (31_400_000, "0:00.031"),
            (64_083 * 1_000_000, "1:04.083"),
            (59_999_600_000, "1:00.000"),
            (2 * HOUR + 5 * MINUTE, "2:05:00.000"),
            (3 * DAY + 4 * HOUR + SECOND, "3 d 04:00:01"),
        ] {
            assert_eq!(offset(nanos), said, "{nanos}");
        }
    }

    #[test]
    fn moments_are_to_the_second() {
        assert_eq!(time(1_767_268_800_900_000_000), "2026-01-01T12:00:00Z");
        assert_eq!(time(u64::MAX), "2554-07-21T23:34:33Z");
    }
}
