//! `usher-producer functions`, called as the Functions host calls its custom handler.
//!
//! The host itself can't be had from a package registry: `azure-functions-core-tools` only downloads it from elsewhere. What
//! it sends and what it makes of an answer is taken from its source (`DefaultHttpWorkerService`): a ping of the root, to
//! which any answer will do, then posts of `Data` and `Metadata` to the function's name.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use usher_http::{HttpClient, HttpSettings};
use usher_sandbox::SIGN_UP_APP_ID;
use usher_tests::processes::{Options, Process, Program, World, eventually};

/// How long the host waits for an answer: here as long as it takes a poll to find no broker, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the host's timer has to say.
fn fired() -> Value {
    json!({
        "Data": {
            "timer": {
                "Schedule": { "AdjustForDST": true },
                "ScheduleStatus": {
                    "Last": "2026-01-01T12:00:00+00:00", "LastUpdated": "2026-01-01T12:00:00+00:00",
                    "Next": "2026-01-01T12:00:30+00:00"
                },
                "IsPastDue": false
            }
        },
        "Metadata": {
            "sys": {
                "MethodName": "sign-ups", "UtcNow": "2026-01-01T12:00:00.0000000Z",
                "RandGuid": "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d"
            }
        }
    })
}

/// The Functions host, as far as its custom handler sees it.
struct Host {
    http: HttpClient,
    url: String,
}

impl Host {
    async fn of(handler: &Process) -> Self {
        let url = format!("http://{}", handler.announced("functions"));
        let http = HttpSettings::default().client().unwrap().with_timeout(PATIENCE);
        let host = Self { http, url };
        let (status, _) = host.ask("GET", "/", String::new()).await;
        assert!(status < 500, "any answer is a sign of life");
        host
    }

    /// The timer fires; the status, and the line that the host shows.
    async fn fires(&self) -> (u16, String) {
        let (status, answer) = self.ask("POST", "/sign-ups", fired().to_string()).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&answer["Outputs"], &answer["ReturnValue"]), (&json!({}), &Value::Null));
        (status, answer["Logs"][0].as_str().unwrap().to_owned())
    }

    async fn ask(&self, method: &str, path: &str, body: String) -> (u16, String) {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json; charset=utf-8")
            .header("user-agent", "Azure-Functions-Host/4.1042.100.0")
            .header("x-azure-functions-hostversion", "4.1042.100.0")
            .header("x-azure-functions-invocationid", "1b4e28ba-2fa1-41d2-883f-0016d3cca427");
        let answer = self.http.send(request.body(Bytes::from(body)).unwrap()).await.unwrap();
        (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
    }
}

/// The producer as the host starts it.
fn handler(world: &World) -> Program {
    world.producer().args(["functions"]).with("FUNCTIONS_CUSTOMHANDLER_PORT", "0")
}

#[tokio::test]
async fn each_time_the_timer_fires_the_log_is_polled_once_and_the_host_is_told_what_came_of_it() {
    let world = World::start(Options::default()).await;
    let mut handler = handler(&world).start().await;
    let host = Host::of(&handler).await;
    let _billing = world.billing().start().await;
    for sign_ups in 1..=3 {
        world.control.sign_up().await;
        let (status, line) = host.fires().await;
        assert_eq!(status, 200, "{line}");
        assert!(line.starts_with("1 sign-ups published, the audit log read up to 2"), "{line}");
        eventually("each effect shows once", async || {
            world.control.shows_each_effect_once(sign_ups).await.then_some(())
        })
        .await;
    }
    let (status, line) = host.fires().await;
    assert!(status == 200 && line.starts_with("0 sign-ups published"), "{status} {line}");

    let ended = handler.terminate().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(fs::read_to_string(world.checkpoint()).unwrap().contains("watermark"));
}

#[tokio::test]
async fn a_poll_that_fails_is_a_call_that_failed_and_the_next_one_does_its_work() {
    let mut world = World::start(Options::default()).await;
    let handler = handler(&world).start().await;
    let host = Host::of(&handler).await;
    world.broker.kill().await;
    world.control.sign_up().await;

    let (status, line) = host.fires().await;
    assert_eq!(status, 500, "{line}");
    assert!(line.contains("broker"), "{line}");
    assert!(handler.stderr().contains("the poll failed"), "the host shows what is said on standard error");

    world.restart_broker().await;
    let _billing = world.billing().start().await;
    eventually("it goes on", async || (host.fires().await.0 == 200).then_some(())).await;
    eventually("the effect shows", async || world.control.shows_each_effect_once(1).await.then_some(()))
        .await;
}

