use clap::Parser;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    reconcile: ReconcileArgs,
}

fn args(more: &[&str]) -> ReconcileArgs {
    Cli::try_parse_from(["usher", "billing"].iter().chain(more)).ok().unwrap().reconcile
}

#[test]
fn the_subscription_is_the_consumers_name_unless_told() {
    assert_eq!(subscription(&args(&[])), "billing");
    assert_eq!(subscription(&args(&["--subscription", "billing-2"])), "billing-2");
}

#[test]
fn a_file_that_is_not_there_is_a_wrong_setting() {
    let failed = Settings::of(&args(&["--producer-env", "/nowhere/producer.env"])).err().unwrap();
    assert!(matches!(failed, Failure::Setting { setting: "--producer-env", .. }), "{failed:?}");
}

#[test]
fn settings_come_from_files_and_the_broker_from_the_producers() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("producer.env");
    let string =
        "Endpoint=sb://localhost;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;";
    std::fs::write(&file, format!("ENTRA_TENANT_ID='t'\nSERVICEBUS_CONNECTION_STRING='{string}'\n")).unwrap();
    let file = file.display().to_string();
    let settings = Settings::of(&args(&["--producer-env", &file, "--fix"])).ok().unwrap();
    assert_eq!(settings.producer.get("ENTRA_TENANT_ID"), Some("t"));
    assert_eq!(settings.consumer, crate::local::Variables::default());
    assert_eq!(settings.bus.unwrap().topic(), "user-signups");
}

#[test]
fn without_a_tenant_and_a_run_it_says_how_to_have_one() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().display().to_string();
    let failed = Settings::of(&args(&["--data", &data])).err().unwrap();
    assert!(matches!(failed, Failure::Setting { setting: "ENTRA_TENANT_ID", .. }), "{failed:?}");
}
