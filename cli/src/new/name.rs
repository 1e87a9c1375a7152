//! A consumer's name, in all the forms in which it is written.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// The longest name: with room for what goes around it within Service Bus's 50 characters for a subscription.
/// <https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas>
const LONGEST: usize = 40;
/// The longest description, so that it stands on one line wherever it goes.
const LONGEST_ABOUT: usize = 60;

/// Names whose type would be called like something that its code needs, and those of our programs that are no crates.
const RESERVED: &str = "\
    arc args bench box clone consumer copy debug down drop duration entity err error failure \
    failure-class fn folder handler health instant into limits memory-bus message month no-command \
    none ok option outage-plot outcome path path-buf ports presence rejection result self send \
    settings shutdown some string sync temp-dir topology uuid vec";

/// A name that is well-formed; whether it is free, the workspace knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

/// Takes a name, as clap's value parser.
///
/// # Errors
/// What a name must be.
pub(crate) fn checked(text: &str) -> Result<Name, String> {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !(1..=LONGEST).contains(&text.len()) {
        return Err(format!("must be 1 to {LONGEST} characters long"));
    }
    if !text.starts_with(|first: char| first.is_ascii_lowercase()) || !text.split('-').all(is_part) {
        return Err(
            "must be lower-case letters, digits and single hyphens, a letter first, such as audit-trail"
                .into(),
        );
    }
    if RESERVED.split(' ').any(|word| word == text) {
        return Err("is a word that a consumer's code needs for something else: choose another".into());
    }
    Ok(Name(text.to_owned()))
}

/// Takes a description, as clap's value parser.
///
/// # Errors
/// What a description must be.
pub(crate) fn about(text: &str) -> Result<String, String> {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '"' | '\\' | '{' | '}');
    if !(1..=LONGEST_ABOUT).contains(&text.chars().count()) || !text.chars().all(is_plain) {
        return Err(format!(
            "must be one line of 1 to {LONGEST_ABOUT} characters, without quotes and braces"
        ));
    }
    Ok(text.trim_end_matches('.').to_owned())
}

impl Name {
    /// As it is: the subscription's.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The crate's and the binary's.
    pub(crate) fn crate_name(&self) -> String {
        format!("usher-{}", self.0)
    }

    /// Where its crate lies in the workspace.
    pub(crate) fn folder(&self) -> PathBuf {
        Path::new("consumers").join(&self.0)
    }

    /// `audit_trail`
    pub(crate) fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// `AUDIT_TRAIL`
    pub(crate) fn screaming(&self) -> String {
        self.snake().to_ascii_uppercase()
    }

    /// `AuditTrail`
    pub(crate) fn pascal(&self) -> String {
        self.0.split('-').map(capitalised).collect()
    }

    /// `Audit trail`
    pub(crate) fn title(&self) -> String {
        capitalised(&self.0.replace('-', " "))
    }
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    format!("{}{rest}", first.to_ascii_uppercase())
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_in_many_ways() {
        let name = checked("audit-trail-2").unwrap();
        assert_eq!(
            [name.crate_name(), name.snake(), name.screaming(), name.pascal(), name.title()],
            ["usher-audit-trail-2", "audit_trail_2", "AUDIT_TRAIL_2", "AuditTrail2", "Audit trail 2"]
        );
    }

    #[test]
    fn what_can_be_no_name_is_refused_with_what_one_must_be() {
        for wrong in [
            "",
            "Audit",
            "audit_trail",
            "-audit",
            "audit-",
            "a--b",
            "2audit",
            "żółw",
            "../x",
            &"x".repeat(41),
        ] {
            assert!(checked(wrong).is_err(), "{wrong}");
        }
        assert!(checked(&"x".repeat(40)).is_ok());
        assert!(checked("outcome").unwrap_err().contains("choose another"));
    }

    #[test]
    fn a_description_fits_where_it_goes() {
        assert_eq!(
            about("Tells the warehouse of each sign-up.").unwrap(),
            "Tells the warehouse of each sign-up"
        );
        for wrong in ["", "says \"hi\"", "two\nlines", "a {brace}", &"x".repeat(61)] {
            assert!(about(wrong).is_err(), "{wrong}");
        }
    }
}
