//! The deployment to Azure is well-formed, by Bicep's grammar, and fits what it deploys: its modules each other, the list of
//! consumers, the programs' settings, the bus that tests run against, the metrics and lines that alerts wait for, and the docs.
//!
//! Whether Azure takes it only Azure can say; the compiler, which knows the types of resources, is in no registry that every
//! machine reaches.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

mod beside;
mod tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde_json::Value;
use usher_broker::{rules::Filter, topology::Topology};
use uuid::Uuid;

use beside::{anchors, consumers, is_setting, needs, read, root, settings_in};
use tree::{Source, all_in};

/// The built-in roles that are given, by what a service or an operator does with each; the numbers are the same in every
/// tenant. <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>
const ROLES: [(&str, &str); 11] = [
    ("4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", "Azure Service Bus Data Receiver"),
    ("69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", "Azure Service Bus Data Sender"),
    ("4633458b-17de-408a-b874-0445c86b69e6", "Key Vault Secrets User"),
    ("12338af0-0e69-4776-bea7-57ae8d297424", "Key Vault Crypto User"),
    ("21090545-7ca7-4776-b22c-e363652d74d2", "Key Vault Reader"),
    ("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "Key Vault Secrets Officer"),
    ("a4417e6f-fecd-4de8-b567-7b0420556985", "Key Vault Certificates Officer"),
    ("ba92f5b4-2d11-453d-a403-e96b0029c9fe", "Storage Blob Data Contributor"),
    ("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", "Storage Blob Data Reader"),
    ("7f951dda-4ed3-4680-a7ca-43fe172d538d", "AcrPull"),
    ("8311e382-0749-4cb8-b61a-304f252e45ec", "AcrPush"),
];

/// Settings that hold a secret, beside those that services.json has in the vault.
const SECRET_SETTINGS: [&str; 5] = [
    "ENTRA_CLIENT_SECRET",
    "ENTRA_CLIENT_CERTIFICATE_PASSWORD",
    "SERVICEBUS_CONNECTION_STRING",
    "CHECKPOINT_SAS",
    "AZURE_CLIENT_SECRET",
];

fn folder() -> PathBuf {
    root().join("infra/azure")
}

fn bicep() -> Vec<Source> {
    all_in(&folder())
}

fn module(name: &str) -> Source {
    Source::read(folder().join(name))
}

fn parameters_file() -> Source {
    Source::parameters_file(folder().join("main.bicepparam"))
}

#[test]
fn every_file_is_bicep() {
    let files = bicep();
    assert!(files.len() > 10, "only {} files were found", files.len());
    let mistakes: Vec<_> = files.iter().chain([&parameters_file()]).flat_map(Source::mistakes).collect();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

#[test]
fn a_file_that_is_no_bicep_is_found_out() {
    let well = module("modules/subscription.bicep").text;
    for (was, becomes) in [
        ("param name string", "param name strin'"),
        ("properties: {", "properties {"),
        ("lockDuration: 'PT1M'", "lockDuration: 'PT1M"),
        ("existing = {", "existing = ["),
    ] {
        let broken = well.replacen(was, becomes, 1);
        assert_ne!(broken, well, "{was} is not in it");
        let source = Source::of("broken.bicep".into(), broken);
        assert!(!source.mistakes().is_empty(), "{becomes}");
    }
}

#[test]
fn every_module_is_there_and_is_given_what_it_asks_for_and_nothing_else() {
    for file in bicep() {
        for module in file.modules() {
            let used = Source::read(file.path.parent().unwrap().join(&module.path));
            let known: BTreeSet<_> = used.parameters().into_iter().map(|one| one.name).collect();
            let needed = used.parameters().into_iter().filter(|one| !one.has_default).map(|one| one.name);
            let here = file.path.display();
            let missing: Vec<_> = needed.filter(|name| !module.given.contains(name)).collect();
            assert!(missing.is_empty(), "{here}: {} is not given {missing:?}", module.path);
            let unknown: Vec<_> = module.given.difference(&known).collect();
            assert!(unknown.is_empty(), "{here}: {} knows no {unknown:?}", module.path);
        }
        for loaded in file.loaded() {
            assert!(file.path.parent().unwrap().join(&loaded).is_file(), "{}: {loaded}", file.path.display());
        }
    }
}

#[test]
fn the_parameter_file_gives_what_is_asked_for_and_nothing_else() {
    let asked = module("main.bicep").parameters();
    let text = parameters_file().text;
    let given: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("var ").and_then(|rest| rest.split(' ').next()))
        .collect();
    for one in asked.iter().filter(|one| !one.has_default) {
        assert!(given.contains(one.name.as_str()), "{} is missing", one.name);
    }
    let known: BTreeSet<_> = asked.iter().map(|one| one.name.as_str()).collect();
    assert!(given.is_subset(&known), "{:?}", given.difference(&known));
}

#[test]
fn every_consumer_of_the_list_is_deployed_and_no_other_is_named() {
    let main = module("main.bicep");
    assert!(main.loaded().contains(&"../consumers.json".to_owned()), "{:?}", main.loaded());
    for each in ["modules/subscription.bicep", "modules/consumer.bicep"] {
        let module = main.modules().into_iter().find(|module| module.path == each).unwrap();
        assert_eq!(module.each_of.as_deref(), Some("consumers"), "{each}");
    }
    let replay = module("modules/consumer.bicep").strings();
    assert!(replay.contains(&"replay".to_owned()), "no consumer has a job that replays");

    let consumers = consumers();
    let named = bicep().iter().flat_map(Source::strings).filter(|text| consumers.contains(text)).count();
    assert_eq!(named, 0, "a consumer stands in the list and nowhere else");
    let strangers: Vec<_> = needs().into_keys().filter(|name| *name != "producer").collect();
    assert!(strangers.iter().all(|name| consumers.contains(name)), "{strangers:?}");
}

#[test]
fn the_bus_is_the_one_that_tests_run_against() {
    let Topology { topics, .. } = Topology::usher();
    let [topic] = topics.as_slice() else { panic!("one topic") };
    let bus = module("modules/bus.bicep");
    let subscription = module("modules/subscription.bicep");

    assert!(module("main.bicep").strings().contains(&topic.name));
    assert_eq!(topic.intake.duplicate_window.map(|window| window.as_secs()), Some(7 * 24 * 3600));
    assert_eq!(bus.values_of("duplicateDetectionHistoryTimeWindow"), ["P7D"]);
    assert_eq!(bus.values_of("requiresDuplicateDetection"), ["true"]);

    let rule = subscription.values_of("sqlExpression").remove(0);
    assert!(subscription.strings().contains(&"$Default".to_owned()), "the rule takes $Default's place");
    for spec in &topic.subscriptions {
        let deployed = rule.replace("${name}", &spec.name);
        assert_eq!(spec.rules, [Filter::sql(&deployed).unwrap()], "{deployed}");
        assert_eq!(spec.delivery.lock_duration.as_secs(), 60);
        let limit = spec.delivery.max_delivery_count.to_string();
        assert_eq!(subscription.values_of("maxDeliveryCount"), [limit]);
    }
    assert_eq!(subscription.values_of("lockDuration"), ["PT1M"]);
    assert_eq!(subscription.values_of("deadLetteringOnMessageExpiration"), ["true"]);
}

#[test]
fn every_setting_is_one_that_a_program_reads() {
    let known: BTreeSet<_> = ["producer", "consumers", "shared"].into_iter().flat_map(settings_in).collect();
    for file in bicep().iter().chain([&parameters_file()]) {
        for property in file.properties().filter(|property| is_setting(&property.key)) {
            assert!(known.contains(&property.key), "{}: {}", file.path.display(), property.key);
        }
    }
}

#[test]
fn each_service_is_handed_its_own_secrets_and_quotas() {
    for (name, needs) in needs() {
        let own = if name == "producer" { name.clone() } else { format!("consumers/{name}") };
        let known: BTreeSet<_> = [own.as_str(), "shared/entra"].into_iter().flat_map(settings_in).collect();
        let handed = needs.secrets.keys().chain(needs.secret_files.keys()).chain(needs.quotas.keys());
        let strange: Vec<_> = handed.filter(|setting| !known.contains(*setting)).collect();
        assert!(strange.is_empty(), "{name} reads no {strange:?}");
        let asks_graph = settings_in(&own).contains("GRAPH_WRITES_PER_SECOND")
            || beside::sources(&root().join(&own)).iter().any(|source| source.contains("EntraSettings"));
        assert_eq!(needs.registration, asks_graph, "{name}: an app registration is for those who ask Graph");
    }
}

#[test]
fn no_secret_passes_through_a_deployment() {
    let in_vault = needs().into_values().flat_map(|needs| {
        needs.secrets.into_keys().chain(needs.secret_files.into_keys()).collect::<Vec<_>>()
    });
    let secret: BTreeSet<_> = in_vault.chain(SECRET_SETTINGS.map(str::to_owned)).collect();
    let parameters = parameters_file();
    for file in bicep().iter().chain([&parameters]) {
        let here = file.path.display();
        let set: Vec<_> = file.properties().map(|one| one.key).filter(|key| secret.contains(key)).collect();
        assert!(set.is_empty(), "{here}: {set:?} belong into the vault");
        for keys in ["listKeys", "listSecrets", "@secure"] {
            assert!(!file.text.contains(keys), "{here}: {keys}: a key that need not be there");
        }
    }
    for (file, property, value) in [
        ("modules/bus.bicep", "disableLocalAuth", "true"),
        ("modules/observability.bicep", "disableLocalAuth", "true"),
        ("modules/checkpoint.bicep", "allowSharedKeyAccess", "false"),
        ("modules/checkpoint.bicep", "allowBlobPublicAccess", "false"),
        ("modules/registry.bicep", "adminUserEnabled", "false"),
        ("modules/vault.bicep", "enableRbacAuthorization", "true"),
        ("modules/vault.bicep", "enablePurgeProtection", "true"),
    ] {
        assert_eq!(module(file).values_of(property), [value], "{file}: {property}");
    }
}

#[test]
fn the_certificates_key_stays_in_the_vault_and_is_never_changed_behind_entras_back() {
    let policy: Value = serde_json::from_str(&read("infra/azure/certificate-policy.json")).unwrap();
    assert_eq!(policy["keyProperties"]["exportable"], false);
    assert_eq!(policy["keyProperties"]["keyType"], "RSA");
    // A certificate that renewed itself would be one that the app registration does not know.
    let actions = policy["lifetimeActions"].as_array().unwrap();
    assert!(actions.iter().all(|action| action["action"]["actionType"] == "EmailContacts"), "{actions:?}");
}

#[test]
fn only_roles_that_suffice_are_given_and_each_where_it_is_needed() {
    let roles: BTreeMap<&str, &str> = ROLES.into_iter().collect();
    let mut given = BTreeSet::new();
    for file in bicep() {
        for text in file.strings().into_iter().filter(|text| Uuid::parse_str(text).is_ok()) {
            let name = roles.get(text.as_str()).unwrap_or_else(|| panic!("{}: {text}", file.path.display()));
            assert!(file.text.contains(name), "{}: {text} is {name}, and says so", file.path.display());
            given.insert(text);
        }
    }
    assert_eq!(given.len(), ROLES.len(), "{given:?}");

    let scopes = |file: &str| module(file).values_of("scope");
    assert_eq!(scopes("modules/subscription.bicep"), ["subscription"]);
    assert_eq!(scopes("modules/producer-access.bicep"), ["namespace::topic", "account::blobs::container"]);
    assert_eq!(scopes("modules/vault-access.bicep"), ["secret[index]", "key", "vault"]);
    let sends = |file: &&Source| file.text.contains(ROLES[1].0);
    let senders: Vec<_> = bicep().iter().filter(sends).map(|file| file.path.clone()).collect();
    let [operators, producer] = senders.as_slice() else { panic!("{senders:?}") };
    assert!(operators.ends_with("operators.bicep") && producer.ends_with("producer-access.bicep"));
}

#[test]
fn every_alert_waits_for_something_that_is_told_and_names_a_place_that_says_what_to_do() {
    let alerts = module("modules/alerts.bicep");
    let told =
        ["producer/src", "shared"].map(|folder| beside::sources(&root().join(folder)).join("\n")).join("\n");
    let waited_for = ["dead-lettered", "not ready", "ready again"];
    for text in waited_for {
        assert!(alerts.text.contains(text) && told.contains(&format!("\"{text}\")")), "{text}");
    }
    let metrics: Vec<_> = alerts.text.split(['\'', '"']).filter(|text| text.starts_with("usher.")).collect();
    assert!(metrics.len() >= 5, "{metrics:?}");
    for metric in metrics {
        assert!(told.contains(&format!("\"{metric}\"")), "{metric}");
    }

    let described = alerts.values_of("description");
    let described: Vec<_> = described.iter().filter(|text| !text.starts_with("alert.")).collect();
    assert!(described.len() >= 10, "{described:?}");
    for text in described {
        let place = text.rsplit(' ').next().unwrap();
        let (page, anchor) = place.split_once('#').unwrap_or_else(|| panic!("{text} names no place"));
        assert!(anchors(&read(page)).contains(anchor), "{place} is not there");
    }
}

#[test]
fn the_guide_marks_what_needs_azure_and_names_what_is_there() {
    let guide = read("docs/deploy.md");
    let mut marked = 0;
    for block in guide.split("\n```").skip(1).step_by(2) {
        let (language, commands) = block.split_once('\n').unwrap();
        let is_azure = commands.lines().any(|line| line.starts_with("az ") || line.contains("$(az "));
        assert!(!is_azure || language == "sh azure", "{language}: {commands}");
        marked += usize::from(language == "sh azure");
    }
    assert!(marked > 10, "{marked}");

    let main = module("main.bicep").text;
    for output in guide.split("$(output ").skip(1).map(|rest| rest.split([')', ' ']).next().unwrap()) {
        assert!(main.contains(&format!("output {output} ")), "{output}");
    }
    for (name, needs) in needs() {
        for secret in needs.secrets.values().chain(needs.secret_files.values()) {
            assert!(guide.contains(secret.as_str()), "{name}: how {secret} gets into the vault");
        }
    }
}
