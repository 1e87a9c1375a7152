//! What is wrong with a setting, in one line that names it as in the environment.
//!
//! The value is not repeated, which clap would do: somebody may have put a password there.

use std::error::Error as _;

use clap::{
    Arg, Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// The line. `None` if something else is wrong with the command line: clap shows that best, the usage beside it.
pub(crate) fn explain(command: &Command, error: &Error) -> Option<String> {
    let problem = match error.kind() {
        ErrorKind::MissingRequiredArgument => "missing".to_owned(),
        ErrorKind::ValueValidation => error.source()?.to_string(),
        ErrorKind::InvalidValue => choices(error)?,
        _ => return None,
    };
    let settings: Option<Vec<_>> =
        flags(error)?.into_iter().map(|flag| variable(command, flag_name(flag)?)).collect();
    Some(format!("{}: {problem}", settings?.join(", ")))
}

fn choices(error: &Error) -> Option<String> {
    match error.get(ContextKind::ValidValue)? {
        ContextValue::Strings(values) => Some(format!("must be one of {}", values.join(", "))),
        _ => None,
    }
}

/// The flags at fault as clap shows them: `--poll-interval <DURATION>`.
fn flags(error: &Error) -> Option<Vec<&str>> {
    match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(flag) => Some(vec![flag]),
        ContextValue::Strings(flags) => Some(flags.iter().map(String::as_str).collect()),
        _ => None,
    }
}

fn flag_name(shown: &str) -> Option<&str> {
    shown.strip_prefix("--")?.split([' ', '=']).next()
}

/// The name in the environment; none for what can only be said on the command line.
fn variable(command: &Command, flag: &str) -> Option<String> {
    let own = command.get_arguments().find(|arg| arg.get_long() == Some(flag)).and_then(Arg::get_env);
    let own = own.map(|name| name.to_string_lossy().into_owned());
    own.or_else(|| command.get_subcommands().find_map(|sub| variable(sub, flag)))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser, ValueEnum};

    use super::*;

    #[derive(Debug, Parser)]
    struct Settings {
        #[arg(long, env = "TEST_TENANT")]
        tenant: u32,
        #[arg(long, env = "TEST_SECRET")]
        secret: String,
        #[arg(long, env = "TEST_COLOUR")]
        colour: Option<Colour>,
        #[arg(long)]
        limit: Option<u32>,
    }

    #[derive(Clone, Debug, ValueEnum)]
    enum Colour {
        Red,
        Blue,
    }

    fn problem(args: &[&str]) -> Option<String> {
        let error = Settings::try_parse_from(["test"].iter().chain(args)).unwrap_err();
        explain(&Settings::command(), &error)
    }

    #[test]
    fn all_missing_settings_are_named_as_in_the_environment() {
        assert_eq!(problem(&[]).as_deref(), Some("TEST_TENANT, TEST_SECRET: missing"));
    }

    #[test]
    fn a_wrong_value_is_explained_and_not_repeated() {
        let said = problem(&["--secret", "s", "--tenant", "hush"]).unwrap();
        assert_eq!(said, "TEST_TENANT: invalid digit found in string");
        let said = problem(&["--secret", "s", "--tenant", "1", "--colour", "hush"]).unwrap();
        assert_eq!(said, "TEST_COLOUR: must be one of red, blue");
    }

    #[test]
    fn what_can_only_be_on_the_command_line_is_left_to_clap() {
        assert_eq!(problem(&["--secret", "s", "--tenant", "1", "--limit", "x"]), None);
        assert_eq!(problem(&["--unknown"]), None);
    }
}
