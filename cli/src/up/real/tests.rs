use std::{collections::BTreeSet, fs};

use clap::ValueEnum;

use super::*;

/// Files that are read at the start, and are not there in these tests.
const READ: [&str; 3] = [EXTRA_CA, "STRIPE_ACCOUNTS", "STRIPE_SECRET_KEY_FILE"];

/// An environment in which all but some is set.
fn all_but(missing: &[&str]) -> impl Fn(&str) -> Option<String> + use<> {
    let missing: Vec<_> = missing.iter().map(|name| (*name).to_owned()).collect();
    move |name| {
        let is_set = !READ.contains(&name) && !missing.iter().any(|missing| missing == name);
        is_set.then(|| format!("own.{name}"))
    }
}

fn of(edges: &[Edge], environment: Lookup<'_>) -> Result<Real, Failure> {
    Real::of(edges.iter().copied().collect(), None, environment)
}

fn names(told: &Variables) -> BTreeSet<&str> {
    told.iter().map(|(name, _)| name).collect()
}

#[test]
fn nothing_is_told_unless_an_edge_is_named() {
    let real = of(&[], &all_but(&[])).unwrap();
    assert!(services().all(|service| real.own(service) == Variables::default()));
    let for_stand_ins = Variables::default().and([("STRIPE_SECRET_KEY", "sk_test_sandbox")]);
    assert_eq!(real.kept(BILLING, for_stand_ins.clone()), for_stand_ins);
}

#[test]
fn each_list_of_the_table_names_a_setting_and_each_setting_has_one_edge() {
    for row in table::TABLE {
        assert!(row.required.iter().all(|any_of| !any_of.is_empty()), "{}", row.edge);
        for name in row.names() {
            let edges = table::TABLE.iter().filter(|other| other.names().any(|it| it == name));
            assert_eq!(edges.map(|row| row.edge).collect::<BTreeSet<_>>(), [row.edge].into(), "{name}");
        }
    }
}

#[test]
fn the_help_of_an_edge_names_each_setting_that_it_can_not_do_without() {
    for row in table::TABLE {
        let help = row.edge.to_possible_value().unwrap().get_help().unwrap().to_string();
        for name in row.required.iter().map(|any_of| any_of[0]) {
            assert!(help.contains(name), "{name}: {help}");
        }
    }
}

#[test]
fn a_missing_setting_is_named_with_its_edge_and_what_would_do_in_its_place() {
    for row in table::TABLE {
        for any_of in row.required {
            let why = of(&[row.edge], &all_but(any_of)).unwrap_err();
            assert!(matches!(why, Failure::Setting { setting, .. } if setting == any_of[0]), "{why}");
            let why = why.to_string();
            assert!(why.contains(&format!("--real {}", row.edge)), "{why}");
            assert!(any_of.iter().all(|name| why.contains(name)), "{why}");
            assert!(!why.contains("own."), "{why}");
        }
    }
    assert!(of(Edge::value_variants(), &all_but(&[])).is_ok());
    let empty = |name: &str| Some(String::new()).filter(|_| name == "SQL_DATABASE_URL");
    assert!(of(&[Edge::Sql], &empty).is_err(), "empty is as good as missing");
}

#[test]
fn a_checkpoint_and_a_subscription_are_nobodys_to_take() {
    let real = of(Edge::value_variants(), &all_but(&[])).unwrap();
    for service in services() {
        let own = real.own(service);
        for name in ["CHECKPOINT", "CHECKPOINT_CONNECTION_STRING", "SERVICEBUS_SUBSCRIPTION", "HEALTH_ADDR"] {
            assert_eq!(own.get(name), None, "{service}");
        }
    }
}

#[test]
fn who_we_are_in_azure_only_those_are_told_who_are_asked() {
    let by_key = all_but(&["SERVICEBUS_NAMESPACE", "ENTRA_KEYVAULT_CERTIFICATE", "ENTRA_CREDENTIAL"]);
    let edges = [Edge::Servicebus, Edge::Entra];
    let real = of(&edges, &by_key).unwrap();
    assert!(services().all(|service| real.own(service).get("AZURE_CLIENT_SECRET").is_none()));

    let by_vault = all_but(&["SERVICEBUS_NAMESPACE"]);
    let real = of(&edges, &by_vault).unwrap();
    assert!(real.own("upn").get("AZURE_CLIENT_SECRET").is_some());
    assert!(real.own("email").get("AZURE_CLIENT_SECRET").is_none(), "it asks Graph nothing");
}