#[tokio::test]
async fn a_call_while_another_is_under_way_has_nothing_to_do() {
    let world = World::start(Options::default()).await;
    let handler = handler(&world).start().await;
    let host = Host::of(&handler).await;
    assert_eq!(host.fires().await.0, 200);
    world.sandbox.freeze().await;

    let second = async {
        world.counts(&handler, "the first is under way", |counts| counts.of("triggers") == 2).await;
        let answer = host.fires().await;
        world.sandbox.thaw().await;
        answer
    };
    let ((first, _), (second, line)) = tokio::join!(host.fires(), second);

    assert_eq!((first, second), (200, 200), "{line}");
    assert!(line.contains("under way"), "{line}");
}

#[tokio::test]
async fn beside_a_producer_that_works_there_is_nothing_to_do() {
    let world = World::start(Options::default()).await;
    let _producer = world.producer().start().await;
    let handler = handler(&world).start().await;
    let (status, line) = Host::of(&handler).await.fires().await;
    assert_eq!(status, 200, "{line}");
    assert!(line.contains("another producer works"), "{line}");
}

#[tokio::test]
async fn what_the_host_does_not_send_is_no_call_and_settings_that_are_wrong_are_named_at_the_start() {
    let world = World::start(Options::default()).await;
    let process = handler(&world).start().await;
    let host = Host::of(&process).await;
    assert_eq!(host.ask("POST", "/sign-ups", "{}".to_owned()).await.0, 400);
    assert_eq!(host.ask("GET", "/sign-ups", String::new()).await.0, 405);

    for (program, name) in [
        (handler(&world).without("FUNCTIONS_CUSTOMHANDLER_PORT"), "FUNCTIONS_CUSTOMHANDLER_PORT"),
        (handler(&world).with("SIGNUP_ACTORS", ""), "SIGNUP_ACTORS"),
        (handler(&world).with("SERVICEBUS_CONNECTION_STRING", "hush"), "SERVICEBUS_CONNECTION_STRING"),
        (handler(&world).with("CHECKPOINT", "ftp://x/y/z"), "CHECKPOINT"),
    ] {
        let output = program.run().await;
        assert_eq!((output.code, output.stdout.as_str()), (Some(64), ""), "{output:?}");
        assert!(output.stderr.contains(name), "{name}: {output:?}");
    }
}

fn infra(file: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/functions").join(file);
    serde_json::from_str(&fs::read_to_string(&file).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

#[tokio::test]
async fn the_files_to_deploy_start_what_is_there_and_with_settings_that_it_has() {
    let host = infra("host.json");
    let handler = &host["customHandler"]["description"];
    assert_eq!(handler["defaultExecutablePath"], "usher-producer");
    assert_eq!(handler["arguments"], json!(["functions"]));
    assert_eq!(host["customHandler"]["enableForwardingHttpRequest"], false);
    // A minute more than a poll may take.
    assert_eq!(host["functionTimeout"], "00:05:00");
    let function = infra("sign-ups/function.json");
    let trigger = &function["bindings"][0];
    assert_eq!((&trigger["type"], &trigger["direction"]), (&json!("timerTrigger"), &json!("in")));

    let world = World::start(Options::default()).await;
    let sample = infra("local.settings.sample.json");
    let values = sample["Values"].as_object().unwrap();
    let help = Program::new("usher-producer", world.home()).args(["--help"]).run().await.stdout;
    let of_the_host = ["AzureWebJobsStorage", "FUNCTIONS_WORKER_RUNTIME", "SIGN_UPS_SCHEDULE"];
    let words: Vec<_> = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    for name in values.keys().filter(|name| !of_the_host.contains(&name.as_str())) {
        assert!(words.contains(&name.as_str()), "{name} is no setting of the producer");
    }

    // The sample is whole: with a broker and a tenant of our own in it, it starts.
    let mut program = handler_of_sample(&world);
    for (name, value) in values {
        let ours = ["ENTRA_", "SERVICEBUS_", "CHECKPOINT", "SIGNUP_ACTORS"];
        if !ours.iter().any(|prefix| name.starts_with(prefix)) {
            program = program.with(name, value.as_str().unwrap());
        }
    }
    let process = program.start().await;
    let fired =
        tokio::time::timeout(Duration::from_secs(30), async { Host::of(&process).await.fires().await });
    let (status, line) = fired.await.unwrap();
    assert_eq!(status, 200, "{line}");
}

/// The handler with those settings that name a tenant and a broker, and none beside.
fn handler_of_sample(world: &World) -> Program {
    handler(world)
        .without("POLL_INTERVAL")
        .without("START_FROM")
        .without("EVENT_ATTRIBUTES")
        .with("SIGNUP_ACTORS", SIGN_UP_APP_ID.to_string())
}
