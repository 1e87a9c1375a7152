use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn measuring() -> Metrics {
    Metrics::on(Meters::apart())
}

/// The value of a sample, by its name and its labels as they stand in the text.
fn sample(metrics: &Metrics, series: &str) -> Option<f64> {
    let text = metrics.text().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

#[test]
fn each_delivery_counts_once_by_outcome_and_reason() {
    let metrics = measuring();
    let billing = metrics.consumer("billing");
    billing.ended(Ended::Done, None, 1);
    billing.ended(Ended::Done, None, 1);
    billing.ended(Ended::DeadLettered, Some("StripeRejected"), 1);
    billing.ended(Ended::Released, Some("circuit-open"), 7);

    let counted =
        |labels: &str| sample(&metrics, &format!("usher_deliveries_total{{consumer=\"billing\",{labels}}}"));
    assert_eq!(counted("outcome=\"done\""), Some(2.0));
    assert_eq!(counted("outcome=\"dead_lettered\",reason=\"StripeRejected\""), Some(1.0));
    assert_eq!(counted("outcome=\"released\",reason=\"circuit-open\""), Some(7.0));
    assert_eq!(sample(&metrics, "usher_dead_letters_made_total{consumer=\"billing\"}"), Some(1.0));
}

#[test]
fn what_an_alert_waits_for_is_there_at_zero_before_it_happens() {
    let metrics = measuring();
    let _billing = metrics.consumer("billing");
    assert_eq!(sample(&metrics, "usher_dead_letters_made_total{consumer=\"billing\"}"), Some(0.0));
    assert_eq!(sample(&metrics, "usher_circuit_open{consumer=\"billing\"}"), Some(0.0));
}

#[test]
fn every_outcome_has_a_word_of_its_own_and_its_own_place() {
    let metrics = measuring();
    let billing = metrics.consumer("billing");
    for how in Ended::ALL {
        billing.ended(how, None, 1);
    }
    let text = metrics.text().unwrap();
    let once =
        text.lines().filter(|line| line.starts_with("usher_deliveries_total{") && line.ends_with(" 1"));
    assert_eq!(once.count(), Ended::ALL.len(), "{text}");
}

#[test]
fn a_delay_falls_into_a_bucket_between_a_second_and_a_day() {
    let metrics = measuring();
    let billing = metrics.consumer("billing");
    for delay in [MINUTE / 120, 4 * MINUTE, 3 * 24 * 60 * MINUTE] {
        billing.effect(Ended::Done, delay);
    }
    let labels = "consumer=\"billing\",outcome=\"done\"";
    let within = |seconds: &str| {
        sample(&metrics, &format!("usher_signup_effect_delay_seconds_bucket{{{labels},le=\"{seconds}\"}}"))
    };
    assert_eq!([within("1"), within("180"), within("300"), within("86400")], [1.0, 1.0, 2.0, 2.0].map(Some));
    assert_eq!(within("+Inf"), Some(3.0));
    assert_eq!(sample(&metrics, &format!("usher_signup_effect_delay_seconds_count{{{labels}}}")), Some(3.0));
}

#[test]
fn the_circuit_is_one_while_it_is_open() {
    let metrics = measuring();
    let billing = metrics.consumer("billing");
    for is_open in [true, false] {
        billing.circuit(is_open);
        let shown = sample(&metrics, "usher_circuit_open{consumer=\"billing\"}");
        assert_eq!(shown, Some(f64::from(u8::from(is_open))));
    }
}

#[test]
fn what_changes_by_itself_is_asked_when_it_is_read() {
    let metrics = measuring();
    metrics.consumer("billing").oldest(|| MINUTE);
    assert_eq!(sample(&metrics, "usher_messages_oldest_age_seconds{consumer=\"billing\"}"), Some(60.0));

    let producer = metrics.producer();
    assert_eq!(sample(&metrics, "usher_watermark_lag_seconds"), None, "nobody knows yet");
    producer.reached(OffsetDateTime::now_utc() - 10 * MINUTE);
    let lag = sample(&metrics, "usher_watermark_lag_seconds").unwrap();
    assert!((600.0..660.0).contains(&lag), "{lag}");

    metrics.credential_expires("ENTRA_CLIENT_CERTIFICATE_PATH", OffsetDateTime::now_utc() + 10 * MINUTE);
    let left = "usher_credential_expires_in_seconds{setting=\"ENTRA_CLIENT_CERTIFICATE_PATH\"}";
    let shown = || sample(&metrics, left);
    assert!(shown().is_some_and(|left| (540.0..=600.0).contains(&left)), "{:?}", shown());
    metrics.credential("ENTRA_CLIENT_CERTIFICATE_PATH", || None);
    assert_eq!(shown(), None, "another has taken its place, and that has no end");
}

#[test]
fn of_several_quotas_of_one_resource_the_one_that_is_nearest_to_its_end_counts() {
    let metrics = measuring();
    metrics.quota("stripe", || Some(0.25), || Some(Duration::from_millis(500)));
    metrics.quota("stripe", || Some(0.75), || None);
    metrics.quota("salesforce", || None, || None);
    assert_eq!(sample(&metrics, "usher_quota_used_ratio{resource=\"stripe\"}"), Some(0.75));
    assert_eq!(sample(&metrics, "usher_quota_wait_seconds{resource=\"stripe\"}"), Some(0.5));
    assert!(!metrics.text().unwrap().contains("salesforce"), "nobody can tell");
}

#[test]
fn without_meters_nothing_is_measured_and_nothing_fails() {
    let metrics = Metrics::default();
    let (consumer, producer) = (metrics.consumer("billing"), metrics.producer());
    consumer.ended(Ended::Done, None, 1);
    consumer.effect(Ended::Done, MINUTE);
    consumer.circuit(true);
    consumer.oldest(|| unreachable!("nobody reads it"));
    producer.published(MINUTE);
    producer.reached(OffsetDateTime::UNIX_EPOCH);
    metrics.quota("stripe", || unreachable!("nobody reads it"), || None);
    assert_eq!(metrics.text(), None);
}
