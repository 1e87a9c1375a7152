//! `docs/containers.md` as a reader follows it: each block of commands, with Buildah in the place of an engine.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use usher_tests::binary;

use crate::{
    buildah::{output, target, workspace},
    compose::{readers, settings},
    images::{Images, images},
};

const DOCUMENT: &str = include_str!("../../../docs/containers.md");
const CONTAINERFILE: &str = include_str!("../../../infra/Containerfile");
/// How the programs are compiled. It takes too long for a test, and is done before where sizes are to be seen.
const COMPILE: &str = "cargo build --locked --profile container --workspace --exclude usher-tests --bins";

/// The blocks of the document that are marked so.
fn blocks(mark: &str) -> impl Iterator<Item = &'static str> {
    let fence = format!("```{mark}\n");
    let blocks: Vec<_> = DOCUMENT.split(&*fence).skip(1).collect();
    blocks.into_iter().map(|rest| rest.split("\n```").next().unwrap())
}

/// A folder with programs that take the place of others.
struct Prompt {
    folder: tempfile::TempDir,
}

impl Prompt {
    fn new(images: &Images, python: &Path) -> Self {
        let prompt = Self { folder: tempfile::tempdir().unwrap() };
        let tests = workspace().join("tests/tests/containers");
        let python_and_engine = format!(
            "'{}' -m podman_compose --podman-path '{}'",
            python.display(),
            tests.join("podman.sh").display()
        );
        prompt.put("buildah", &images.buildah.words());
        prompt.put("podman", &format!("'{}'", tests.join("prompt.sh").display()));
        prompt.put("podman-compose", &python_and_engine);
        fs::create_dir(prompt.notes()).unwrap();
        prompt
    }

    fn put(&self, name: &str, words: &str) {
        let path = self.folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\nexec {words} \"$@\"\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn notes(&self) -> PathBuf {
        self.folder.path().join("notes")
    }

    /// Types a block in the workspace's root.
    fn type_in(&self, images: &Images, block: &str) -> String {
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("bash");
        shell.args(["-euc", block]).current_dir(workspace());
        shell.env("PATH", format!("{}:{path}", self.folder.path().display()));
        shell.env("NOTES", self.notes()).env("PARTS", &images.parts);
        output(&mut shell)
    }
}

#[test]
fn every_command_does_what_the_document_says() {
    let Some(images) = images() else { return };
    let Some(python) = readers() else { return };
    let prompt = Prompt::new(images, &python);
    let compiled = images.compiled.display().to_string();
    let packed = target().join("containers/packed");
    // Of an earlier run, perhaps.
    let _ = fs::remove_dir_all(&packed);
    let mut typed = 0;
    for block in blocks("sh") {
        let block = block.replace(COMPILE, "true").replace("target/container ", &format!("{compiled} "));
        let block = block.replace("target/packed", &packed.display().to_string());
        let said = prompt.type_in(images, &block);
        if block.ends_with("podman images") {
            assert!(said.contains("localhost/usher-billing"), "{said}");
        }
        typed += 1;
    }
    assert!(typed >= 5, "the document's blocks are found");
}

#[test]
fn the_programs_are_compiled_by_hand_as_the_containerfile_does_it() {
    let compiles = |line: &&str| line.contains("cargo build");
    assert!(CONTAINERFILE.lines().filter(compiles).all(|line| line.contains(COMPILE)));
    assert!(CONTAINERFILE.contains(COMPILE) && DOCUMENT.contains(COMPILE));
}

#[test]
fn the_example_for_kubernetes_runs_billing_without_rights_and_with_settings_that_it_has() {
    let Some(python) = readers() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), blocks("yaml").next().unwrap()).unwrap();
    let convert = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let json = output(Command::new(&python).args(["-c", convert]).arg(file.path()));
    let deployment: Value = serde_json::from_str(&json).unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(pod["terminationGracePeriodSeconds"], 30);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
    assert_eq!(container["ports"][0]["containerPort"], 8080);
    let known = settings("usher-billing");
    let mut given = Command::new(binary("usher-billing"));
    given.arg("probe").env_clear();
    for variable in container["env"].as_array().unwrap() {
        let (name, value) = (variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap());
        let is_known = known.contains(name.strip_suffix("_FILE").unwrap_or(name)) || known.contains(name);
        assert!(is_known, "{name} is no setting of usher-billing");
        given.env(name, value);
    }
    // Nothing is missing but the files that the cluster would mount.
    let said = given.output().unwrap();
    let complaint = String::from_utf8_lossy(&said.stderr);
    assert!(complaint.contains("_FILE"), "{complaint}");
}
