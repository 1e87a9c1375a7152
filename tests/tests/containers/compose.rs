//! `infra/compose.yaml`, read as its specification and an engine's front end read it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use usher_tests::{binary, compose_readers, judge};

use crate::{
    buildah::{output, workspace},
    images::{consumers, programs},
};

const COMPOSE: &str = include_str!("../../../infra/compose.yaml");
const SAMPLE: &str = include_str!("../../../infra/compose.env.sample");
/// What is no flag of a program of ours and means something to it all the same, as the README says.
const BESIDE_FLAGS: [&str; 4] = ["HTTPS_PROXY", "NO_PROXY", "OTEL_EXPORTER_OTLP_ENDPOINT", "USHER_LOG"];
/// What says which parts run, and is nobody's setting.
const OF_COMPOSE: [&str; 3] = ["COMPOSE_PROFILES", "USHER_SECRETS", "BIRTHRIGHTS_RULES_FILE"];

/// The Python that has the readers; none if it can't be had, which is then said.
pub(crate) fn readers() -> Option<PathBuf> {
    judge("compose.yaml", compose_readers)
}

/// A container as the front end would have an engine make it.
pub(crate) struct Made {
    options: Vec<(String, String)>,
    /// The image's name, without where it is from and which of its versions.
    pub(crate) image: String,
    pub(crate) command: Vec<String>,
}

impl Made {
    fn from_arguments(arguments: &str) -> Self {
        let mut arguments = arguments.lines().skip(1).map(str::to_owned);
        let mut options = Vec::new();
        while let Some(argument) = arguments.next() {
            if !argument.starts_with('-') {
                let image = argument.rsplit('/').next().unwrap().split(':').next().unwrap().to_owned();
                return Self { options, image, command: arguments.collect() };
            }
            options.push(match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None if argument == "--read-only" => (argument, String::new()),
                None => (argument, arguments.next().unwrap()),
            });
        }
        panic!("no image in {options:?}");
    }

    /// All values of an option.
    pub(crate) fn all<'a>(&'a self, option: &str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |(name, _)| name == option).map(|(_, value)| value.as_str())
    }

    /// The environment's variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (String, String)> {
        let variables = self.all("-e").map(|variable| variable.split_once('=').unwrap());
        variables.map(|(name, value)| (name.to_owned(), value.to_owned()))
    }
}

/// All containers of these profiles and of those of the sample, by service.
pub(crate) fn made(python: &Path, profiles: &[&str]) -> BTreeMap<String, Made> {
    let notes = tempfile::tempdir().unwrap();
    let tests = workspace().join("tests/tests/containers");
    let infra = workspace().join("infra");
    let mut compose = Command::new(python);
    compose.args(["-m", "podman_compose", "--podman-path"]).arg(tests.join("podman.sh"));
    compose.arg("--file").arg(infra.join("compose.yaml"));
    compose.arg("--env-file").arg(infra.join("compose.env.sample"));
    compose.args(profiles.iter().flat_map(|profile| ["--profile", profile])).args(["up", "--no-start"]);
    output(compose.env("NOTES", notes.path()).current_dir(notes.path()));
    let notes = fs::read_dir(notes.path()).unwrap().map(|note| note.unwrap().path());
    let service = |note: &Path| {
        let name = note.file_name().unwrap().to_str().unwrap();
        name.strip_prefix("usher_").unwrap().strip_suffix("_1").unwrap().to_owned()
    };
    notes.map(|note| (service(&note), Made::from_arguments(&fs::read_to_string(&note).unwrap()))).collect()
}

/// The file itself, with its anchors resolved.
fn document(python: &Path) -> Value {
    let convert = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let file = workspace().join("infra/compose.yaml");
    serde_json::from_str(&output(Command::new(python).args(["-c", convert]).arg(file))).unwrap()
}

/// The settings that a program's help names.
pub(crate) fn settings(program: &str) -> BTreeSet<String> {
    let help = output(Command::new(binary(program)).arg("--help").env_clear());
    let named = help.split("[env: ").skip(1).filter_map(|rest| rest.split([']', '=']).next());
    named.map(str::to_owned).collect()
}

