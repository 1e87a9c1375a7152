//! All that `infra/compose.yaml` starts, run without an engine: each container as podman-compose would have Podman make it, in
//! one network that has nothing but a loopback.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    time::{Instant, sleep},
};
use usher_sandbox::Effects;
use usher_tests::processes::eventually;

use crate::{
    compose::{Made, made, readers},
    container::{Launch, Running, stop_all},
    images::images,
};

/// Who owns what an engine makes for the volumes of our images.
const NOBODY: u32 = 65532;
/// Where the stand-ins tell what has come of each sign-up.
const LEDGER: &str = "http://127.0.0.1:9400/_effects";
/// The sign-ups that compose.yaml asks the stand-ins for; the ledger has people beside them to whom nothing must happen.
const SIGN_UPS: usize = 25;
/// The last sign-up is made after 5 seconds, its entry shows within 8 more and is looked for every 3, and a user who is not
/// yet there is asked for again; the rest is for a machine that does something else as well.
const PATIENCE: Duration = Duration::from_secs(180);

/// The network that all share, for as long as this lives.
struct Pod {
    holder: Child,
    /// Closed, it ends.
    _stdin: Option<ChildStdin>,
}

impl Pod {
    async fn start() -> Self {
        let hold = ["--net", "sh", "-c", "ip link set lo up && echo up && exec cat"];
        let mut holder = Command::new("unshare")
            .args(hold)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = holder.stdin.take();
        let mut said = BufReader::new(holder.stdout.take().unwrap()).lines();
        assert_eq!(said.next_line().await.unwrap().as_deref(), Some("up"));
        Self { holder, _stdin: stdin }
    }

    fn id(&self) -> u32 {
        self.holder.id().unwrap()
    }

    /// What has come of each sign-up so far, as seen from within.
    async fn effects(&self, python: &Path) -> Effects {
        let get =
            "import sys, urllib.request as web; sys.stdout.write(web.urlopen(sys.argv[1]).read().decode())";
        let mut ask = Command::new("nsenter");
        ask.arg(format!("--net=/proc/{}/ns/net", self.id())).arg(python).args(["-c", get, LEDGER]);
        let answer = ask.env("no_proxy", "*").output().await.unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        serde_json::from_slice(&answer.stdout).unwrap()
    }
}

/// What is needed to start a container that was described to an engine.
struct Engine<'a> {
    pod: &'a Pod,
    home: &'a Path,
}

impl Engine<'_> {
    async fn start(&self, service: &str, made: &Made) -> (Running, Vec<String>) {
        let launch = Launch::of(&*made.image).args(made.command.clone()).with(made.variables());
        let launch = launch.in_network_of(self.pod.id());
        let bound = made.all("--volume").chain(made.all("-v")).fold(launch, bind);
        let mounted = made.all("--mount").fold(bound, |launch, mount| self.volume(launch, mount));
        let scratch = made.all("--tmpfs").map(|tmpfs| tmpfs.split(':').next().unwrap());
        let launch = scratch.fold(mounted, |launch, place| {
            launch.mount(&self.folder(&format!("{service}{}", place.replace('/', "-"))), place, "rw")
        });
        let check = made.all("--health-cmd").next().unwrap();
        let check: Vec<String> = serde_json::from_str(check).unwrap();
        (launch.start(self.home).await, check[1..].to_vec())
    }

    /// `type=volume,source=NAME,destination=PLACE`, and perhaps `ro`.
    fn volume(&self, launch: Launch, mount: &str) -> Launch {
        let field =
            |name: &str| mount.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        assert_eq!(field("type"), Some("volume"), "{mount}");
        let how = if mount.ends_with(",ro") { "ro" } else { "rw" };
        launch.mount(&self.folder(field("source").unwrap()), field("destination").unwrap(), how)
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.home.join(name);
        fs::create_dir_all(&folder).unwrap();
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        folder
    }
}

/// `OUTSIDE:INSIDE:ro`, and perhaps more.
fn bind(launch: Launch, mount: &str) -> Launch {
    let fields: Vec<_> = mount.split(':').collect();
    assert!(fields[2].starts_with("ro"), "{mount}");
    launch.mount(Path::new(fields[0]), fields[1], "ro")
}

#[tokio::test]
async fn all_that_compose_yaml_starts_works_together_without_rights_and_ends_in_time() {
    let Some(python) = readers() else { return };
    if images().is_none() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let pod = Pod::start().await;
    let engine = Engine { pod: &pod, home: home.path() };
    let mut made = made(&python, &[]);
    made.remove("pod").unwrap();

    // What the others wait for comes first, and is asked in the way in which an engine asks it.
    let mut stand_ins = Vec::new();
    for service in ["broker", "sandbox"] {
        let (running, check) = engine.start(service, &made.remove(service).unwrap()).await;
        let check: Vec<_> = check.iter().map(String::as_str).collect();
        eventually(service, async || (running.exec(&check).await.code == Some(0)).then_some(())).await;
        stand_ins.push(running);
    }
    let mut services = Vec::new();
    for (service, made) in &made {
        let (running, check) = engine.start(service, made).await;
        let check: Vec<_> = check.iter().map(String::as_str).collect();
        assert_eq!(running.exec(&check).await.code, Some(0), "{service}");
        services.push(running);
    }

    let deadline = Instant::now() + PATIENCE;
    loop {
        let effects = pod.effects(&python).await;
        assert_eq!(effects.wrong().count(), 0, "{:#?}", effects.wrong().collect::<Vec<_>>());
        if effects.sign_ups.len() >= SIGN_UPS && effects.all_exact() {
            break;
        }
        assert!(Instant::now() < deadline, "not all of it shows: {:#?}", effects.totals);
        sleep(Duration::from_millis(250)).await;
    }

    for running in [services, stand_ins] {
        stop_all(running).await;
    }
}
