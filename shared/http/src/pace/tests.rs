use std::time::Duration;

use futures_util::future::join_all;
use tokio::{task::JoinSet, time::timeout};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn pace(per_second: u32) -> Pace {
    Pace::per_second(count(per_second))
}

/// So many ask at once; who got a turn when, in the order of the turns.
async fn crowd(pace: &Pace, callers: usize) -> Vec<(usize, Duration)> {
    let start = Instant::now();
    let (told, mut turns) = tokio::sync::mpsc::unbounded_channel();
    let mut crowd: JoinSet<()> = (0..callers)
        .map(|caller| {
            let (pace, told) = (pace.clone(), told.clone());
            async move {
                pace.turn().await;
                told.send((caller, start.elapsed())).unwrap();
            }
        })
        .collect();
    while crowd.join_next().await.is_some() {}
    drop(told);
    let mut order = vec![];
    while let Some(turn) = turns.recv().await {
        order.push(turn);
    }
    order
}

/// The most turns within any span of this length.
fn most_within(turns: &[(usize, Duration)], span: Duration) -> usize {
    let within =
        |first: usize| turns[first..].iter().take_while(|(_, at)| *at < turns[first].1 + span).count();
    (0..turns.len()).map(within).max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_turns_at_twenty_a_second_take_five_hundred_seconds() {
    let turns = crowd(&pace(20), 10_000).await;
    let took = turns.last().unwrap().1;
    assert_eq!(turns.len(), 10_000);
    assert!(took > 499 * SECOND && took <= 500 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn turns_come_in_the_order_in_which_they_were_asked_for() {
    let turns = crowd(&pace(20), 1_000).await;
    assert!(turns.is_sorted_by_key(|(caller, _)| *caller));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_burst_comes_at_once_and_no_more_than_that_above_the_rate_in_any_second() {
    for (per_second, burst) in [(1, 1), (6, 1), (18, 1), (20, 2), (80, 8), (1_000, 100)] {
        let pace = pace(per_second);
        for rest in [Duration::ZERO, SECOND / 3, 3600 * SECOND] {
            tokio::time::sleep(rest).await;
            let turns = crowd(&pace, 300).await;
            let at_once = most_within(&turns, Duration::from_nanos(1));
            assert!(at_once <= burst, "{per_second} a second: {at_once} at once");
            let in_a_second = most_within(&turns, SECOND);
            assert!(in_a_second <= per_second as usize + burst, "{per_second} a second: {in_a_second}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rest_saves_up_no_more_than_the_burst() {
    let pace = pace(20);
    tokio::time::sleep(3600 * SECOND).await;
    let took = crowd(&pace, 102).await.last().unwrap().1;
    assert_eq!(took, 5 * SECOND, "two at once and the others at twenty a second");
}

#[tokio::test(start_paused = true)]
async fn clones_share_the_turns() {
    let one = pace(20);
    let other = one.clone();
    let start = Instant::now();
    tokio::join!(crowd(&one, 100), crowd(&other, 100));
    assert_eq!(start.elapsed(), Duration::from_millis(9_900));
}

#[tokio::test(start_paused = true)]
async fn several_turns_take_as_long_as_one_by_one_and_nobody_behind_them_goes_first() {
    let pace = pace(20);
    let start = Instant::now();
    let several = async {
        pace.turns(count(20)).await;
        start.elapsed()
    };
    let behind = async {
        pace.turn().await;
        start.elapsed()
    };
    let (several, behind) = tokio::join!(several, behind);
    assert_eq!((several.as_millis(), behind.as_millis()), (900, 950));
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_holds_up_nobody() {
    let pace = pace(1);
    pace.turn().await;
    let start = Instant::now();
    let impatient = (0..50).map(|_| timeout(SECOND / 2, pace.turn()));
    let patient = async {
        pace.turn().await;
        start.elapsed()
    };
    let (given_up, patient) = tokio::join!(join_all(impatient), patient);
    assert!(given_up.iter().all(Result::is_err));
    assert_eq!(patient, SECOND);
}

#[tokio::test(start_paused = true)]
async fn how_much_is_used_and_how_long_the_queue_is_can_be_read_meanwhile() {
    let pace = pace(20);
    let quota = pace.quota("graph-writes");
    assert_eq!((quota.used(), quota.wait()), (Some(0.0), Some(Duration::ZERO)));
    let look = async {
        tokio::time::sleep(10 * SECOND).await;
        (quota.used().unwrap(), quota.wait().unwrap())
    };
    let (_, (used, wait)) = tokio::join!(crowd(&pace, 400), look);
    assert!(used > 0.99, "{used}");
    assert!((9 * SECOND..=10 * SECOND).contains(&wait), "{wait:?}");
    assert_eq!(quota.wait(), Some(Duration::ZERO), "nobody waits any more");
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_is_no_longer_in_the_queue() {
    let pace = pace(1);
    pace.turn().await;
    assert!(timeout(SECOND / 2, pace.turn()).await.is_err());
    assert_eq!(pace.quota("stripe").wait(), Some(Duration::ZERO));
}
