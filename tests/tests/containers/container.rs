//! A container: an image's program, run with no more than an engine would let it have. `run.sh` says how.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    process::{Child, ChildStdin, Command},
    time::{Instant, timeout},
};
use usher_tests::processes::{Output, eventually, send_signal};

use crate::{
    buildah::workspace,
    images::{Config, Images, images, local},
};

/// What an orchestrator's patience must be at least.
pub(crate) const STOPS_WITHIN: Duration = Duration::from_secs(5);
/// For a command that asks a question and ends, on a machine that does something else as well.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// Numbers all runs, so that each has files of its own.
static RUNS: AtomicU32 = AtomicU32::new(1);

/// What is to be run, and with what.
#[derive(Clone)]
pub(crate) struct Launch {
    image: String,
    arguments: Vec<String>,
    variables: BTreeMap<String, String>,
    /// `OUTSIDE:INSIDE:ro` or `rw`.
    mounts: Vec<String>,
    network_of: Option<u32>,
}

impl Launch {
    /// An image's program, as it is.
    pub(crate) fn of(image: impl Into<String>) -> Self {
        Self {
            image: image.into(),
            arguments: Vec::new(),
            variables: BTreeMap::new(),
            mounts: Vec::new(),
            network_of: None,
        }
    }

    /// With these arguments in place of any before.
    pub(crate) fn args<A: Into<String>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        Self { arguments: arguments.into_iter().map(Into::into).collect(), ..self }
    }

    /// With more variables in its environment, beside those of the image.
    pub(crate) fn with(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// With a file or a folder of ours at a place inside; `how` is `ro` or `rw`.
    pub(crate) fn mount(mut self, outside: &Path, inside: &str, how: &str) -> Self {
        self.mounts.push(format!("{}:{inside}:{how}", outside.display()));
        self
    }

    /// In the network of a process in place of the machine's.
    pub(crate) fn in_network_of(self, process: u32) -> Self {
        Self { network_of: Some(process), ..self }
    }

    /// Starts it and waits until it has announced itself. What it says goes to files in this folder.
    ///
    /// # Panics
    /// If it ends instead.
    pub(crate) async fn start(self, folder: &Path) -> Running {
        let mut running = self.spawn(folder);
        let image = running.launch.image.clone();
        let what = format!("{image} announces itself");
        let announced = eventually(&what, async || {
            if let Some((line, _)) = running.stdout().split_once('\n') {
                return Some(serde_json::from_str(line).unwrap());
            }
            let ended = running.outer.try_wait().unwrap();
            assert!(ended.is_none(), "{image} ended with {ended:?}: {}", running.stderr());
            None
        });
        running.announcement = announced.await;
        running
    }

    /// Runs it to its end.
    pub(crate) async fn run(self, folder: &Path) -> Output {
        self.spawn(folder).ended_within(ANSWERS_WITHIN).await
    }

    fn spawn(self, folder: &Path) -> Running {
        let root = Root::of(&self.image);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let file = |kind: &str| folder.join(format!("{run:03}-{}.{kind}", self.image));
        let (out, err) = (file("out"), file("err"));
        let mut outer = self
            .command(&root, &self.arguments)
            .stdin(Stdio::piped())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = outer.stdin.take();
        Running { outer, _stdin: stdin, launch: self, root, out, err, announcement: Value::Null }
    }

    fn command(&self, root: &Root, arguments: &[String]) -> Command {
        let unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"];
        let mut command = match self.network_of {
            None => Command::new(unshare[0]),
            Some(process) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net=/proc/{process}/ns/net")).arg(unshare[0]);
                command
            }
        };
        command.args(&unshare[1..]).arg(workspace().join("tests/tests/containers/run.sh"));
        command.arg(&root.path).arg(&root.config.user).args(&self.mounts).arg("--");
        command.args(&root.config.entrypoint).args(arguments);
        let of_the_image = root.config.env.iter().filter_map(|variable| variable.split_once('='));
        command.env_clear().envs(of_the_image).envs(&self.variables).env("USHER_STOP_WITH_PARENT", "1");
        command
    }
}

/// Asks all of them to stop at once, and then waits for each.
pub(crate) async fn stop_all(mut all: Vec<Running>) {
    let asked = Instant::now();
    for service in &all {
        service.ask_to_stop().await;
    }
    for service in &mut all {
        let output = service.ended_within(STOPS_WITHIN.saturating_sub(asked.elapsed())).await;
        assert_eq!(output.code, Some(0), "{}", output.stderr);
    }
}

/// A container that runs. Dropping it kills it.
pub(crate) struct Running {
    outer: Child,
    /// Open for as long as it shall live.
    _stdin: Option<ChildStdin>,
    launch: Launch,
    root: Root,
    out: PathBuf,
    err: PathBuf,
    announcement: Value,
}

impl Running {
    /// The URL of a path on the address that it has announced.
    pub(crate) fn health(&self, path: &str) -> String {
        format!("http://{}/{path}", self.health_address())
    }

    /// Where it answers for its health.
    pub(crate) fn health_address(&self) -> &str {
        self.announcement["health"].as_str().unwrap()
    }

    /// The program's process id as the machine sees it; in its container it is the first process.
    pub(crate) fn id(&self) -> u32 {
        let outer = self.outer.id().unwrap();
        let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).unwrap();
        children.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// What it has said on standard output.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    /// What it has said on standard error.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }

    /// Another run of the program in the same container, to its end: what an engine's `exec` does.
    pub(crate) async fn exec(&self, arguments: &[&str]) -> Output {
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut command = self.launch.command(&self.root, &arguments);
        // It is not to end with us, but by itself.
        let output = command.env_remove("USHER_STOP_WITH_PARENT").stdin(Stdio::null()).output();
        let output = timeout(ANSWERS_WITHIN, output).await.unwrap().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Output { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Asks it to stop, by the signal that the image names, and does not wait.
    pub(crate) async fn ask_to_stop(&self) {
        let signal = self.root.config.stop_signal.strip_prefix("SIG").unwrap();
        send_signal(self.id(), signal).await;
    }

    /// Waits until it has ended, which it must within so long.
    pub(crate) async fn ended_within(&mut self, patience: Duration) -> Output {
        let ended = timeout(patience, self.outer.wait()).await;
        let status =
            ended.unwrap_or_else(|_| panic!("{} still runs: {}", self.launch.image, self.stderr())).unwrap();
        Output { code: status.code(), stdout: self.stdout(), stderr: self.stderr() }
    }
}

/// A working container: an image's files in a place of their own, for as long as this lives.
struct Root {
    images: &'static Images,
    name: String,
    path: PathBuf,
    config: Config,
}

impl Root {
    fn of(image: &str) -> Self {
        let images = images().unwrap();
        let name = images.buildah.run(["from", "--pull-never", &local(image)]);
        let path = images.buildah.run(["mount", &name]).into();
        Self { images, name, path, config: images.config(image) }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // What is left of it the next run removes.
        let _ = self.images.buildah.command(["rm", &self.name]).output();
    }
}
