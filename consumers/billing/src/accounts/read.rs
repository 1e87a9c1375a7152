//! Reads the accounts from TOML, strictly, and their keys from where the file says that they are.
//!
//! The file holds no key, only names of environment variables or of files: it can lie in a repository. Should a key
//! stand in it all the same, nothing that is said of the file repeats it.

use std::{env, fs::File, io::Read};

use serde::Deserialize;
use toml::Spanned;
use usher_conditions::{Conditions, FileError, Problem, When, text_of};

use super::{AccountSettings, StripeAccounts};
use crate::{SecretKey, settings::SECRET_KEY};

/// The longest name of an account, in characters: it stands in log lines.
const LONGEST_NAME: usize = 32;
/// The longest file with a key, in bytes: a key takes a fraction of it; a longer one is something else.
const LONGEST_KEY_FILE: u64 = 4096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBody {
    #[serde(default)]
    account: Vec<Spanned<AccountBody>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountBody {
    name: Spanned<String>,
    secret_key_env: Option<Spanned<String>>,
    secret_key_file: Option<Spanned<String>>,
    self_asserted: Option<Spanned<bool>>,
    when: Option<Spanned<When>>,
}

/// Looks up an environment variable.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

impl StripeAccounts {
    /// Reads the accounts in a file, and their keys.
    ///
    /// # Errors
    /// [`FileError`] says what is wrong and where; it never repeats a key.
    pub fn read(file: &str) -> Result<Self, FileError> {
        let variable = |name: &str| env::var(name).ok();
        Self::parse(&text_of(file)?, variable).map_err(|error| error.in_file(file))
    }

    /// Reads the accounts in a text, with the environment variables that `variable` knows.
    ///
    /// # Errors
    /// As for [`StripeAccounts::read`].
    pub fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, FileError> {
        let accounts = accounts(text, &variable);
        accounts.map(Self).map_err(|problem| without_keys(&problem).in_text(text))
    }
}

fn accounts(text: &str, variable: Variable<'_>) -> Result<Vec<AccountSettings>, Problem> {
    let FileBody { account: bodies } = toml::from_str(text)?;
    if bodies.is_empty() {
        return Err(Problem::whole("there is no [[account]] in it"));
    }
    let mut accounts: Vec<AccountSettings> = Vec::with_capacity(bodies.len());
    for body in bodies {
        let at = body.span();
        let account = account(body, variable)?;
        beside(&accounts, &account).map_err(|text| Problem::at(at, text))?;
        accounts.push(account);
    }
    Ok(accounts)
}

fn account(body: Spanned<AccountBody>, variable: Variable<'_>) -> Result<AccountSettings, Problem> {
    let at = body.span();
    let body = body.into_inner();
    let name = name(&body.name)?;
    let of_account =
        |problem: Problem| Problem { text: format!("account {name:?}: {}", problem.text), ..problem };
    let key = match (&body.secret_key_env, &body.secret_key_file) {
        (Some(env), None) => key_of_variable(env, variable),
        (None, Some(file)) => key_in_file(file),
        (None, None) => Err(Problem::at(at, "it needs a key: set `secret_key_env` or `secret_key_file`")),
        (Some(_), Some(_)) => {
            Err(Problem::at(at, "it takes `secret_key_env` or `secret_key_file`, not both"))
        }
    };
    let key = key.map_err(of_account)?;
    let when = Conditions::read(body.when.as_ref(), body.self_asserted.as_ref()).map_err(of_account)?;
    Ok(AccountSettings { name: Some(name), key, when })
}

fn name(name: &Spanned<String>) -> Result<String, Problem> {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let text = name.get_ref();
    if (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(is_letter) {
        return Ok(text.clone());
    }
    let text = format!("an account's name must be small letters, digits and hyphens, {LONGEST_NAME} at most");
    Err(Problem::at(name.span(), text))
}

/// What an account can't be beside those before it.
fn beside(others: &[AccountSettings], account: &AccountSettings) -> Result<(), String> {
    let named = |account: &AccountSettings| account.name.clone().unwrap_or_default();
    let name = named(account);
    for other in others {
        let other_name = named(other);
        if other_name == name {
            return Err(format!("there are two accounts with the name {name:?}"));
        }
        if other.when.is_empty() {
            return Err(format!(
                "account {name:?} would never be used: account {other_name:?}, which has no `when`, must be the last"
            ));
        }
        if other.key.expose() == account.key.expose() {
            return Err(format!("account {name:?} has the same key as account {other_name:?}"));
        }
        let (mode, other_mode) = (account.key.mode(), other.key.mode());
        if mode != other_mode {
            return Err(format!(
                "account {name:?} has a {mode} key and account {other_name:?} a {other_mode} key: all must be of one mode"
            ));
        }
    }
    Ok(())
}

fn key_of_variable(env: &Spanned<String>, variable: Variable<'_>) -> Result<SecretKey, Problem> {
    let problem = |text: String| Problem::at(env.span(), text);
    let name = env.get_ref();
    let is_letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || !name.bytes().all(is_letter) {
        let text = "must be the name of an environment variable, in capitals, and never the key itself";
        return Err(problem(text.to_owned()));
    }
    if name == SECRET_KEY {
        return Err(problem(format!(
            "{SECRET_KEY} is the setting for one account alone: name another variable"
        )));
    }
    let key = variable(name).filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| problem(format!("the environment variable {name} is not set")))?;
    key.parse::<SecretKey>().map_err(|why| problem(format!("the environment variable {name} {why}")))
}

fn key_in_file(file: &Spanned<String>) -> Result<SecretKey, Problem> {
    let problem = |text: String| Problem::at(file.span(), text);
    let name = file.get_ref();
    let mut text = String::new();
    let read = File::open(name).and_then(|file| file.take(LONGEST_KEY_FILE).read_to_string(&mut text));
    read.map_err(|error| problem(format!("the file {name} can't be read: {error}")))?;
    text.trim_end().parse::<SecretKey>().map_err(|why| problem(format!("the file {name} {why}")))
}

/// The same without what looks like a key.
fn without_keys(problem: &Problem) -> Problem {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let pieces = problem.text.split_inclusive(|c| !is_letter(c)).map(|piece| {
        let word = piece.trim_end_matches(|c| !is_letter(c));
        if is_key(word) { format!("(a key){}", &piece[word.len()..]) } else { piece.to_owned() }
    });
    Problem { at: problem.at.clone(), text: pieces.collect() }
}

/// Longer than the beginnings alone, which our own words name.
fn is_key(word: &str) -> bool {
    ["sk_", "rk_", "pk_"].iter().any(|prefix| word.starts_with(prefix)) && word.len() > "sk_test_".len()
}

#[cfg(test)]
mod tests;
