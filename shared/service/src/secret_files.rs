//! Secrets from files, as container platforms mount them: `NAME_FILE` in the environment names the file that holds what
//! the secret setting `NAME` would.
//!
//! Done here, once for every binary and every setting whose argument hides its value (`hide_env_values`): what the file
//! holds becomes the argument's default. The environment stays as it is, for to change it is not safe in Rust, and a flag
//! goes before, as it does before the environment. A setting with a `NAME_FILE` of its own among the arguments keeps
//! that: it is read again while the service runs.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};

use clap::{Arg, Command, Id, builder::Resettable};
use zeroize::Zeroizing;

/// The longest file, in bytes; the longest secret, a connection string, has a few hundred.
const LONGEST_FILE: u64 = 64 * 1024;

/// Where variables come from.
type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The command, with what the files hold; and what is wrong with the first of them that can't be used.
pub(crate) fn read_into(command: Command, variable: Environment<'_>) -> (Command, Option<String>) {
    let mut problem = None;
    let command = filled(command, variable, &mut problem);
    (command, problem)
}

fn filled(command: Command, variable: Environment<'_>, problem: &mut Option<String>) -> Command {
    let known: Vec<OsString> =
        command.get_arguments().filter_map(Arg::get_env).map(OsStr::to_owned).collect();
    let command = command.mut_args(|arg| match secret(&arg, &known, variable) {
        Ok(None) => arg,
        Ok(Some(value)) => with_default(arg, value),
        Err(why) => {
            if problem.is_none() {
                *problem = Some(why);
            }
            arg
        }
    });
    command.mut_subcommands(|subcommand| filled(subcommand, variable, problem))
}

/// A default does not count as given where clap asks for what must be; so nothing is asked for.
fn with_default(arg: Arg, value: OsString) -> Arg {
    arg.default_value(value)
        .hide_default_value(true)
        .required(false)
        .required_unless_present(Resettable::<Id>::Reset)
}

/// What the file holds that is named for this argument, if one is.
fn secret(arg: &Arg, known: &[OsString], variable: Environment<'_>) -> Result<Option<OsString>, String> {
    let name = arg.get_env().and_then(OsStr::to_str).filter(|_| arg.is_hide_env_values_set());
    let Some(name) = name else { return Ok(None) };
    let name_file = format!("{name}_FILE");
    if known.iter().any(|known| known.as_os_str() == OsStr::new(&name_file)) {
        return Ok(None);
    }
    let Some(file) = variable(&name_file).filter(|file| !file.is_empty()) else { return Ok(None) };
    if variable(name).is_some() {
        return Err(format!("{name_file}: can't be given together with {name}: remove one"));
    }
    let read = read(Path::new(&file));
    read.map(Some).map_err(|why| format!("{name_file}: the file can't be read: {why}"))
}

/// A file's text without its last line break, which editors like to add.
fn read(file: &Path) -> Result<OsString, ErrorKind> {
    // Room for all of it from the start: a buffer that moves would leave a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_FILE as usize + 1));
    let opened = File::open(file).map_err(|error| error.kind())?;
    let length = opened.take(LONGEST_FILE + 1).read_to_string(&mut text).map_err(|error| error.kind())?;
    if length as u64 > LONGEST_FILE {
        return Err(ErrorKind::FileTooLarge);
    }
    let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    Ok(line.unwrap_or(&text).into())
}

#[cfg(test)]
mod tests {
    use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
    use tempfile::TempDir;

    use super::*;

    #[derive(Debug, Parser)]
    struct Settings {
        #[arg(long, env = "TEST_KEY", hide_env_values = true, required_unless_present = "accounts")]
        key: Option<String>,
        #[arg(long, env = "TEST_ACCOUNTS")]
        accounts: Option<String>,
        #[arg(long, env = "TEST_WORD", hide_env_values = true, default_value = "known to all")]
        word: String,
        #[arg(long, env = "TEST_OWN", hide_env_values = true)]
        own: Option<String>,
        #[arg(long, env = "TEST_OWN_FILE")]
        own_file: Option<String>,
        #[command(subcommand)]
        command: Option<Deeper>,
    }

