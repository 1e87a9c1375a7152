use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::Method;
use tokio::time::Instant;

use super::*;

type Answer = Result<Response, TransportError>;

/// A client whose n-th call is answered by `answer(n)`, and how many calls there were.
fn client(answer: fn(usize) -> Answer) -> (HttpClient, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let service = tower::service_fn(move |_: Request| {
        let n = counted.fetch_add(1, Ordering::Relaxed) + 1;
        async move { answer(n) }
    });
    (HttpClient::new(service), calls)
}

fn status(code: u16) -> Answer {
    Ok::<_, Infallible>(http::Response::builder().status(code).body(Bytes::new()).unwrap())
        .map_err(|never| match never {})
}

fn request(method: Method) -> Request {
    http::Request::builder().method(method).uri("https://example.com/").body(Bytes::new()).unwrap()
}

async fn get(client: &HttpClient) -> Result<u16, TransportError> {
    client.send_with_retries(request(Method::GET)).await.map(|response| response.status().as_u16())
}

#[tokio::test(start_paused = true)]
async fn a_get_survives_a_dropped_connection_and_a_restarting_gateway() {
    let (client, calls) = client(|n| match n {
        1 => Err(TransportError::Broken),
        2 => status(503),
        _ => status(200),
    });
    assert_eq!(get(&client).await, Ok(200));
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_is_returned_when_it_stays_bad() {
    let (client, calls) = client(|_| status(502));
    assert_eq!(get(&client).await, Ok(502));
    assert_eq!(calls.load(Ordering::Relaxed), 1 + RETRIES);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_have_taken_effect_is_never_repeated() {
    let (client, calls) = client(|_| Err(TransportError::Broken));
    let answer = client.send_with_retries(request(Method::POST)).await;
    assert_eq!(answer.unwrap_err(), TransportError::Broken);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_says_when_to_come_back_is_the_callers() {
    let (client, calls) = client(|_| {
        let answer = http::Response::builder().status(503).header(RETRY_AFTER, "7");
        Ok(answer.body(Bytes::new()).unwrap())
    });
    assert_eq!(get(&client).await, Ok(503));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn all_attempts_together_take_no_longer_than_one_call_may() {
    let slow = tower::service_fn(|_: Request| async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        status(503)
    });
    let client = HttpClient::new(slow);
    let start = Instant::now();
    assert_eq!(get(&client).await, Err(TransportError::Timeout));
    assert_eq!(start.elapsed(), HttpClient::TIMEOUT);
}
