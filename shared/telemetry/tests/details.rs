//! Where nobody collects traces, what only they want is not made. In a process of its own: whether a span is made is
//! remembered for all subscribers of a process at once, and a test beside this one could have another.

use usher_telemetry::{DETAIL, attribute, failed, traces_are_collected};

#[test]
fn details_are_not_made_where_nobody_collects_traces() {
    let details = || {
        let process = tracing::info_span!(target: "usher", "process").entered();
        let attempt = tracing::info_span!(target: DETAIL, "attempt");
        failed(&attempt, "503", "503 busy".to_owned());
        attribute(&attempt, "usher.attempt", 1_i64);
        (traces_are_collected(), attempt.is_disabled(), process.is_disabled())
    };
    assert_eq!(details(), (false, true, true), "without a subscriber");

    let _telemetry = usher_telemetry::init("usher-test").expect("no setting is wrong where none is set");
    assert_eq!(details(), (false, true, false));
}
