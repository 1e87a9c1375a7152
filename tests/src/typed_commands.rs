//! A document's commands, typed as they stand: each line of its `sh` blocks by a shell of its own, from the first to the
//! last. A command that is gone, a flag that was renamed or an exit code that isn't what the document says is a failure.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};

use crate::binary;

/// A dead letter that is tried again and fails again takes as long as its retries; most take no second.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it may take until a command that is typed again and again says what it should.
const UNTIL: Duration = Duration::from_secs(120);
/// As quick as a reader who types it again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// How a document marks a command whose answer is no.
const ANSWERS_NO: &str = "# ends with 1";
/// How it marks one that is typed until it says something.
const UNTIL_IT_SAYS: &str = "until it says \"";

/// A command, and what the document says of it.
#[derive(Debug)]
pub struct Step {
    /// The line.
    pub command: &'static str,
    /// The exit code.
    pub code: i32,
    /// It is typed again until it says this, however many spaces stand between its words.
    pub until: Option<&'static str>,
}

/// The lines of all blocks of commands.
pub fn steps(document: &'static str) -> Vec<Step> {
    let lines = blocks(document, "sh").flat_map(str::lines).filter(|line| !line.trim().is_empty());
    lines.map(step).collect()
}

/// The lines of the blocks of a document that are marked so, such as `sh background`.
pub fn lines_of(document: &'static str, mark: &str) -> Vec<&'static str> {
    blocks(document, mark).flat_map(str::lines).collect()
}

fn blocks(document: &'static str, mark: &str) -> impl Iterator<Item = &'static str> {
    let fence = format!("```{mark}\n");
    let blocks: Vec<_> = document.split(&*fence).skip(1).collect();
    blocks.into_iter().map(|block| block.split("```").next().unwrap_or_default())
}

fn step(command: &'static str) -> Step {
    let until = command.split(UNTIL_IT_SAYS).nth(1).and_then(|it| it.split('"').next());
    Step { command, code: i32::from(command.contains(ANSWERS_NO)), until }
}

/// Who types: in a folder, with our programs at hand and nothing else in the environment. What one line sets, the next has.
pub struct Typist {
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Typist {
    /// In this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), variables: Vec::new() }
    }

    /// The same, with a variable that the document speaks of.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Types a command as the document has it; returns what it said.
    ///
    /// # Panics
    /// If it ends otherwise than the document says, says nothing, or never says what it is typed for.
    pub async fn take(&self, Step { command, code, until }: &Step) -> String {
        let deadline = Instant::now() + UNTIL;
        loop {
            let (ended, said) = self.type_in(command).await;
            let is_it = until.is_none_or(|until| words(&said).contains(&words(until)));
            if ended == Some(*code) && is_it {
                let is_silent = command.contains("export ");
                assert!(is_silent || !said.trim().is_empty(), "{command} says nothing");
                return said;
            }
            let over = until.is_none() || Instant::now() >= deadline;
            assert!(!over, "{command}\nends with {ended:?} and says\n{said}");
            sleep(AGAIN_AFTER).await;
        }
    }

    /// What a shell makes of a line: its exit code, and what it printed.
    ///
    /// # Panics
    /// If it doesn't come to an end.
    pub async fn type_in(&self, line: &str) -> (Option<i32>, String) {
        let beside = binary("usher").parent().expect("a program lies in a folder").display().to_string();
        let set = self.folder.join(".typed").display().to_string();
        // What is set is handed on to the next line; a line that fails may have set something too.
        let script = format!(
            "set -a; [ ! -e '{set}' ] || . '{set}'; trap \"export -p > '{set}'\" EXIT\n{}",
            not_built_again(line)
        );
        let run = Command::new("bash")
            .args(["-euc", &script])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", format!("{beside}:/usr/bin:/bin"))
            .envs(self.variables.iter().map(|(name, value)| (*name, value)))
            .kill_on_drop(true)
            .output();
        let run = timeout(PATIENCE, run).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {line}"));
        let run = run.expect("bash is there");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (run.status.code(), text(&run.stdout) + &text(&run.stderr))
    }
}

/// What is made has been made by whoever runs the test: that there is such a target is all that is left to see.
fn not_built_again(line: &str) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace");
    match line.strip_prefix("make ") {
        Some(target) => format!("make --directory='{}' --dry-run {target}", workspace.display()),
        None => line.to_owned(),
    }
}

/// Text as a reader sees it who does not count spaces.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "\
Text.

```sh
usher status   # ends with 1, until it says \"circuit open\"

usher trace
```

```sh background
usher up --keep
```

```text
usher is not typed
```
";

    #[test]
    fn a_documents_commands_are_its_lines_with_what_it_says_of_them() {
        let steps = steps(DOCUMENT);
        let [status, trace] = steps.as_slice() else { panic!("{steps:?}") };
        assert_eq!((status.code, status.until), (1, Some("circuit open")));
        assert_eq!((trace.command, trace.code, trace.until), ("usher trace", 0, None));
        assert_eq!(lines_of(DOCUMENT, "sh background"), ["usher up --keep"]);
    }

    #[tokio::test]
    async fn what_one_line_sets_the_next_has_and_an_exit_code_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let typist = Typist::in_folder(folder.path()).with("GIVEN", "given");
        assert_eq!(typist.type_in("WORD=\"a 'quoted' word\"; false").await.0, Some(1));
        assert_eq!(
            typist.type_in("echo \"$GIVEN, $WORD\"").await,
            (Some(0), "given, a 'quoted' word\n".to_owned())
        );
        assert_eq!(typist.type_in("exit 7").await.0, Some(7));
        assert!(typist.type_in("make build").await.1.contains("cargo build --release"));
    }
}
