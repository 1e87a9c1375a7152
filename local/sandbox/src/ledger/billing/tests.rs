use super::*;
use crate::StripePast;

fn ids<const N: usize>(ids: [&str; N]) -> Vec<String> {
    ids.map(str::to_owned).into()
}

#[test]
fn every_combination_has_the_verdict_that_it_deserves() {
    let (one, two) = (ids(["cus_a"]), ids(["cus_a", "cus_b"]));
    let a = Some("cus_a");
    for (expected, customers, on_user, writes, deserved) in [
        (Expected::One, &[][..], None, 0, Verdict::Pending),
        (Expected::One, &one, None, 0, Verdict::Pending),
        (Expected::One, &one, a, 1, Verdict::Exact),
        (Expected::One, &one, a, 2, Verdict::Rewritten),
        (Expected::One, &two, a, 1, Verdict::Doubled),
        (Expected::One, &[], a, 1, Verdict::Mismatched),
        (Expected::One, &two[1..], a, 1, Verdict::Mismatched),
        (Expected::Nothing, &[], None, 0, Verdict::Exact),
        (Expected::Nothing, &one, None, 0, Verdict::Unwanted),
        (Expected::Refused, &[], None, 0, Verdict::Exact),
        (Expected::Refused, &[], a, 1, Verdict::Unwanted),
        (Expected::AtMostOne, &[], None, 0, Verdict::Exact),
        (Expected::AtMostOne, &one, None, 0, Verdict::Exact),
        (Expected::AtMostOne, &two, None, 0, Verdict::Doubled),
    ] {
        let verdict = verdict(expected, customers, on_user, writes);
        assert_eq!(verdict, deserved, "{expected:?} {customers:?} {on_user:?} {writes}");
    }
}

#[test]
fn the_open_extension_follows_the_attribute() {
    let (a, b) = (Some("cus_a"), Some("cus_b"));
    for (expected, on_user, in_extension, deserved) in [
        (Expected::One, None, None, Verdict::Exact),
        (Expected::One, a, None, Verdict::Pending),
        (Expected::One, a, a, Verdict::Exact),
        (Expected::One, a, b, Verdict::Mismatched),
        (Expected::One, None, a, Verdict::Mismatched),
        (Expected::AtMostOne, a, None, Verdict::Exact),
        (Expected::Refused, None, a, Verdict::Mismatched),
    ] {
        let verdict = in_step(expected, on_user, in_extension);
        assert_eq!(verdict, deserved, "{expected:?} {on_user:?} {in_extension:?}");
    }
}

#[test]
fn who_was_there_before_is_linked_or_left_alone() {
    let before = Before { past: StripePast::One, customers: ids(["cus_old"]) };
    let old = Some("cus_old");
    for (to_link, customers, spoilt, deserved) in [
        (None, ids([]), false, Verdict::Exact),
        (None, ids(["cus_new"]), false, Verdict::Exact),
        (None, ids(["cus_old"]), false, Verdict::Unwanted),
        (None, ids(["cus_new"]), true, Verdict::Mismatched),
        (old, ids([]), false, Verdict::Exact),
        (old, ids(["cus_old"]), false, Verdict::Exact),
        (old, ids(["cus_old"]), true, Verdict::Mismatched),
        (old, ids(["cus_new"]), false, Verdict::Mismatched),
        (old, ids(["cus_old", "cus_new"]), false, Verdict::Mismatched),
    ] {
        let verdict = beside(&before, to_link, &customers, |_| spoilt);
        assert_eq!(verdict, deserved, "{to_link:?} {customers:?} {spoilt}");
    }
}
