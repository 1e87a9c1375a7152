//! The past, published on an operator's word.

use std::{collections::BTreeMap, time::Duration};

use time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout};
use usher_bus::BusError;
use usher_producer::{BackfillError, Held, Step};
use usher_sandbox::{Call, FaultKind, Kind, NewSignUp, Target};
use usher_service::Shutdown;
use uuid::Uuid;

use crate::world::{Disk, MINUTE, START, World, once};

const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// The log's quota, which nobody's requests together may exceed.
const QUOTA: usize = 5;
const SPAN: Duration = Duration::from_secs(10);

fn a_week_ago() -> OffsetDateTime {
    START - WEEK
}

/// With pages as long as Graph's.
fn world() -> World {
    World::new(|settings| settings.audit.page_size = 999)
}

/// A backfill to its end; what it counted as published.
async fn backfilled(world: &World, record: &Disk) -> Result<u64, Held> {
    let mut backfill = world.backfill(a_week_ago(), record).await.unwrap();
    backfill.run(&Shutdown::new(), &mut |_| {}).await?;
    Ok(backfill.step().published)
}

/// That everybody was published, however often.
fn assert_all(published: &BTreeMap<Uuid, usize>, users: &[Uuid]) {
    let missing: Vec<_> = users.iter().filter(|user| !published.contains_key(user)).collect();
    assert!(missing.is_empty(), "{} of {} missing", missing.len(), users.len());
    assert_eq!(published.len(), users.len());
}

#[tokio::test(start_paused = true)]
async fn everybody_of_a_week_is_published_within_the_share_of_the_quota_while_a_producer_polls() {
    let world = world();
    let users = world.past_sign_ups(5_000, WEEK);
    let mut producer = world.producer().await;
    let record = Disk::default();
    let stop = Shutdown::new();
    let backfill = async {
        backfilled(&world, &record).await.unwrap();
        stop.request();
    };
    tokio::join!(producer.run(stop.clone()), backfill);

    assert_all(&world.topic.users(), &users);
    let asked = world.log.all();
    assert!(asked.iter().all(|(_, status)| *status == 200), "{asked:?}");
    let made: Vec<_> = asked.iter().map(|(at, _)| *at).collect();
    assert!(made.windows(QUOTA + 1).all(|run| run[QUOTA] - run[0] >= SPAN), "more than the quota");
}

#[tokio::test(start_paused = true)]
async fn killed_in_the_middle_it_goes_on_and_loses_nobody() {
    let world = World::new(|settings| settings.audit.page_size = 20);
    let users = world.past_sign_ups(3_000, WEEK);
    let record = Disk::default();
    for minutes in [1, 2, 3] {
        let killed = timeout(MINUTE * minutes, backfilled(&world, &record)).await;
        assert!(killed.is_err(), "it was to be killed in the middle");
    }
    let rest = world.backfill(a_week_ago(), &record).await.unwrap().step();
    assert!(rest.reached > a_week_ago() + DAY, "{}", rest.reached);
    let published = backfilled(&world, &record).await.unwrap();
    assert!(published < 3_000, "what was done is not done again");
    assert_all(&world.topic.users(), &users);
    let repeats = world.topic.messages().len() - users.len();
    assert!(repeats < 400, "only the slices that were broken off are repeated: {repeats}");

    assert_eq!(backfilled(&world, &record).await, Ok(0), "and then it is done");
}

#[tokio::test(start_paused = true)]
async fn nobody_but_those_who_signed_up_and_are_still_there_is_published() {
    let world = world();
    let users = world.past_sign_ups(50, DAY);
    for kind in [Kind::AdminMade, Kind::OtherApp, Kind::Failed] {
        world.sandbox.sign_up(NewSignUp { kind, at: Some(START - DAY / 2), ..NewSignUp::default() });
    }
    let deleted_after = Some(MINUTE);
    for at in [START - DAY / 3, START - DAY / 4] {
        world.sandbox.sign_up(NewSignUp { at: Some(at), deleted_after, ..NewSignUp::default() });
    }
    let mut backfill = world.backfill(a_week_ago(), &Disk::default()).await.unwrap();
    let mut told = Vec::new();
    backfill.run(&Shutdown::new(), &mut |step| told.push(step.fraction)).await.unwrap();

    assert_eq!(world.topic.users(), once(users));
    let step = backfill.step();
    assert_eq!((step.recognised, step.published, step.gone), (52, 50, 2));
    assert!(told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_user_who_can_not_be_read_yet_is_waited_for() {
    let world = world();
    let slow =
        NewSignUp { at: Some(START - MINUTE), replication_lag: Some(6 * MINUTE), ..NewSignUp::default() };
    let user = world.sandbox.sign_up(slow);
    assert_eq!(backfilled(&world, &Disk::default()).await, Ok(1));
    assert_eq!(world.topic.users(), once([user]));
}

#[tokio::test(start_paused = true)]
async fn a_count_publishes_nobody_and_reads_no_user() {
    let world = world();
    world.past_sign_ups(500, WEEK);
    world.sandbox.faults().next(Target::Call(Call::Batch), 1, FaultKind::Hang);
    let backfill = world.backfill(a_week_ago(), &Disk::default()).await.unwrap();
    let mut backfill = backfill.counting_only();
    backfill.run(&Shutdown::new(), &mut |_| {}).await.unwrap();
    assert_eq!((backfill.step().recognised, backfill.step().published), (500, 0));
    assert!(world.topic.messages().is_empty());
    assert_eq!(world.sandbox.faults().injected(), 0, "no user was asked for");
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_the_way_stops_it_and_the_same_command_goes_on() {
    let world = world();
    let users = world.past_sign_ups(1_000, WEEK);
    let record = Disk::default();
    world.topic.set_room(400);
    assert_eq!(backfilled(&world, &record).await, Err(Held::Bus(BusError::Full)));
    world.topic.set_room(usize::MAX);
    world.sandbox.faults().next(Target::Call(Call::ListAudits), 1, FaultKind::Status(403));
    assert!(matches!(backfilled(&world, &record).await, Err(Held::AuditLog(_))));
    backfilled(&world, &record).await.unwrap();
    assert_all(&world.topic.users(), &users);
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_stops_soon() {
    let world = world();
    world.past_sign_ups(1_000, WEEK);
    let mut backfill = world.backfill(a_week_ago(), &Disk::default()).await.unwrap();
    world.sandbox.faults().next(Target::Call(Call::ListAudits), 1, FaultKind::Hang);
    let (stop, mut nobody) = (Shutdown::new(), |_: &Step| {});
    let soon = async {
        sleep(Duration::from_secs(1)).await;
        stop.request();
    };
    let began = Instant::now();
    let (ended, ()) = tokio::join!(backfill.run(&stop, &mut nobody), soon);
    assert_eq!(ended, Err(Held::Stopping));
    assert!(began.elapsed() <= Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_longer_past_than_an_earlier_run_had_is_asked_for_by_name() {
    let world = world();
    let record = Disk::default();
    world.backfill(START - DAY, &record).await.unwrap();
    let refused = world.backfill(a_week_ago(), &record).await.map(drop);
    assert_eq!(refused, Err(BackfillError::BeganLater { began: START - DAY }));
}