#[test]
fn compose_yaml_is_what_the_specification_allows() {
    let Some(python) = readers() else { return };
    let validate = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"];
    output(Command::new(python).args(validate).arg(workspace().join("infra/compose.yaml")));
}

#[test]
fn every_program_but_the_command_line_is_a_service_under_its_own_name() {
    let Some(python) = readers() else { return };
    let made = made(&python, &[]);
    let images: BTreeSet<_> = made.values().map(|made| made.image.clone()).collect();
    let expected = programs().into_iter().filter(|program| program != "usher");
    assert_eq!(images, expected.chain(["pause".to_owned()]).collect::<BTreeSet<_>>());
    for (service, made) in &made {
        assert!(service == "pod" || made.image == format!("usher-{service}"), "{service} is {}", made.image);
    }
    for consumer in consumers() {
        assert!(SAMPLE.contains("COMPOSE_PROFILES=try") && made.contains_key(&consumer), "{consumer}");
    }
}

#[test]
fn no_container_is_root_or_has_rights_or_a_root_that_it_can_write_to_and_each_has_bounds() {
    let Some(python) = readers() else { return };
    let made = made(&python, &["observe"]);
    assert!(made.contains_key("collector") && made.contains_key("prometheus"));
    for (service, made) in made {
        let only = |option: &str| {
            let all: Vec<_> = made.all(option).collect();
            assert_eq!(all.len(), 1, "{service}: {option}: {all:?}");
            all[0].to_owned()
        };
        let is_ours = made.image.starts_with("usher-");
        assert!(only("-u") == "65532:65532" || !is_ours && !only("-u").starts_with("0"), "{service}");
        assert_eq!(only("--read-only"), "", "{service}");
        assert_eq!(only("--cap-drop"), "ALL", "{service}");
        assert_eq!(only("--security-opt"), "no-new-privileges:true", "{service}");
        assert!(!only("--pids-limit").is_empty() && !only("-m").is_empty(), "{service}");
        let published = made.all("-p").filter(|port| !port.starts_with("127.0.0.1:"));
        assert_eq!(published.count(), 0, "{service} is to be reached from this machine only");
        if is_ours {
            assert_eq!(only("--health-cmd"), format!(r#"["/usr/bin/{}", "healthz"]"#, made.image));
        }
    }
}

#[test]
fn every_name_in_an_environment_is_a_setting_of_that_program() {
    let Some(python) = readers() else { return };
    let document = document(&python);
    for program in programs().iter().filter(|program| *program != "usher") {
        let service = program.strip_prefix("usher-").unwrap();
        let known = settings(program);
        let environment = document["services"][service]["environment"].as_object().unwrap();
        for name in environment.keys() {
            let of_a_file = name.strip_suffix("_FILE").is_some_and(|secret| known.contains(secret));
            let is_known = known.contains(name) || of_a_file || BESIDE_FLAGS.contains(&&**name);
            assert!(is_known, "{service}: {name} is no setting of {program}");
        }
    }
}

#[test]
fn secrets_come_from_files_and_stand_neither_in_compose_yaml_nor_in_the_settings() {
    let Some(python) = readers() else { return };
    let document = document(&python);
    for (name, secret) in document["secrets"].as_object().unwrap() {
        let file = secret["file"].as_str().unwrap();
        let file = file.rsplit('/').next().unwrap();
        assert_eq!(file, name);
        let value = fs::read_to_string(workspace().join("infra/try").join(file)).unwrap();
        let text = format!("{COMPOSE}{SAMPLE}");
        assert!(!text.contains(value.trim_end()), "{name} is in compose.yaml or in compose.env.sample");
    }
}

#[test]
fn the_sample_sets_nothing_that_compose_yaml_does_not_ask_for() {
    let names = SAMPLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    for (name, _) in names {
        let is_asked_for = COMPOSE.contains(&format!("      {name}:\n"))
            || COMPOSE.contains(&format!("  {name}:\n"))
            || COMPOSE.contains(&format!("${{{name}:-"));
        assert!(is_asked_for || OF_COMPOSE.contains(&name), "{name}");
    }
}
