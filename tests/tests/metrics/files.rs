//! Alerts, dashboard and collector: what lies in `infra/` is well-formed and asks for what there is.

use std::collections::BTreeSet;

use serde_json::Value;
use usher_sandbox::Judged;

use crate::{
    documented,
    readers::{python, read},
};

const RUNBOOK: &str = include_str!("../../../docs/runbook.md");
/// What the alerts are to tell of.
const ALERTS: [&str; 7] = [
    "UsherDeadLetters",
    "UsherOldestMessage",
    "UsherCircuitOpen",
    "UsherWatermarkLag",
    "UsherProducerGone",
    "UsherCredentialExpires",
    "UsherQuota",
];

fn texts<'a>(values: impl IntoIterator<Item = &'a Value>) -> BTreeSet<&'a str> {
    values.into_iter().map(|value| value.as_str().unwrap()).collect()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

#[test]
fn alerts_and_dashboard_are_valid_and_ask_for_nothing_but_what_is_documented() {
    let Some(python) = python() else { return };
    let asked = read(&python, &["expressions", "prometheus/usher.rules.yml", "prometheus/grafana.json"], "");
    let documented = documented::all();
    for expression in list(&asked) {
        let metrics = list(&expression["metrics"]);
        assert!(!metrics.is_empty(), "{expression}");
        for metric in metrics {
            let name = metric["name"].as_str().unwrap();
            let known = documented.iter().find(|it| it.has(name));
            let known = known.unwrap_or_else(|| panic!("{name} is not documented: {expression}"));
            for label in texts(list(&metric["labels"])) {
                assert!(
                    label == "le" || known.attributes.contains(label),
                    "{name} has no {label}: {expression}"
                );
            }
        }
    }
    let told: String = asked.to_string();
    for it in &documented {
        assert!(told.contains(it.shown), "nobody looks at {}", it.shown);
    }
}

#[test]
fn each_alert_names_a_part_of_the_runbook() {
    let Some(python) = python() else { return };
    let rules = read(&python, &["yaml", "prometheus/usher.rules.yml"], "");
    let rules: Vec<_> = list(&rules["groups"]).iter().flat_map(|group| list(&group["rules"])).collect();
    assert_eq!(texts(rules.iter().map(|rule| &rule["alert"])), BTreeSet::from(ALERTS));
    for rule in rules {
        let heading = format!("## {}\n", rule["annotations"]["runbook"].as_str().unwrap());
        assert!(RUNBOOK.contains(&heading), "{heading}");
        assert!(
            rule["labels"]["severity"].is_string() && rule["annotations"]["summary"].is_string(),
            "{rule}"
        );
    }
}

#[test]
fn the_scrape_example_asks_every_service() {
    let Some(python) = python() else { return };
    let prometheus = read(&python, &["yaml", "prometheus/prometheus.yml"], "");
    assert_eq!(texts(list(&prometheus["rule_files"])), BTreeSet::from(["usher.rules.yml"]));
    let targets = list(&prometheus["scrape_configs"][0]["static_configs"][0]["targets"]);
    let asked: BTreeSet<_> =
        texts(targets).into_iter().map(|target| target.split(':').next().unwrap()).collect();
    let services = Judged::ALL.map(Judged::name).into_iter().chain(["producer"]);
    assert_eq!(asked, services.collect::<BTreeSet<_>>());
}

#[test]
fn the_collectors_configuration_uses_what_it_defines_and_keeps_what_went_wrong() {
    let Some(python) = python() else { return };
    let collector = read(&python, &["yaml", "collector.yaml"], "");
    let pipelines = collector["service"]["pipelines"].as_object().unwrap();
    let names: BTreeSet<_> = pipelines.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["metrics", "traces"]));
    for part in ["receivers", "processors", "exporters"] {
        let defined: BTreeSet<_> = collector[part].as_object().unwrap().keys().map(String::as_str).collect();
        let used: BTreeSet<_> =
            pipelines.values().flat_map(|pipeline| texts(list(&pipeline[part]))).collect();
        assert_eq!(used, defined, "{part}");
    }
    for pipeline in pipelines.values() {
        assert_eq!(list(&pipeline["processors"])[0], "memory_limiter", "nothing before it");
    }
    let policies = list(&collector["processors"]["tail_sampling"]["policies"]);
    let kinds: Vec<_> = policies.iter().map(|policy| policy["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["status_code", "string_attribute", "boolean_attribute", "latency", "probabilistic"]);
    for policy in policies {
        assert!(policy[policy["type"].as_str().unwrap()].is_object(), "{policy}");
    }
    assert_eq!(policies[1]["string_attribute"]["key"], "usher.dead_letter.reason");
    assert_eq!(policies[2]["boolean_attribute"]["key"], "usher.replay");
}
