use super::*;
use crate::Mode;

const GOOGLE: &str = "when = { identity_provider = \"google.com\" }";

/// An environment with a few keys in it.
fn variable(name: &str) -> Option<String> {
    let key = match name {
        "KEY_A" => "sk_test_a",
        "KEY_B" => "rk_test_b",
        "KEY_LIVE" => "sk_live_c",
        "KEY_EMPTY" => "",
        "KEY_WRONG" => "hush",
        _ => return None,
    };
    Some(key.to_owned())
}

fn parse(text: &str) -> Result<Vec<AccountSettings>, String> {
    StripeAccounts::parse(text, variable).map(|accounts| accounts.0).map_err(|error| error.to_string())
}

fn problem(text: &str) -> String {
    parse(text).unwrap_err()
}

/// An account whose key is in this variable.
fn account(name: &str, variable: &str, more: &str) -> String {
    format!("[[account]]\nname = \"{name}\"\nsecret_key_env = \"{variable}\"\n{more}\n")
}

#[test]
fn accounts_are_read_in_the_order_of_the_file_with_their_keys() {
    let accounts = parse(&[account("eu", "KEY_A", GOOGLE), account("us", "KEY_B", "")].concat()).unwrap();
    let told: Vec<_> = accounts
        .iter()
        .map(|account| (account.name.as_deref(), account.key.expose(), account.when.is_empty()))
        .collect();
    assert_eq!(told, [(Some("eu"), "sk_test_a", false), (Some("us"), "rk_test_b", true)]);
    assert!(accounts.iter().all(|account| account.key.mode() == Mode::Test));
}

#[test]
fn an_account_for_everybody_is_the_last_if_there_is_one() {
    assert!(parse(&account("eu", "KEY_A", GOOGLE)).is_ok(), "whoever no rule is for is refused");
    assert_eq!(
        problem(&[account("us", "KEY_B", ""), account("eu", "KEY_A", GOOGLE)].concat()),
        "5:1: account \"eu\" would never be used: account \"us\", which has no `when`, must be the last"
    );
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_place() {
    let both = "secret_key_file = \"key\"";
    let rows = [
        (String::new(), "there is no [[account]] in it"),
        ("[[account]\n".to_owned(), "1:"),
        ("[[accounts]]\nname = \"a\"\n".to_owned(), "1:3: unknown field `accounts`, expected `account`"),
        ("[[account]]\nname = \"a\"\n".to_owned(), "1:1: account \"a\": it needs a key"),
        (account("a", "KEY_A", both), "1:1: account \"a\": it takes `secret_key_env` or `secret_key_file`"),
        (account("A b", "KEY_A", ""), "2:8: an account's name must be small letters"),
        (account("a", "key_a", ""), "3:18: account \"a\": must be the name of an environment variable"),
        (
            account("a", "KEY_MISSING", ""),
            "3:18: account \"a\": the environment variable KEY_MISSING is not set",
        ),
        (account("a", "KEY_EMPTY", ""), "3:18: account \"a\": the environment variable KEY_EMPTY is not set"),
        (
            account("a", "KEY_WRONG", ""),
            "3:18: account \"a\": the environment variable KEY_WRONG must be one word",
        ),
        (
            account("a", "STRIPE_SECRET_KEY", ""),
            "3:18: account \"a\": STRIPE_SECRET_KEY is the setting for one",
        ),
        (account("a", "KEY_A", "when = {}"), "4:8: account \"a\": `when` is empty"),
        (
            account("a", "KEY_A", "when = { attribute = \"extension_a_Kind\", equals = \"x\" }"),
            "4:8: account \"a\": customers assert attributes of themselves: a rule on one needs `self_asserted = true`",
        ),
        (account("a", "KEY_A", "key = \"x\""), "4:1: unknown field `key`"),
        (
            [account("a", "KEY_A", GOOGLE), account("a", "KEY_B", "")].concat(),
            "5:1: there are two accounts with the name \"a\"",
        ),
        (
            [account("a", "KEY_A", GOOGLE), account("b", "KEY_A", "")].concat(),
            "5:1: account \"b\" has the same key as account \"a\"",
        ),
        (
            [account("a", "KEY_A", GOOGLE), account("b", "KEY_LIVE", "")].concat(),
            "5:1: account \"b\" has a live key and account \"a\" a test key: all must be of one mode",
        ),
    ];
    let told = rows.map(|(text, expected)| (problem(&text), expected));
    let wrong: Vec<_> = told
        .iter()
        .filter(|(problem, expected)| !problem.starts_with(expected) || problem.lines().count() != 1)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(problem("[[account]]\nsecret_key_env = \"KEY_A\"\n").contains("missing field `name`"));
}

#[test]
fn a_key_that_stands_in_the_file_is_not_repeated() {
    for text in [
        account("a", "sk_test_hush", ""),
        account("sk_test_hush", "KEY_A", ""),
        "[[account]]\nname = \"a\"\nsecret_key_file = \"/nowhere/sk_live_hush\"\n".to_owned(),
        "sk_live_hush = 1\n".to_owned(),
        "sk_live_hush\n".to_owned(),
        account("a", "KEY_A", "self_asserted = \"rk_live_hush\""),
        account("a", "KEY_A", "when = { sk_live_hush = 1 }"),
        account("a", "KEY_WRONG", ""),
    ] {
        let problem = problem(&text);
        assert!(!problem.contains("hush"), "{problem}");
    }
}

#[test]
fn a_key_may_lie_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let with_key = |content: &str| {
        let file = folder.path().join("key");
        std::fs::write(&file, content).unwrap();
        parse(&format!("[[account]]\nname = \"a\"\nsecret_key_file = '{}'\n", file.display()))
    };
    assert_eq!(with_key("sk_test_file\n").unwrap()[0].key.expose(), "sk_test_file");
    let wrong = with_key("hush").unwrap_err();
    assert!(wrong.starts_with("3:19: account \"a\": the file ") && !wrong.contains("hush"), "{wrong}");
    let missing = problem("[[account]]\nname = \"a\"\nsecret_key_file = \"/nowhere/key\"\n");
    assert!(missing.starts_with("3:19: account \"a\": the file /nowhere/key can't be read: "), "{missing}");
}

#[test]
fn a_file_that_is_not_there_is_told_by_its_path() {
    let error = StripeAccounts::read("/nowhere/accounts.toml").unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/accounts.toml: can't be read: "), "{error}");
}
