//! The keys of real Stripe accounts: which variables hold them, and whether money moves by them.

use std::{
    fs::File,
    io::{self, Read},
};

use serde::Deserialize;
use usher_service::Failure;

use crate::local::Variables;

const KEY: &str = "STRIPE_SECRET_KEY";
const KEY_FILE: &str = "STRIPE_SECRET_KEY_FILE";
const ACCOUNTS: &str = "STRIPE_ACCOUNTS";
pub(super) const MODE: &str = "STRIPE_MODE";

/// How a key begins by which money moves. <https://docs.stripe.com/keys>
const LIVE: [&str; 2] = ["sk_live", "rk_live"];
/// The longest file that is read, in bytes: what billing takes as a file of accounts.
const LONGEST_FILE: u64 = 1024 * 1024;

/// `STRIPE_ACCOUNTS`, as far as it says where keys are. What else is in it, and whether it is right, is billing's business.
#[derive(Default, Deserialize)]
struct Accounts {
    #[serde(default)]
    account: Vec<Account>,
}

#[derive(Deserialize)]
struct Account {
    secret_key_env: Option<String>,
    secret_key_file: Option<String>,
}

/// The variables that hold the keys of several accounts, by the file that billing is told of.
///
/// # Errors
/// [`Failure::Setting`] if the file can't be read.
pub(super) fn variables(billing: &Variables) -> Result<Vec<String>, Failure> {
    let accounts = accounts(billing)?.account.into_iter();
    Ok(accounts.filter_map(|account| account.secret_key_env).collect())
}

/// Made-up people must not become customers by whom money could move.
///
/// # Errors
/// [`Failure::Setting`] if a key that billing is told is a live one, or can't be read.
pub(super) fn refuse_live(billing: &Variables) -> Result<(), Failure> {
    let live = |setting, what: &str| {
        let problem = format!(
            "{what}, and people who are made up would become customers there: take a test key, or --real entra too"
        );
        Err(Failure::setting(setting, problem))
    };
    if billing.get(MODE) == Some("live") {
        return live(MODE, "is live");
    }
    for (setting, key) in keys(billing)? {
        if LIVE.iter().any(|begin| key.trim_start().starts_with(begin)) {
            return live(setting, "holds a live key");
        }
    }
    Ok(())
}

/// All keys that billing is told, each with the setting that leads to it.
fn keys(billing: &Variables) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut keys: Vec<_> = billing.get(KEY).map(|key| (KEY, key.to_owned())).into_iter().collect();
    if let Some(file) = billing.get(KEY_FILE) {
        keys.push((KEY_FILE, content(KEY_FILE, file)?));
    }
    for account in accounts(billing)?.account {
        let by_name = account.secret_key_env.and_then(|name| billing.get(&name).map(str::to_owned));
        keys.extend(by_name.map(|key| (ACCOUNTS, key)));
        if let Some(file) = account.secret_key_file {
            keys.push((ACCOUNTS, content(ACCOUNTS, &file)?));
        }
    }
    Ok(keys)
}

fn accounts(billing: &Variables) -> Result<Accounts, Failure> {
    let Some(file) = billing.get(ACCOUNTS) else { return Ok(Accounts::default()) };
    // What is wrong with it is not repeated: should a key stand in it, it would be shown.
    toml::from_str(&content(ACCOUNTS, file)?).map_err(|_| {
        Failure::setting(ACCOUNTS, format!("{file} holds no accounts: `usher doctor billing` says more"))
    })
}

fn content(setting: &'static str, file: &str) -> Result<String, Failure> {
    read(file).map_err(|error| Failure::setting(setting, format!("{file} can't be read: {}", error.kind())))
}

fn read(file: &str) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(file)?.take(LONGEST_FILE + 1).read_to_string(&mut text)?;
    if length as u64 > LONGEST_FILE { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Why these are refused; `None` if they are not.
    fn refused(billing: &[(&str, &str)]) -> Option<String> {
        let billing = Variables::default().and(billing.iter().copied());
        refuse_live(&billing).err().map(|failure| failure.to_string())
    }

    #[test]
    fn a_live_key_is_refused_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let key = file("key", "rk_live_hush\n");
        let by_file = file("file.toml", &format!("[[account]]\nname = 'a'\nsecret_key_file = '{key}'\n"));
        let by_name = file("name.toml", "[[account]]\nname = 'a'\nsecret_key_env = 'KEY_OF_A'\nwhen = {}\n");
        for (setting, variables) in [
            (KEY, &[(KEY, "sk_live_hush")][..]),
            (KEY, &[(KEY, "rk_live_hush")][..]),
            (KEY_FILE, &[(KEY_FILE, &*key)][..]),
            (ACCOUNTS, &[(ACCOUNTS, &*by_file)][..]),
            (ACCOUNTS, &[(ACCOUNTS, &*by_name), ("KEY_OF_A", "sk_live_hush")][..]),
            (MODE, &[(KEY, "sk_test_1"), (MODE, "live")][..]),
        ] {
            let why = refused(variables).unwrap();
            assert!(why.starts_with(&format!("{setting}: ")) && !why.contains("hush"), "{why}");
        }
        assert_eq!(refused(&[(KEY, "sk_test_1"), (MODE, "test")]), None);
        assert_eq!(refused(&[(ACCOUNTS, &*by_name), ("KEY_OF_A", "rk_test_1")]), None);
    }

    #[test]
    fn the_variables_of_several_accounts_are_those_that_the_file_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("accounts.toml");
        let accounts = |text: &str| {
            fs::write(&file, text).unwrap();
            variables(&Variables::default().and([(ACCOUNTS, &*file.display().to_string())]))
        };
        let two = "[[account]]\nname = 'a'\nsecret_key_env = 'KEY_OF_A'\n[[account]]\nname = 'b'\nsecret_key_file = '/b'\n";
        assert_eq!(accounts(two).unwrap(), ["KEY_OF_A"]);
        let wrong = accounts("[[account]]\nsecret_key = sk_test_hush").unwrap_err().to_string();
        assert!(wrong.starts_with(ACCOUNTS) && !wrong.contains("hush"), "{wrong}");
        assert!(variables(&Variables::default()).unwrap().is_empty());
    }
}
