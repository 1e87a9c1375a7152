use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    billing: BillingSettings,
}

const LIVE: [&str; 2] = ["--stripe-secret-key", "sk_live_1"];
const TEST: [&str; 2] = ["--stripe-secret-key", "sk_test_1"];

fn parse(more: &[&str]) -> Result<BillingSettings, clap::Error> {
    const ID: &str = "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d";
    const ATTRIBUTE: &str = "extension_0123456789abcdef0123456789abcdef_StripeCustomerId";
    let entra = ["", "--entra-tenant-id", ID, "--entra-client-id", ID, "--entra-client-secret", "s"];
    let stripe = ["--stripe-customer-id-attribute", ATTRIBUTE];
    Cli::try_parse_from(entra.iter().chain(&stripe).chain(more)).map(|cli| cli.billing)
}

/// The setting that is wrong, and what is wrong with it.
fn problem(settings: &BillingSettings) -> (&'static str, String) {
    match settings.accounts() {
        Err(Failure::Setting { setting, problem }) => (setting, problem),
        other => panic!("{other:?}"),
    }
}

/// Two accounts; their keys lie in files beside the one that names them.
fn accounts_file(folder: &tempfile::TempDir) -> String {
    for name in ["a", "b"] {
        std::fs::write(folder.path().join(name), format!("sk_test_{name}\n")).unwrap();
    }
    let account = |name: &str| {
        let key = folder.path().join(name).display().to_string();
        format!("[[account]]\nname = \"{name}\"\nsecret_key_file = '{key}'\n")
    };
    let text = format!("{}when = {{ identity_provider = \"google.com\" }}\n{}", account("a"), account("b"));
    let file = folder.path().join("accounts.toml");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[test]
fn one_key_or_a_file_of_accounts_and_not_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = accounts_file(&folder);
    let several = ["--stripe-accounts", &file];

    let (accounts, setting) = parse(&TEST).unwrap().accounts().unwrap();
    assert_eq!((accounts.len(), setting), (1, "STRIPE_SECRET_KEY"));
    let (accounts, setting) = parse(&several).unwrap().accounts().unwrap();
    assert_eq!((accounts.len(), setting), (2, "STRIPE_ACCOUNTS"));

    let both = parse(&[&TEST[..], &several].concat()).unwrap();
    let told = ("STRIPE_ACCOUNTS", "STRIPE_SECRET_KEY is set as well: unset one of the two".to_owned());
    assert_eq!(problem(&both), told);
    let neither = parse(&[]).unwrap_err();
    assert_eq!(neither.kind(), clap::error::ErrorKind::MissingRequiredArgument);
    assert!(neither.to_string().contains("--stripe-secret-key"), "{neither}");
}

#[test]
fn a_deployment_for_one_mode_refuses_a_key_of_the_other() {
    let mode = |mode| ["--stripe-mode", mode];
    assert!(parse(&[&LIVE[..], &mode("live")].concat()).unwrap().accounts().is_ok());
    assert!(parse(&[&TEST[..], &mode("test")].concat()).unwrap().accounts().is_ok());
    let (setting, why) = problem(&parse(&[&TEST[..], &mode("live")].concat()).unwrap());
    assert_eq!(setting, "STRIPE_MODE");
    assert!(why.starts_with("is live, and STRIPE_SECRET_KEY holds a test key"), "{why}");
    assert!(!why.contains("sk_test_1"), "{why}");

    let folder = tempfile::tempdir().unwrap();
    let several = ["--stripe-accounts", &accounts_file(&folder)];
    let (setting, why) = problem(&parse(&[&several[..], &mode("live")].concat()).unwrap());
    assert_eq!(setting, "STRIPE_MODE");
    assert!(why.starts_with("is live, and STRIPE_ACCOUNTS holds a test key"), "{why}");
}

#[test]
fn what_is_not_set_is_as_it_always_was() {
    let settings = parse(&TEST).unwrap();
    assert_eq!(settings.stripe_existing, Existing::Create);
    assert_eq!((settings.stripe_mode, settings.stripe_open_extension), (None, None));
}