    #[derive(Debug, Subcommand)]
    enum Deeper {
        Deeper(More),
    }

    #[derive(Args, Debug)]
    struct More {
        #[arg(long, env = "TEST_DEEP", hide_env_values = true)]
        deep: String,
    }

    /// A folder of files by their names, each with its content.
    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    /// What the settings come to if each variable of `variables` names a file in `folder`.
    fn settings(folder: &TempDir, variables: &[(&str, &str)], args: &[&str]) -> Result<Settings, String> {
        let variable = |name: &str| {
            let (_, file) = variables.iter().find(|(variable, _)| *variable == name)?;
            Some(folder.path().join(file).into_os_string())
        };
        let (mut command, problem) = read_into(Settings::command(), &variable);
        if let Some(problem) = problem {
            return Err(problem);
        }
        let matches = command.try_get_matches_from_mut([&["test"][..], args].concat());
        let settings = matches.and_then(|matches| Settings::from_arg_matches(&matches));
        settings.map_err(|error| error.to_string())
    }

    #[test]
    fn a_required_secret_is_what_the_file_holds_less_one_line_break() {
        for (content, key) in
            [("hush", "hush"), ("hush\n", "hush"), ("hush\r\n", "hush"), ("hu\nsh\n\n", "hu\nsh\n")]
        {
            let folder = folder(&[("key", content)]);
            let settings = settings(&folder, &[("TEST_KEY_FILE", "key")], &[]).unwrap();
            assert_eq!(settings.key.as_deref(), Some(key), "{content:?}");
        }
    }

    #[test]
    fn a_file_goes_before_a_default_and_a_flag_before_the_file() {
        let folder = folder(&[("word", "hush")]);
        let word = |args: &[&str]| settings(&folder, &[("TEST_WORD_FILE", "word")], args).unwrap().word;
        assert_eq!(word(&["--key", "k"]), "hush");
        assert_eq!(word(&["--key", "k", "--word", "louder"]), "louder");
    }

    #[test]
    fn a_subcommands_secret_comes_from_its_file_too() {
        let folder = folder(&[("deep", "hush")]);
        let settings = settings(&folder, &[("TEST_DEEP_FILE", "deep")], &["--key", "k", "deeper"]).unwrap();
        assert!(matches!(settings.command, Some(Deeper::Deeper(More { deep })) if deep == "hush"));
    }

    #[test]
    fn what_is_no_secret_has_no_file_and_what_has_its_own_keeps_it() {
        let folder = folder(&[("file", "hush")]);
        let variables = [("TEST_ACCOUNTS_FILE", "file"), ("TEST_OWN_FILE", "file")];
        let settings = settings(&folder, &variables, &["--key", "k"]).unwrap();
        assert_eq!((settings.accounts, settings.own), (None, None));
    }

    #[test]
    fn a_file_beside_the_setting_or_one_that_cannot_be_read_is_named() {
        let folder = folder(&[("key", "hush"), ("long", &"x".repeat(100_000))]);
        let problem = |variables: &[(&str, &str)]| settings(&folder, variables, &[]).unwrap_err();
        assert_eq!(
            problem(&[("TEST_KEY", "key"), ("TEST_KEY_FILE", "key")]),
            "TEST_KEY_FILE: can't be given together with TEST_KEY: remove one"
        );
        assert_eq!(
            problem(&[("TEST_KEY_FILE", "nowhere")]),
            "TEST_KEY_FILE: the file can't be read: entity not found"
        );
        assert_eq!(
            problem(&[("TEST_KEY_FILE", "long")]),
            "TEST_KEY_FILE: the file can't be read: file too large"
        );
    }

    #[test]
    fn help_does_not_show_what_a_file_holds() {
        let folder = folder(&[("key", "hush"), ("word", "hush")]);
        let variables = [("TEST_KEY_FILE", "key"), ("TEST_WORD_FILE", "word")];
        let help = settings(&folder, &variables, &["--help"]).unwrap_err();
        assert!(help.contains("--word") && !help.contains("hush"), "{help}");
    }
}
