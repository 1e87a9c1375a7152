//! Containers at work: with no rights and nothing to write to but their volume they do all that they do without one, and
//! they end in time, with nothing lost.

use std::{fs, os::unix::fs::chown};

use usher_sandbox::Judged;
use usher_service::Status;
use usher_tests::processes::{Options, Program, World, eventually};

use crate::{
    container::{Launch, Running, STOPS_WITHIN, stop_all},
    images::images,
};

/// Who runs in the images.
const NOBODY: u32 = 65532;
/// Where a container finds the folder of its world.
const VOLUME: &str = "/data";

/// A program of a world as a container, with the world's folder as its volume.
fn in_container(world: &World, image: String, program: &Program) -> Launch {
    let outside = world.home().display().to_string();
    let inside = |value: &String| value.replace(&outside, VOLUME);
    let variables = program.variables().iter().map(|(name, value)| (name.clone(), inside(value)));
    Launch::of(image).with(variables).mount(world.home(), VOLUME, "rw")
}

/// The producer and all consumers.
async fn start_all(world: &World) -> Vec<Running> {
    let producer = in_container(world, "usher-producer".to_owned(), &world.producer());
    let mut all = vec![producer.start(world.home()).await];
    for consumer in Judged::ALL {
        let program = world.consumer(consumer);
        let launch = in_container(world, format!("usher-{}", consumer.name()), &program);
        all.push(launch.start(world.home()).await);
    }
    all
}

async fn attempts(world: &World, service: &Running) -> u64 {
    let status: Status = world.control.get_json(&service.health("status")).await;
    status.counts.get("attempts").copied().unwrap_or_default()
}

#[tokio::test]
async fn told_to_stop_in_the_midst_of_it_all_containers_end_within_5_seconds_and_nothing_is_lost() {
    if images().is_none() {
        return;
    }
    // Slow enough to be found at work.
    let options = Options { consumers: Judged::ALL.into(), answer_time: "300ms", ..Options::default() };
    let world = World::start(options).await;
    chown(world.home(), Some(NOBODY), Some(NOBODY)).unwrap();
    let services = start_all(&world).await;
    for _ in 0..20 {
        world.control.sign_up().await;
    }
    eventually("somebody is at work", async || {
        let mut begun = 0;
        for consumer in &services[1..] {
            begun += attempts(&world, consumer).await;
        }
        (begun > 0).then_some(())
    })
    .await;

    stop_all(services).await;
    for _ in 0..5 {
        world.control.sign_up().await;
    }
    let services = start_all(&world).await;

    eventually("all of it shows", async || world.control.shows_each_effect_once(25).await.then_some(()))
        .await;
    stop_all(services).await;
}

#[tokio::test]
async fn a_container_runs_as_nobody_without_any_right_and_can_write_to_its_volume_alone() {
    if images().is_none() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let volume = home.path().join("volume");
    fs::create_dir(&volume).unwrap();
    chown(&volume, Some(NOBODY), Some(NOBODY)).unwrap();
    let broker = Launch::of("usher-broker")
        .args(["--listen", "127.0.0.1:0", "--data", VOLUME])
        .with([("HEALTH_ADDR".to_owned(), "127.0.0.1:0".to_owned())])
        .mount(&volume, VOLUME, "rw");

    let mut running = broker.clone().start(home.path()).await;

    let status = fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(field("Uid"), vec![NOBODY.to_string(); 4]);
    assert_eq!(field("Gid"), vec![NOBODY.to_string(); 4]);
    assert_eq!(field("Groups"), Vec::<String>::new());
    assert_eq!(field("CapEff"), ["0000000000000000"]);
    assert_eq!(field("CapPrm"), ["0000000000000000"]);
    assert_eq!(field("NoNewPrivs"), ["1"]);
    assert_eq!(field("NSpid").last().unwrap(), "1", "as in an engine, where signals have no default effect");
    let writable = writable_mounts(running.id());
    let beside = writable.iter().filter(|place| !["/proc", "/dev"].iter().any(|own| place.starts_with(own)));
    assert_eq!(beside.collect::<Vec<_>>(), [VOLUME]);
    assert!(fs::read_dir(&volume).unwrap().count() > 0, "it writes there");

    running.ask_to_stop().await;
    assert_eq!(running.ended_within(STOPS_WITHIN).await.code, Some(0));
    let elsewhere = broker.args(["--listen", "127.0.0.1:0", "--data", "/elsewhere"]);
    let output = elsewhere.run(home.path()).await;
    assert_eq!(output.code, Some(64), "{output:?}");
    assert!(output.stderr.contains("USHER_BROKER_DATA: /elsewhere"), "{}", output.stderr);
}

/// Where a process can write, as far as mounts are concerned; see proc_pid_mountinfo(5).
fn writable_mounts(process: u32) -> Vec<String> {
    let mounts = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap();
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let writable = fields.filter(|fields| fields[5].split(',').any(|option| option == "rw"));
    writable.map(|fields| fields[4].to_owned()).collect()
}

#[tokio::test]
async fn the_health_check_of_an_image_tells_a_service_that_lives_from_one_that_does_not() {
    if images().is_none() {
        return;
    }
    let world = World::start(Options::default()).await;
    chown(world.home(), Some(NOBODY), Some(NOBODY)).unwrap();
    let billing = in_container(&world, "usher-billing".to_owned(), &world.billing());
    let mut running = billing.clone().start(world.home()).await;
    let address = running.health_address().to_owned();
    let at = |address: &str| [("HEALTH_ADDR".to_owned(), address.to_owned())];
    let ask = Launch::of("usher-billing").args(["healthz"]).with(at(&address));

    let lives = ask.clone().run(world.home()).await;
    running.ask_to_stop().await;
    running.ended_within(STOPS_WITHIN).await;
    let is_gone = ask.run(world.home()).await;
    let nobody_knows =
        Launch::of("usher-billing").args(["healthz"]).with(at("somewhere")).run(world.home()).await;

    assert_eq!(lives.code, Some(0), "{lives:?}");
    assert_eq!(is_gone.code, Some(1), "{is_gone:?}");
    assert_eq!(nobody_knows.code, Some(64), "{nobody_knows:?}");
    assert!(nobody_knows.stderr.contains("HEALTH_ADDR"), "{nobody_knows:?}");
}
