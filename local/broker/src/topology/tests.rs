use std::time::Duration;

use super::*;
use crate::machine::Facets;

const CONFIG: &str = r#"{
  "UserConfig": {
    "Namespaces": [{
      "Name": "sbemulatorns",
      "Queues": [
        { "Name": "work", "Properties": { "LockDuration": "PT5S", "MaxDeliveryCount": 3, "DefaultMessageTimeToLive": "PT1H",
          "RequiresSession": false, "ForwardTo": "", "ForwardDeadLetteredMessagesTo": null, "SomethingNew": [1] } },
        { "Name": "once", "Properties": { "RequiresDuplicateDetection": true, "DuplicateDetectionHistoryTimeWindow": "PT5M",
          "MaxSizeInMegabytes": 2, "DeadLetteringOnMessageExpiration": true } },
        { "Name": "plain" }
      ],
      "Topics": [{
        "Name": "signups",
        "Properties": { "DefaultMessageTimeToLive": "PT1H" },
        "Subscriptions": [
          { "Name": "all" },
          { "Name": "billing", "Rules": [
            { "Name": "mine", "Properties": { "FilterType": "Sql", "SqlFilter": { "SqlExpression": "replayTo IS NULL OR replayTo = 'billing'" } } },
            { "Name": "gold", "Properties": { "FilterType": "Correlation", "CorrelationFilter": { "Label": "UserSignedUp", "Properties": { "tier": "gold" } } } }
          ] }
        ]
      }]
    }],
    "Logging": { "Type": "Console" }
  }
}"#;

#[test]
fn an_emulators_configuration_is_read() {
    let topology = Topology::from_emulator_config(CONFIG).unwrap();
    let [work, once, plain] = topology.queues.as_slice() else { panic!("{:?}", topology.queues) };
    assert_eq!(work.delivery.lock_duration, Duration::from_secs(5));
    assert_eq!(work.delivery.max_delivery_count, 3);
    assert_eq!(work.delivery.default_time_to_live, Some(Duration::from_hours(1)));
    assert_eq!(work.intake.duplicate_window, None);
    assert_eq!(once.intake.duplicate_window, Some(Duration::from_mins(5)));
    assert_eq!(once.intake.max_bytes, 2 << 20);
    assert!(once.delivery.dead_letter_on_expiry);
    assert_eq!(plain.delivery.max_delivery_count, 10);
    assert_eq!(plain.intake.max_bytes, 1 << 30);
    let [signups] = topology.topics.as_slice() else { panic!("{:?}", topology.topics) };
    assert_eq!(signups.default_time_to_live, Some(Duration::from_hours(1)));
    assert_eq!(
        signups.subscriptions.iter().map(|one| (one.name.as_str(), one.rules.len())).collect::<Vec<_>>(),
        [("all", 0), ("billing", 2)]
    );
}

#[test]
fn a_fault_in_a_configuration_is_named_by_its_path() {
    let ns = "$.UserConfig.Namespaces[0]";
    let table = [
        (
            r#""LockDuration": "PT5S""#,
            r#""LockDuration": "5s""#,
            format!(
                "{ns}.Queues[0].Properties.LockDuration: not an ISO 8601 duration above zero, such as PT1M"
            ),
        ),
        (
            r#""LockDuration": "PT5S""#,
            r#""LockDuration": "PT6M""#,
            format!(
                "{ns}.Queues[0].Properties.LockDuration: longer than the 5 minutes that Service Bus allows"
            ),
        ),
        (
            r#""MaxDeliveryCount": 3"#,
            r#""MaxDeliveryCount": "secret""#,
            format!("{ns}.Queues[0].Properties.MaxDeliveryCount: not a whole number from 1 on"),
        ),
        (
            r#""RequiresSession": false"#,
            r#""RequiresSession": true"#,
            format!("{ns}.Queues[0].Properties.RequiresSession: sessions are not supported"),
        ),
        (
            r#""ForwardTo": """#,
            r#""ForwardTo": "x""#,
            format!("{ns}.Queues[0].Properties.ForwardTo: forwarding is not supported"),
        ),
        (r#""Name": "plain""#, r#""Name": "WORK""#, format!("{ns}.Queues[2].Name: the name is taken")),
        (r#""Name": "plain""#, r#""Other": "plain""#, format!("{ns}.Queues[2]: Name is missing or empty")),
        (
            r#""FilterType": "Sql""#,
            r#""FilterType": "Regex""#,
            format!(
                "{ns}.Topics[0].Subscriptions[1].Rules[0].Properties.FilterType: none of Sql, Correlation, True and False"
            ),
        ),
        (
            "replayTo IS NULL",
            "replayTo IS",
            format!(
                "{ns}.Topics[0].Subscriptions[1].Rules[0].Properties.SqlFilter.SqlExpression: expected NULL at character 13"
            ),
        ),
        (
            r#""FilterType": "Sql""#,
            r#""FilterType": "Sql", "Action": {"SqlExpression": "SET sys.To = 'x'"}"#,
            format!(
                "{ns}.Topics[0].Subscriptions[1].Rules[0].Properties.Action: rule actions are not supported"
            ),
        ),
        (
            r#""Label": "UserSignedUp", "Properties": { "tier": "gold" }"#,
            "",
            format!(
                "{ns}.Topics[0].Subscriptions[1].Rules[1].Properties.CorrelationFilter: it names no property to compare"
            ),
        ),
        (
            r#"{ "tier": "gold" }"#,
            r#"{ "tier": [] }"#,
            format!(
                "{ns}.Topics[0].Subscriptions[1].Rules[1].Properties.CorrelationFilter.Properties.tier: no string, number or truth value"
            ),
        ),
        ("UserConfig", "Config", "$: UserConfig is missing".to_owned()),
    ];
    for (right, wrong, expected) in table {
        assert!(CONFIG.contains(right), "{right}");
        let error = Topology::from_emulator_config(&CONFIG.replacen(right, wrong, 1)).expect_err(wrong);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_is_not_json_is_named_by_its_place() {
    let error = Topology::from_emulator_config("{\n  oops").unwrap_err();
    assert_eq!(error.to_string(), "not JSON at line 2, column 3");
}

#[test]
fn every_subscription_of_usher_gets_signups_and_its_own_corrected_copies() {
    let topology = Topology::usher();
    let [topic] = topology.topics.as_slice() else { panic!("{:?}", topology.topics) };
    assert_eq!(topic.name, "user-signups");
    assert!(!topic.subscriptions.is_empty());
    for subscription in &topic.subscriptions {
        let replay_to = |name: &str| Facets {
            properties: [("replayTo".to_owned(), name.into())].into(),
            ..Facets::default()
        };
        let [rule] = subscription.rules.as_slice() else { panic!("{:?}", subscription.rules) };
        assert!(rule.matches(&Facets::default()), "{}", subscription.name);
        assert!(rule.matches(&replay_to(&subscription.name)), "{}", subscription.name);
        assert!(!rule.matches(&replay_to("another")), "{}", subscription.name);
    }
}