#[test]
fn a_file_of_its_own_goes_before_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let own =
        [("ENTRA_CLIENT_ID", "billings"), ("ENTRA_KEYVAULT_CERTIFICATE", ""), ("CHECKPOINT", "production")];
    Variables::default().and(own).write(&folder.path().join("billing.env")).unwrap();
    let edges: Edges = [Edge::Entra].into_iter().collect();
    let real = Real::of(edges.clone(), Some(folder.path()), &all_but(&[])).unwrap();
    assert_eq!(real.own(BILLING).get("ENTRA_CLIENT_ID"), Some("billings"));
    assert_eq!(real.own(BILLING).get("ENTRA_KEYVAULT_CERTIFICATE"), None, "empty is unset");
    assert_eq!(real.own(BILLING).get("CHECKPOINT"), None);
    assert_eq!(real.own("upn").get("ENTRA_CLIENT_ID"), Some("own.ENTRA_CLIENT_ID"));
    let nowhere = folder.path().join("nowhere");
    let wrong = Real::of(edges, Some(&nowhere), &all_but(&[])).unwrap_err();
    assert!(matches!(wrong, Failure::Setting { setting: ENV_DIR, .. }), "{wrong}");
}

#[test]
fn several_accounts_bring_the_variables_that_hold_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accounts.toml");
    fs::write(&file, "[[account]]\nname = 'eu'\nsecret_key_env = 'KEY_OF_EU'\n").unwrap();
    let set = |name: &str| match name {
        "STRIPE_ACCOUNTS" => Some(file.display().to_string()),
        "KEY_OF_EU" => Some("sk_test_1".to_owned()),
        "KEY_OF_ANOTHER" => Some("sk_test_2".to_owned()),
        _ => None,
    };
    let real = of(&[Edge::Stripe], &set).unwrap();
    assert_eq!(names(&real.own(BILLING)), BTreeSet::from(["KEY_OF_EU", "STRIPE_ACCOUNTS"]));
}

#[test]
fn with_people_who_are_made_up_no_money_moves() {
    let live = |name: &str| (name == "STRIPE_SECRET_KEY").then(|| "sk_live_hush".to_owned());
    let refused = of(&[Edge::Stripe], &live).unwrap_err();
    assert!(matches!(refused, Failure::Setting { setting: "STRIPE_SECRET_KEY", .. }), "{refused}");
    assert!(
        refused.to_string().contains("--real entra") && !refused.to_string().contains("hush"),
        "{refused}"
    );

    let with_entra = |name: &str| live(name).or_else(|| all_but(&[])(name));
    let real = of(&[Edge::Stripe, Edge::Entra], &with_entra).unwrap();
    assert_eq!(real.own(BILLING).get("STRIPE_SECRET_KEY"), Some("sk_live_hush"));
    assert_eq!(real.kept(BILLING, Variables::default()).get("STRIPE_MODE"), None);

    let real = of(&[Edge::Stripe], &all_but(&["STRIPE_MODE"])).unwrap();
    assert_eq!(
        real.kept(BILLING, Variables::default()).get("STRIPE_MODE"),
        Some("test"),
        "billing looks, too"
    );
}

#[test]
fn real_people_are_those_who_sign_up_from_now_on_unless_somebody_wants_others() {
    let start = |set: Lookup<'_>| {
        let real = of(&[Edge::Entra], set).unwrap();
        let kept = real.kept(PRODUCER, Variables::default().and([(START_FROM, "5m")]));
        (kept.get(START_FROM).map(str::to_owned), real.own(PRODUCER).get(START_FROM).map(str::to_owned))
    };
    assert_eq!(start(&all_but(&[START_FROM])), (Some("now".to_owned()), None));
    assert_eq!(start(&all_but(&[])), (None, Some("own.START_FROM".to_owned())));
}
