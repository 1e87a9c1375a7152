//! A service with its settings: its own binary says how it is.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};
use usher_finding::{Finding, Findings};
use usher_service::Failure;

use super::{DoctorArgs, report::Diagnosis, services};
use crate::{
    local::{self, Run, Variables},
    programs,
};

/// How long a service may take to look at everything: its destination and the broker may each need half a minute to be
/// found missing.
const PATIENCE: Duration = Duration::from_secs(120);
/// One of these in the environment says that settings are there.
const ON_A_BUS: [&str; 2] = ["SERVICEBUS_CONNECTION_STRING", "SERVICEBUS_NAMESPACE"];
/// What the end of what a program complained of is cut to.
const LONGEST_COMPLAINT: usize = 1024;

/// A service, and what it is told.
pub(super) struct Patient {
    service: String,
    /// What it is told beside what is in the environment; or why it is not looked at, and what changes that.
    settings: Result<Variables, (String, String)>,
    /// Nobody says that it runs: if its settings are missing, it most likely does not.
    optional: bool,
}

/// All that are to be looked at.
///
/// # Errors
/// There are no settings to look at them with.
pub(super) fn patients(args: &DoctorArgs) -> Result<Vec<Patient>, Failure> {
    let chosen = match args.services.as_slice() {
        [] => services().into_iter().map(str::to_owned).collect(),
        some => some.to_vec(),
    };
    let settings = settings(args)?;
    let optional = args.services.is_empty() && matches!(settings, Settings::Environment);
    let patient = |service: String| Patient { settings: settings.of(&service), service, optional };
    Ok(chosen.into_iter().map(patient).collect())
}

/// Where settings come from.
enum Settings<'a> {
    Environment,
    Folder(&'a Path),
    /// A run that goes on: whoever has no file in it does not run there.
    Run(&'a Path),
}

fn settings(args: &DoctorArgs) -> Result<Settings<'_>, Failure> {
    if let Some(folder) = &args.env_dir {
        return if folder.is_dir() {
            Ok(Settings::Folder(folder))
        } else {
            Err(Failure::setting("--env-dir", format!("{} is no folder", folder.display())))
        };
    }
    if ON_A_BUS.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        return Ok(Settings::Environment);
    }
    match local::find(&args.data)? {
        Run::GoesOn => Ok(Settings::Run(&args.data)),
        Run::None | Run::Ended(_) => Err(Failure::Unavailable(
            "there is nothing to look at: no SERVICEBUS_* setting, no --env-dir, and no run goes on here (`usher up \
             --keep` starts one)"
                .to_owned(),
        )),
    }
}

impl Settings<'_> {
    fn of(&self, service: &str) -> Result<Variables, (String, String)> {
        let (folder, how) = match self {
            Self::Environment => return Ok(Variables::default()),
            Self::Folder(folder) => (folder, "write it, with the settings that the service runs with"),
            Self::Run(folder) => (folder, "usher up --keep runs it, or give its settings with --env-dir"),
        };
        let file = folder.join(format!("{service}.env"));
        Variables::read(&file).map_err(|_| (format!("no {}", file.display()), how.to_owned()))
    }
}

impl Patient {
    /// How it is.
    pub(super) async fn examine(&self) -> Diagnosis {
        let findings = match &self.settings {
            Ok(settings) => self.probe(settings).await.unwrap_or_else(|finding| vec![finding]),
            Err((what, mend)) => vec![Finding::skipped("settings", what, mend)],
        };
        Diagnosis { service: self.service.clone(), findings }
    }

    async fn probe(&self, settings: &Variables) -> Result<Vec<Finding>, Finding> {
        let name = format!("usher-{}", self.service);
        let program = programs::find(&name)
            .map_err(|error| Finding::skipped("binary", error.to_string(), "make build, or install it"))?;
        let mut command = Command::new(program);
        command.arg("probe").envs(settings.0.iter().map(|(name, value)| (name, value)));
        // It has no standard input by which it could tell that we are gone; it ends soon by itself.
        command.env_remove("USHER_STOP_WITH_PARENT");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let ended = match timeout(PATIENCE, command.output()).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => {
                return Err(Finding::wrong("binary", format!("can't be started: {error}"), "make build"));
            }
            Err(_) => {
                let what = format!("no answer within {} s", PATIENCE.as_secs());
                return Err(Finding::wrong("binary", what, "check the network: something it looks at hangs"));
            }
        };
        match Findings::read(&String::from_utf8_lossy(&ended.stdout)) {
            Some(Findings { findings }) => Ok(findings),
            None => Err(self.complaint(&name, &String::from_utf8_lossy(&ended.stderr))),
        }
    }

    /// It could not even look: its last words name the setting.
    fn complaint(&self, program: &str, said: &str) -> Finding {
        let last = last_words(program, said);
        if self.optional && last.ends_with(": missing") {
            let mend = format!(
                "if it is to run, give it its settings, or ask for it alone: usher doctor {}",
                self.service
            );
            return Finding::skipped("settings", format!("not set up here ({last})"), mend);
        }
        Finding::wrong(
            "settings",
            last,
            format!("mend what it names; {program} --help explains each setting"),
        )
    }
}

/// The last words of a program.
fn last_words<'a>(program: &str, said: &'a str) -> &'a str {
    let last = said.lines().rev().find_map(|line| line.strip_prefix(program)?.strip_prefix(": "));
    let last = last.unwrap_or("it says nothing");
    &last[..last.floor_char_boundary(LONGEST_COMPLAINT)]
}

#[cfg(test)]
mod tests {
    use usher_finding::State;

    use super::*;

    #[test]
    fn the_last_words_of_a_service_name_the_setting() {
        let said = "{\"level\":\"INFO\"}\nusher-billing: STRIPE_SECRET_KEY: missing\n";
        let patient = |optional| Patient {
            service: "billing".to_owned(),
            settings: Ok(Variables::default()),
            optional,
        };
        let wrong = patient(false).complaint("usher-billing", said);
        assert_eq!((wrong.state, wrong.what.as_str()), (State::Wrong, "STRIPE_SECRET_KEY: missing"));
        assert_eq!(patient(true).complaint("usher-billing", said).state, State::Skipped);
        assert_eq!(patient(true).complaint("usher-billing", "").state, State::Wrong);
    }

    #[test]
    fn a_service_without_a_file_is_skipped_and_says_where_it_was_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let line = Variables::default().and([("STRIPE_SECRET_KEY", "sk_test_1")]);
        line.write(&folder.path().join("billing.env")).unwrap();
        let settings = Settings::Folder(folder.path());
        assert_eq!(settings.of("billing"), Ok(line));
        let (what, _) = settings.of("email").unwrap_err();
        assert!(what.ends_with("email.env"), "{what}");
    }
}
