use clap::Parser;
use time::macros::datetime;
use usher_bus::Message;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-03-31 12:00 UTC);

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    filter: Filter,
}

fn filter(args: &[&str]) -> Filter {
    Line::try_parse_from(["test"].iter().chain(args)).unwrap_or_else(|e| panic!("{e}")).filter
}

fn message(reason: &str, status: u16) -> Message {
    Message::new(
        "30d0953d-0753-5930-a905-def22332f7e0",
        r#"{"data": {"userId": "A1B2C3D4-E5F6-4A7B-8C9D-0E1F2A3B4C5D"}}"#,
    )
    .with_property("DeadLetterReason", reason)
    .with_property("DeadLetterErrorDescription", format!("status={status} consumer=billing"))
}

/// Whether the flags match a letter that StripeRejected with 400, number 7, accepted on 1 March at noon.
fn matches(args: &[&str]) -> bool {
    let message = message("StripeRejected", 400);
    let letter =
        DeadLetter { message: &message, sequence_number: 7, enqueued_at: datetime!(2026-03-01 12:00 UTC) };
    filter(args).at(NOW).matches(&letter)
}

#[test]
fn each_flag_alone_tells_letters_apart() {
    for (matching, other) in [
        (["--reason", "StripeRejected"], ["--reason", "Stripe"]),
        (["--status", "400"], ["--status", "40"]),
        (["--older-than", "30d"], ["--older-than", "31d"]),
        (["--newer-than", "30d"], ["--newer-than", "29d"]),
        (["--since", "2026-03-01"], ["--since", "2026-03-02"]),
        (["--since", "2026-03-01T12:00:00Z"], ["--since", "2026-03-01T12:00:01Z"]),
        (["--since", "31d"], ["--since", "29d"]),
        (
            ["--user", "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"],
            ["--user", "b1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"],
        ),
        (
            ["--event", "30D0953D-0753-5930-A905-DEF22332F7E0"],
            ["--event", "40d0953d-0753-5930-a905-def22332f7e0"],
        ),
        (["--seq", "7"], ["--seq", "8.."]),
    ] {
        assert!(matches(&matching), "{matching:?}");
        assert!(!matches(&other), "{other:?}");
    }
}

#[test]
fn what_is_set_must_all_hold() {
    assert!(matches(&[]) && filter(&[]).is_empty());
    assert!(matches(&["--reason", "StripeRejected", "--status", "400", "--seq", "..7"]));
    assert!(!matches(&["--reason", "StripeRejected", "--status", "404"]));
}

#[test]
fn some_numbers_are_among_those_that_the_flags_match() {
    let matcher = filter(&["--seq", "3..9"]).at(NOW).among([2, 7, 12]);
    assert_eq!((matcher.first(), matcher.last()), (3, 9));
    let message = message("StripeRejected", 400);
    let number = |sequence_number| {
        matcher.matches(&DeadLetter { message: &message, sequence_number, enqueued_at: NOW })
    };
    assert_eq!([2, 3, 7, 12].map(number), [false, false, true, false]);
}

#[test]
fn a_filter_is_handed_on_as_it_was_given() {
    let all = filter(&[
        "--reason",
        "x y",
        "--status",
        "503",
        "--older-than",
        "30d",
        "--newer-than",
        "1h 3s",
        "--since",
        "2026-03-01",
        "--user",
        "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d",
        "--event",
        "30d0953d-0753-5930-a905-def22332f7e0",
        "--seq",
        "7..",
    ]);
    for given in [all, filter(&["--since", "7d"]), Filter::default()] {
        let args = given.to_args();
        let again = Line::try_parse_from([OsString::from("test")].into_iter().chain(args)).ok().unwrap();
        assert_eq!(again.filter, given);
    }
}

#[test]
fn what_can_not_be_meant_is_refused() {
    for wrong in [["--since", "yesterday"], ["--older-than", "30"], ["--seq", "9..7"], ["--user", "ada"]] {
        assert!(Line::try_parse_from(["test"].iter().chain(&wrong)).is_err(), "{wrong:?}");
    }
}

#[test]
fn an_age_beyond_all_calendars_matches_nothing_and_breaks_nothing() {
    assert!(!matches(&["--older-than", "5000000y"]));
    assert!(matches(&["--newer-than", "5000000y"]));
}
