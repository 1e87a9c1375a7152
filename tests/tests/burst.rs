//! A burst of sign-ups makes no storm of 429s: each consumer keeps within its share of the quotas.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use usher_sandbox::{Judged, Vendor};
use usher_tests::simulation::{Absorbed, burst};

/// How many sign up at once unless `USHER_BURST` says otherwise: enough to use up what Graph gives in advance (3,000
/// writes), few enough for every test run. `make burst` takes 10,000.
const SIGN_UPS: usize = 2_000;

#[test]
fn three_apps_absorb_a_burst_within_their_quotas() {
    absorb(false);
}

#[test]
fn three_consumers_that_share_one_app_absorb_a_burst_within_its_quota() {
    absorb(true);
}

fn absorb(one_app: bool) {
    let sign_ups = std::env::var("USHER_BURST").map_or(SIGN_UPS, |n| n.parse().unwrap());
    let absorbed = burst(sign_ups, one_app).unwrap();
    println!("{sign_ups} at once: {:?}, and by the quotas {:?}", absorbed.took, absorbed.quotas_take);
    for (what, calls) in absorbed.calls.iter().filter(|(_, calls)| calls.made > 0) {
        println!("{what:?} {calls:?}");
    }
    assert_eq!(absorbed.dead_letters, 0);
    assert!(absorbed.effects.all_exact(), "{:?}", absorbed.effects.totals);
    for (what, calls) in &absorbed.calls {
        let quota_counts = if what.1 == Vendor::Graph { calls.writes } else { calls.made };
        assert!(calls.throttled * 100 <= quota_counts, "{what:?}: {calls:?}");
    }
    assert!(absorbed.took <= absorbed.quotas_take.mul_f64(1.1), "{absorbed:.0?}");
    no_write_is_wasted(&absorbed);
    one_call_each(&absorbed, sign_ups as u64);
}

/// Or else the time that the quotas take would be no measure.
fn no_write_is_wasted(absorbed: &Absorbed) {
    let lines = &absorbed.effects.sign_ups;
    let grants = |line: &usher_sandbox::Effect| {
        let expected = &line.birthrights.expected;
        (expected.groups.len() + expected.app_roles.len()) as u64
    };
    let granted: u64 = lines.iter().map(grants).sum();
    let billed: u64 = lines.iter().map(|line| u64::from(line.writes)).sum();
    for (consumer, needed) in [(Judged::Birthrights, granted), (Judged::Billing, billed)] {
        let writes = absorbed.calls[&(consumer, Vendor::Graph)].writes;
        assert!(needed > 0 && writes <= needed + needed / 20, "{consumer:?} wrote {writes} for {needed}");
    }
}

/// Where one call is the whole effect, there are as many calls as sign-ups, and a few more for tokens.
fn one_call_each(absorbed: &Absorbed, sign_ups: u64) {
    for (consumer, vendor) in [
        (Judged::Crm, Vendor::Salesforce),
        (Judged::Sql, Vendor::Database),
        (Judged::Webhook, Vendor::Webhook),
    ] {
        let made = absorbed.calls[&(consumer, vendor)].made;
        assert!((sign_ups..=sign_ups + 5).contains(&made), "{consumer:?} made {made} calls");
    }
}
