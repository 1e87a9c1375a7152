//! Given spans, this is the picture.

use super::*;
use crate::trace::{
    span::Kind,
    testing::{TRACE, span},
};

/// A sign-up that the audit log kept to itself for a minute, and that billing did at the second attempt.
fn story() -> Vec<Span> {
    let call = |span: Span, host: &str, status: u16| {
        span.with("http.request.method", "POST")
            .with("server.address", host)
            .with("http.response.status_code", status)
    };
    let process = |span: Span| span.of_kind(Kind::Consumer);
    let attempt = |span: Span, nth: u32| span.with("usher.attempt", nth);
    let complete = |span: Span| span.with("messaging.operation.name", "complete");
    let (producer, email, billing) = ("usher-producer", "usher-email", "usher-billing");
    vec![
        span("1", None, producer, "sign-up", 0..64_070),
        span("2", Some("1"), producer, "audit delay", 0..64_000),
        span("3", Some("1"), producer, "enrich", 64_000..64_030),
        call(span("4", Some("3"), producer, "POST", 64_004..64_028), "graph.microsoft.com", 200),
        span("5", Some("1"), producer, "send user-signups", 64_050..64_070),
        process(span("6", Some("5"), email, "process user-signups", 64_080..64_110)),
        attempt(span("7", Some("6"), email, "attempt", 64_081..64_105), 1),
        complete(span("8", Some("6"), email, "settle", 64_106..64_110)),
        process(span("9", Some("5"), billing, "process user-signups", 64_082..66_300)),
        attempt(span("10", Some("9"), billing, "attempt", 64_083..64_120), 1).which_failed("503"),
        call(span("11", Some("10"), billing, "POST", 64_090..64_118), "api.stripe.com", 503).which_failed(""),
        attempt(span("12", Some("9"), billing, "attempt", 66_120..66_290), 2),
        call(span("13", Some("12"), billing, "POST", 66_125..66_280), "api.stripe.com", 200),
        complete(span("14", Some("9"), billing, "settle", 66_292..66_300)),
    ]
}

fn plain(spans: &[Span], width: usize) -> String {
    draw(spans, &Look { width, colour: false })
}

#[track_caller]
fn is_drawn(spans: &[Span], width: usize, expected: &[&str]) {
    let drawn = plain(spans, width);
    assert_eq!(drawn.lines().collect::<Vec<_>>(), expected, "\n{drawn}");
}

#[test]
fn a_sign_up_is_seen_through_all_services_with_its_waits_and_failures() {
    is_drawn(
        &story(),
        104,
        &[
            "                                                     after        took  |0:00.000     |1:04.048",
            "producer  sign-up                                 0:00.000    1 m 04 s  ████████████████",
            "producer  ├ audit delay                           0:00.000    1 m 04 s  ░░░░░░░░░░░",
            "producer  ├ enrich                                1:04.000       30 ms            ███",
            "producer  │ └ POST graph.microsoft.com 200        1:04.004       24 ms             ██",
            "producer  └ send user-signups                     1:04.050       20 ms                ██",
            "email       ├ process email                       1:04.080       30 ms                  ███",
            "email       │ ├ attempt 1                         1:04.081       24 ms                  ███",
            "email       │ └ settle: complete                  1:04.106      4.0 ms                    █",
            "billing     └ process billing                     1:04.082      2.22 s                  ████████████████",
            "billing       ├ attempt 1 ✗ 503                   1:04.083       37 ms                  ████",
            "billing       │ └ POST api.stripe.com 503 ✗       1:04.090       28 ms                   ███",
            "billing       ├ waits                             1:04.120      2.00 s                     ░░░░░░░░",
            "billing       ├ attempt 2                         1:06.120      170 ms                            ██████",
            "billing       │ └ POST api.stripe.com 200         1:06.125      155 ms                            █████",
            "billing       └ settle: complete                  1:06.292      8.0 ms                                 █",
        ],
    );
}

