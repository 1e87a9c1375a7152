//! In a month of a tenant's life Usher loses nobody; the usual approach loses some.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use usher_tests::month::{Approach, SEED, play_all, table};

const DOCUMENT: &str = include_str!("../../docs/month.md");

#[test]
fn a_month_loses_nobody_with_usher_and_some_with_the_usual_approach_and_the_docs_say_so() {
    let months = play_all(SEED).unwrap();
    let printed = table(&months);
    println!("{printed}");
    for month in &months {
        assert_eq!(month.accepted, month.sign_ups - month.lost, "what is sent again is swallowed: {month:?}");
        let loses = month.lost > 0;
        assert_eq!(loses, month.approach != Approach::Usher, "{month:?}");
        assert!(month.in_vain > 0, "a month in which nothing went wrong: {month:?}");
    }
    assert!(
        DOCUMENT.contains(&printed),
        "make month, put its table into docs/month.md, and look at what changed"
    );
}
