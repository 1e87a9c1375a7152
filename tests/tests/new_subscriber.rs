//! `docs/new-subscriber.md` as a reader follows it: every command that it shows, in a copy of this workspace, from nothing to
//! a consumer that runs, breaks and is mended. And what a consumer of one's own changes: nothing that was there.
//!
//! The copy lies in the target directory and keeps what it has built. Its first run borrows the libraries of others that
//! this workspace has built, and so compiles no more than the workspace itself.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};
use usher_tests::{judge, python_sdk, world_with_audit};

const DOCUMENT: &str = include_str!("../../docs/new-subscriber.md");
/// A first build of everything on two cores that do something else as well, and then some.
const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// Long enough for Python to start on such a machine.
const PYTHON_STARTS: Duration = Duration::from_secs(60);
/// What is no part of the workspace but lies in it.
const NOT_COPIED: [&str; 5] = [".git", ".sdk", ".tools", ".usher", "target"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The commands of the fenced blocks that are marked so.
fn blocks(mark: &str) -> Vec<&'static str> {
    let fence = format!("```{mark}\n");
    DOCUMENT.split(&*fence).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// All files of a workspace, by their paths in it.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let (entry, path) = (entry.as_ref().unwrap(), entry.as_ref().unwrap().path());
            // A target directory has this mark, whatever its name.
            let is_left_out = NOT_COPIED.iter().any(|name| entry.file_name() == *name)
                || path.join("CACHEDIR.TAG").exists();
            if entry.file_type().unwrap().is_dir() {
                folders.extend((!is_left_out).then_some(path));
            } else {
                files.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// A copy of the workspace, and what it was like at first.
struct Replica {
    root: PathBuf,
    original: BTreeMap<PathBuf, Vec<u8>>,
}

impl Replica {
    /// Where an earlier run has left one, its build is used again: the files keep their times, by which cargo goes.
    fn new() -> Self {
        let target = usher_tests::binary("usher").ancestors().nth(2).unwrap().to_owned();
        let root = target.join("new-subscriber");
        fs::create_dir_all(&root).unwrap();
        for entry in fs::read_dir(&root).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true if entry.file_name() == "target" => {}
                true => fs::remove_dir_all(entry.path()).unwrap(),
                false => fs::remove_file(entry.path()).unwrap(),
            }
        }
        let original = files(&workspace());
        original.keys().for_each(|path| copy(&workspace().join(path), &root.join(path)));
        let built = root.join("target/debug");
        if !built.exists() {
            for part in ["deps", ".fingerprint", "build"] {
                borrow(&target.join("debug").join(part), &built.join(part));
            }
        }
        Self { root, original }
    }

    /// Runs the commands as a shell does that stops at the first that fails; returns what they print.
    async fn run(&self, commands: &str) -> String {
        let mut shell = Command::new("sh");
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("CARGO") && name != "CARGO_HOME")
        {
            // Those by which cargo tells a test of its own package.
            shell.env_remove(name);
        }
        let shell = shell
            .args(["-euc", commands])
            .current_dir(&self.root)
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TARGET_DIR", self.root.join("target"))
            .env("CARGO_TERM_COLOR", "never")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let group = Group(shell.id().unwrap());
        let ended = timeout(PATIENCE, shell.wait_with_output()).await;
        drop(group);
        let ended = ended.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {commands}")).unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.status.success(), "{}: {commands}\n{said}", ended.status);
        said
    }

    fn notes(&self) -> usize {
        fs::read_dir(self.root.join(".usher/audit-trail")).map_or(0, Iterator::count)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
    let changed = fs::metadata(from).unwrap().modified().unwrap();
    File::options().write(true).open(to).unwrap().set_modified(changed).unwrap();
}

