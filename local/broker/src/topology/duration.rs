//! ISO 8601 durations, as Service Bus writes them: `PT1M`, `P14D`, `P10675199DT2H48M5.4775807S`.

use std::time::Duration;

/// Parses a duration. `None` if it is not one, or counts years or months, which have no fixed length.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('P')?;
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (text, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let days = parts(date, &[('W', 7 * 86_400), ('D', 86_400)])?;
    let seconds = parts(time, &[('H', 3600), ('M', 60), ('S', 1)])?;
    days.checked_add(seconds)
}

/// Adds up numbers with their units, each at most once and in the given order. Only the last unit of all,
/// seconds, takes a fraction.
fn parts(mut text: &str, units: &[(char, u64)]) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for &(unit, seconds) in units {
        if let Some((number, rest)) = text.split_once(unit) {
            total = total.checked_add(amount(number, seconds)?)?;
            text = rest;
        }
    }
    text.is_empty().then_some(total)
}

fn amount(number: &str, seconds: u64) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || (number.contains('.') && seconds != 1) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(Duration::new(whole.parse::<u64>().ok()?.checked_mul(seconds)?, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_service_bus_writes_them() {
        let cases = [
            ("PT1M", 60_000),
            ("PT5S", 5_000),
            ("PT1H30M", 5_400_000),
            ("P1DT1S", 86_401_000),
            ("P2W", 14 * 86_400_000),
            ("PT0S", 0),
            ("PT0.25S", 250),
            ("P10675199DT2H48M5.4775807S", 922_337_203_685_477),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(parse(text).map(|duration| duration.as_millis()), Some(milliseconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_or_has_no_fixed_length_is_refused() {
        for text in [
            "",
            "P",
            "PT",
            "1M",
            "PT1",
            "PTM",
            "P1Y",
            "P1M",
            "PT1S1M",
            "PT1.5M",
            "PT.5S",
            "PT1.S",
            "PT-1S",
            "PT99999999999999999999S",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