#[test]
fn what_has_not_ended_yet_or_was_lost_with_its_service_is_a_placeholder() {
    let attempt = |id, nth: u32, millis| {
        span(id, Some("9"), "usher-billing", "attempt", millis).with("usher.attempt", nth).which_failed("503")
    };
    let spans = [
        span("1", None, "usher-producer", "sign-up", 0..64_070),
        span("5", Some("1"), "usher-producer", "send user-signups", 64_050..64_070),
        attempt("10", 1, 64_083..64_120),
        attempt("12", 2, 66_120..66_290),
    ];
    is_drawn(
        &spans,
        100,
        &[
            "                                            after        took  |0:00.000     |0:56.510",
            "producer  sign-up                        0:00.000    1 m 04 s  ██████████████████",
            "producer  └ send user-signups            1:04.050       20 ms                 ███",
            "billing   (not ended yet, or lost)       1:04.083      2.21 s                     ··················",
            "billing   ├ attempt 1 ✗ 503              1:04.083       37 ms                     ████",
            "billing   ├ waits                        1:04.120      2.00 s                        ░░░░░░░░░░",
            "billing   └ attempt 2 ✗ 503              1:06.120      170 ms                                 ██████",
        ],
    );
}

#[test]
fn a_replay_days_later_is_in_the_same_picture_and_says_what_it_replays() {
    let crm = |id, parent, name, millis| span(id, Some(parent), "usher-crm", name, millis);
    let spans = [
        span("1", None, "usher-producer", "send user-signups", 0..20),
        crm("2", "1", "process user-signups", 30..90).of_kind(Kind::Consumer),
        crm("3", "2", "dead_letter user-signups", 80..90)
            .with("messaging.operation.name", "dead_letter")
            .with("usher.dead_letter.reason", "SalesforceRejected"),
        crm("4", "1", "process user-signups", 180_000_000..180_000_100)
            .of_kind(Kind::Consumer)
            .with("usher.replay", true)
            .linked_to(TRACE, "1"),
        crm("5", "4", "complete user-signups", 180_000_090..180_000_100)
            .with("messaging.operation.name", "complete"),
    ];
    is_drawn(
        &spans,
        112,
        &[
            "                                                               after        took  |0:00.000     |20:41:27.329",
            "producer  send user-signups                                 0:00.000       20 ms  ██",
            "crm       ├ process crm                                     0:00.030       60 ms    ████",
            "crm       │ └ settle: dead-letter, SalesforceRejected       0:00.080       10 ms      ██",
            "crm       └ process crm (replay)                        2 d 02:00:00      100 ms                            ████",
            "            ↳ replays the dead letter of what was sent as span 0000000000000001",
            "crm         └ settle: complete                          2 d 02:00:00       10 ms                               █",
        ],
    );
}

#[test]
fn a_narrow_terminal_gets_the_times_without_the_bars() {
    is_drawn(
        &story()[..6],
        60,
        &[
            "                                            after        took",
            "producer  sign-up                        0:00.000    1 m 04 s",
            "producer  ├ audit delay                  0:00.000    1 m 04 s",
            "producer  ├ enrich                       1:04.000       30 ms",
            "producer  │ └ POST graph.microsof…       1:04.004       24 ms",
            "producer  └ send user-signups            1:04.050       20 ms",
            "email       └ process email              1:04.080       30 ms",
        ],
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for columns in [80, 104, 120, 200] {
        let drawn = plain(&story(), columns);
        assert!(drawn.lines().all(|line| width(line) <= columns), "{columns}\n{drawn}");
    }
}

#[test]
fn colours_tell_the_services_apart_and_failures_are_red() {
    let drawn = draw(&story(), &Look { width: 104, colour: true });
    let line = |of: &str| drawn.lines().find(|line| line.contains(of)).unwrap();
    assert!(line("sign-up").starts_with("\u{1b}[36mproducer"), "{drawn}");
    assert!(line("process email").starts_with("\u{1b}[32memail"), "{drawn}");
    assert!(line("attempt 1 ✗ 503").contains("\u{1b}[31m"), "{drawn}");
    assert!(!plain(&story(), 104).contains('\u{1b}'));
}
