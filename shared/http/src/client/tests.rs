use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A client whose calls take a second each, and the most that ran at once.
fn slow_client() -> (HttpClient, Arc<AtomicUsize>) {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let service = tower::service_fn(move |_: Request| {
        let (running, most) = (running.clone(), most.clone());
        async move {
            most.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
            sleep(SECOND).await;
            running.fetch_sub(1, Relaxed);
            Ok(Response::default())
        }
    });
    (HttpClient::new(service), seen)
}

async fn get(client: HttpClient) {
    client.send_with_retries(Request::default()).await.unwrap();
}

async fn post(client: HttpClient) {
    let mut request = Request::default();
    *request.method_mut() = http::Method::POST;
    client.send(request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_run_at_once_than_there_are_connections_whichever_clone_makes_them() {
    let (client, most) = slow_client();
    let client = client.with_connections(10);
    let start = Instant::now();
    let calls = (0..30).map(|_| client.clone());
    tokio::join!(join_all(calls.clone().map(get)), join_all(calls.map(post)));
    assert_eq!((most.load(Relaxed), start.elapsed()), (10, 6 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_connection_is_no_part_of_a_calls_time() {
    let (client, _) = slow_client();
    let client = client.with_timeout(2 * SECOND).with_connections(1);
    let start = Instant::now();
    tokio::join!(join_all(vec![get(client.clone()), get(client.clone()), get(client.clone())]), async {
        post(client.clone()).await;
        post(client.clone()).await;
    });
    assert_eq!(start.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_gives_its_place_back() {
    let (client, _) = slow_client();
    let client = client.with_connections(1);
    let given_up = tokio::time::timeout(SECOND / 2, get(client.clone())).await;
    assert!(given_up.is_err());
    let start = Instant::now();
    get(client).await;
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn without_a_bound_any_number_runs_and_none_is_taken_for_one() {
    let (client, most) = slow_client();
    join_all((0..30).map(|_| get(client.clone()))).await;
    assert_eq!(most.load(Relaxed), 30);
    let start = Instant::now();
    let one = client.with_connections(0);
    tokio::join!(get(one.clone()), get(one));
    assert_eq!(start.elapsed(), 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn how_many_of_the_connections_were_in_use_can_be_read() {
    let (client, _) = slow_client();
    assert_eq!(client.quota("mailchimp").used(), None, "any number may run at once");
    let client = client.with_connections(4);
    let quota = client.quota("mailchimp");
    join_all((0..3).map(|_| get(client.clone()))).await;
    assert_eq!(quota.used(), Some(0.75));
}
