//! The table's name.

use std::{fmt, str::FromStr};

use crate::schema::VERSIONS;

/// The longest name of a table, in characters: PostgreSQL has 63, and the names that DBAs give to what belongs to it
/// begin with it.
const LONGEST_NAME: usize = 48;

/// The table's name: a plain identifier, which all databases quote alike. Its case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName(String);

impl FromStr for TableName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let is_identifier = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !is_identifier || name.len() > LONGEST_NAME {
            let most = "letters, digits and underscores, not a digit first";
            return Err(format!("must be 1 to {LONGEST_NAME} {most}"));
        }
        // SQLite keeps the former for itself, we the latter.
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("sqlite_") || lower == VERSIONS {
            return Err("is taken; choose another name".to_owned());
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_plain_name() {
        for fine in ["signups", "_signups", "SignUps2", &"a".repeat(48)] {
            assert_eq!(fine.parse::<TableName>().unwrap().to_string(), fine);
        }
        for wrong in [
            "",
            "2signups",
            "sign-ups",
            "crm.signups",
            "sign ups",
            "signups\"; DROP TABLE users; --",
            "signups`",
            "signups'",
            "аnmeldungen",
            "sqlite_signups",
            "usher_sql_migrations",
            &"a".repeat(49),
        ] {
            assert!(wrong.parse::<TableName>().is_err(), "{wrong}");
        }
    }
}