/// What was built of other people's libraries; ours are others in the copy. If this is not what cargo looks for, it builds.
fn borrow(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let Ok(entries) = fs::read_dir(from) else { return };
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("usher") || name.starts_with("libusher") {
            continue;
        }
        match entry.file_type().unwrap().is_dir() {
            true => borrow(&entry.path(), &to.join(&name)),
            // A link: nothing of it is ever written to again.
            false => _ = fs::hard_link(entry.path(), to.join(&name)),
        }
    }
}

/// A shell and all that it has started in the background. Dropping it ends them.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        let mut kill = std::process::Command::new("kill");
        // Most often there is nobody left to end.
        let _ = kill.args(["-s", "KILL", "--", &format!("-{}", self.0)]).stderr(Stdio::null()).status();
    }
}

#[tokio::test]
async fn a_reader_gets_from_nothing_to_a_running_consumer_and_changes_nothing_that_was_there() {
    let copy = Replica::new();
    let [make, test, up, mend] = blocks("sh run")[..] else { panic!("the document has four steps") };

    let made = copy.run(make).await;
    assert!(made.contains("consumers/audit-trail is there"), "{made}");
    let tested = copy.run(test).await;
    assert!(tested.contains("a_sign_up_on_the_topic_arrives_and_is_completed ... ok"), "{tested}");
    let ran = copy.run(up).await;
    assert!(ran.lines().any(|line| line.starts_with("audit-trail")), "a row of its own: {ran}");
    assert!(ran.contains("Every effect shows exactly once."), "{ran}");
    assert_eq!(copy.notes(), 3, "{ran}");
    let mended = copy.run(mend).await;
    assert!(mended.contains("NoteTooLarge"), "{mended}");
    assert_eq!(copy.notes(), 6, "{mended}");

    only_a_crate_and_a_line_are_new(&copy);
}

/// No line of the producer has changed, nor of anything else.
fn only_a_crate_and_a_line_are_new(copy: &Replica) {
    let after = files(&copy.root);
    let changed: BTreeSet<_> = copy
        .original
        .iter()
        .filter(|(path, text)| after.get(*path) != Some(*text))
        .map(|(path, _)| path)
        .collect();
    let expected = ["Cargo.lock", "infra/consumers.json"].map(PathBuf::from);
    assert_eq!(changed, BTreeSet::from_iter(&expected));
    let new = after.keys().filter(|path| !copy.original.contains_key(*path));
    let elsewhere: Vec<_> = new.filter(|path| !path.starts_with("consumers/audit-trail")).collect();
    assert_eq!(elsewhere, Vec::<&PathBuf>::new());
    let (before, after) = (&copy.original[&expected[1]], &after[&expected[1]]);
    let lines = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap().lines().count();
    assert_eq!(lines(after), lines(before) + 1, "one line more");
}

/// What else the program does, `documented_subscriber.rs` shows.
#[tokio::test]
async fn the_program_in_another_language_that_the_document_names_sees_who_signs_up() {
    let [command] = blocks("sh sdk")[..] else { panic!("one program") };
    let Some(program) = command.strip_prefix(".sdk/bin/python ") else { panic!("{command}") };
    let Some(python) = judge("the documented subscriber", python_sdk) else { return };
    let world = world_with_audit().await;
    let _producer = world.producer().start().await;
    let mut subscriber = Command::new(python)
        .arg(workspace().join(program))
        .env("SERVICEBUS_CONNECTION_STRING", world.connection_string())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let user = world.control.sign_up().await;
    let mut lines = BufReader::new(subscriber.stdout.take().unwrap()).lines();
    let line = timeout(PYTHON_STARTS, lines.next_line()).await.expect("it prints in time").unwrap();
    assert_eq!(line, Some(user.to_string()));
}

#[test]
fn every_command_of_the_document_is_run_by_a_test() {
    let fences = DOCUMENT.lines().filter(|line| line.starts_with("```") && line.len() > 3);
    assert!(
        fences.clone().all(|fence| ["```sh run", "```sh sdk"].contains(&fence)),
        "{:?}",
        fences.collect::<Vec<_>>()
    );
}
