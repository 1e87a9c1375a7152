use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use usher_http::{Failure, FailureClass};
use uuid::uuid;

use super::*;
use crate::testing::{Asked, USER, answer, graph};

const GROUP: Grant = Grant::Group(uuid!("11111111-0000-4000-8000-000000000001"));
const ROLE: Grant = Grant::AppRole {
    resource: uuid!("22222222-0000-4000-8000-000000000001"),
    role: uuid!("22222222-0000-4000-8000-000000000002"),
};

/// Graph that answers every batch with these inner answers.
fn answering(responses: &[Value]) -> (Graph, Asked) {
    let body = json!({ "responses": responses });
    graph(move |_| answer(200, &body))
}

fn refusal(id: &str, status: u16, code: &str, message: &str) -> Value {
    json!({ "id": id, "status": status, "body": { "error": { "code": code, "message": message } } })
}

async fn outcome(grant: Grant, status: u16, code: &str, message: &str) -> Result<(), GraphError> {
    let (graph, _) = answering(&[refusal("0", status, code, message)]);
    graph.grant(USER, &[grant]).await.unwrap().remove(0).1
}

#[tokio::test(start_paused = true)]
async fn all_grants_of_a_user_go_in_one_batch() {
    let (graph, asked) = answering(&[
        json!({ "id": "1", "status": 201, "body": { "id": "an assignment" } }),
        json!({ "id": "0", "status": 204 }),
    ]);
    let granted = graph.grant(USER, &[GROUP, ROLE]).await.unwrap();
    assert_eq!(granted, [(GROUP, Ok(())), (ROLE, Ok(()))]);
    assert_eq!(asked.urls(), ["https://graph.microsoft.com/v1.0/$batch"]);
    let sent: Value = serde_json::from_slice(asked.all()[0].body()).unwrap();
    let headers = json!({ "Content-Type": "application/json" });
    assert_eq!(
        sent["requests"],
        json!([
            {
                "id": "0", "method": "POST", "headers": headers,
                "url": "/groups/11111111-0000-4000-8000-000000000001/members/$ref",
                "body": { "@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{USER}") },
            },
            {
                "id": "1", "method": "POST", "headers": headers,
                "url": format!("/users/{USER}/appRoleAssignments"),
                "body": {
                    "principalId": USER,
                    "resourceId": "22222222-0000-4000-8000-000000000001",
                    "appRoleId": "22222222-0000-4000-8000-000000000002",
                },
            },
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_user_has_already_is_a_success() {
    const MEMBER: &str =
        "One or more added object references already exist for the following modified properties: 'members'.";
    const ASSIGNED: &str = "Permission being assigned already exists on the object";
    let code = "Request_BadRequest";
    assert_eq!(outcome(GROUP, 400, code, MEMBER).await, Ok(()));
    assert_eq!(outcome(ROLE, 400, code, ASSIGNED).await, Ok(()));
    for status in [400, 409] {
        let same = "Request_MultipleObjectsWithSameKeyValue";
        assert_eq!(outcome(ROLE, status, same, "EntitlementGrant entry already exists.").await, Ok(()));
    }
    assert!(
        outcome(GROUP, 400, code, ASSIGNED).await.is_err(),
        "the word for a role says nothing of a group"
    );
    assert!(outcome(ROLE, 400, code, MEMBER).await.is_err());
    assert!(outcome(GROUP, 403, code, MEMBER).await.is_err(), "another status is another matter");
}

#[tokio::test(start_paused = true)]
async fn each_inner_answer_has_its_class() {
    use FailureClass::{Refused, Transient, Unauthorized};
    let rows = [
        (400, "Request_BadRequest", Refused),
        (401, "InvalidAuthenticationToken", Unauthorized),
        (403, "Authorization_RequestDenied", Unauthorized),
        (404, "Request_ResourceNotFound", Refused),
        (409, "Request_MultipleObjectsWithSameKeyValue", Transient),
        (400, "Directory_ConcurrencyViolation", Transient),
        (424, "FailedDependency", Refused),
        (429, "TooManyRequests", Transient),
        (500, "InternalServerError", Transient),
        (503, "ServiceUnavailable", Transient),
        (504, "", Transient),
        (7, "", Transient),
    ];
    for grant in [GROUP, ROLE] {
        for (status, code, class) in rows {
            let failure = Failure::from(outcome(grant, status, code, "ada@example.com").await.unwrap_err());
            assert_eq!(failure.class, class, "{status} {code}");
            assert!(!failure.to_string().contains("ada"), "{failure}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_told_apart() {
    let missing =
        async |grant, status, message: String| match outcome(grant, status, "Request", &message).await {
            Err(GraphError::NotFound(missing)) => missing.id,
            other => panic!("{other:?}"),
        };
    let gone = |id: Uuid| {
        format!(
            "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
        )
    };
    assert_eq!(missing(GROUP, 404, gone(USER)).await, Some(USER));
    assert_eq!(missing(GROUP, 404, gone(GROUP.target())).await, Some(GROUP.target()));
    assert_eq!(missing(ROLE, 404, gone(ROLE.target())).await, Some(ROLE.target()));
    assert_eq!(missing(GROUP, 404, "Gone.".into()).await, None);
    let role =
        "Permission being assigned was not found on application '22222222-0000-4000-8000-000000000001'.";
    assert_eq!(missing(ROLE, 400, role.into()).await, Some(ROLE.target()));
}

#[tokio::test(start_paused = true)]
async fn inner_failures_leave_the_other_grants_alone() {
    let (graph, _) = answering(&[
        json!({ "id": "0", "status": 204 }),
        json!({
            "id": "1", "status": 429, "headers": { "Retry-After": "7" },
            "body": { "error": { "code": "TooManyRequests" } },
        }),
    ]);
    let third = Grant::Group(Uuid::max());
    let granted = graph.grant(USER, &[GROUP, ROLE, third]).await.unwrap();
    assert_eq!(granted[0].1, Ok(()));
    let throttled = Failure::from(granted[1].1.clone().unwrap_err());
    assert_eq!(
        (throttled.class, throttled.retry_after),
        (FailureClass::Transient, Some(Duration::from_secs(7)))
    );
    assert!(granted[2].1.as_ref().unwrap_err().is_transient(), "left out of the answer: to be tried again");
}

#[tokio::test(start_paused = true)]
async fn more_than_twenty_go_in_several_batches_at_the_pace_of_writes() {
    let done: Vec<_> = (0..20).map(|id| json!({ "id": id.to_string(), "status": 204 })).collect();
    let (graph, asked) = answering(&done);
    let graph = graph.with_writes_per_second(10.try_into().unwrap());
    let grants: Vec<_> = (0..45).map(|n| Grant::Group(Uuid::from_u128(n))).collect();
    let start = Instant::now();
    let granted = graph.grant(USER, &grants).await.unwrap();
    assert!(granted.iter().all(|(_, given)| given.is_ok()));
    assert_eq!(granted.iter().map(|(grant, _)| *grant).collect::<Vec<_>>(), grants);
    let sizes = asked.all().into_iter().map(|batch| {
        let sent: Value = serde_json::from_slice(batch.body()).unwrap();
        sent["requests"].as_array().unwrap().len()
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [20, 20, 5]);
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(4_300) && took <= Duration::from_secs(5),
        "45 at 10 a second: {took:?}"
    );
}

/// What a probe of the group finds if Graph answers so.
async fn probed(status: u16, code: &str) -> (Result<(), GraphError>, Asked) {
    let (graph, asked) = answering(&[refusal("0", status, code, "")]);
    (graph.probe_granting(&[GROUP]).await.unwrap().remove(0).1, asked)
}

#[tokio::test(start_paused = true)]
async fn the_probe_shows_what_stands_in_the_way_of_a_grant_and_that_nobody_is_nobody() {
    let (allowed, asked) = probed(404, "Request_ResourceNotFound").await;
    assert_eq!(allowed, Ok(()));
    let sent = String::from_utf8(asked.all()[0].body().to_vec()).unwrap();
    assert!(sent.contains("/directoryObjects/00000000-0000-0000-0000-000000000000"), "a user that nobody is");
    let found = async |status, code| probed(status, code).await.0;
    assert!(matches!(found(403, "Authorization_RequestDenied").await, Err(GraphError::Unauthorized(_))));
    assert!(matches!(found(400, "Request_BadRequest").await, Err(GraphError::Refused(_))));
    assert!(matches!(found(503, "ServiceUnavailable").await, Err(GraphError::Transient(_))));
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_many_grants_does_not_queue_behind_deliveries() {
    let (graph, asked) = answering(&[]);
    let graph = graph.with_writes_per_second(1.try_into().unwrap());
    let grants: Vec<_> = (0..45).map(|n| Grant::Group(Uuid::from_u128(n))).collect();
    let deliveries = graph.grant(USER, &grants);
    tokio::pin!(deliveries);
    let start = Instant::now();
    let probe = async {
        tokio::select! {
            biased;
            _ = &mut deliveries => panic!("45 writes at one a second take longer"),
            probed = graph.probe_granting(&grants) => probed.unwrap(),
        }
    };
    let probed = probe.await;
    assert_eq!(probed.iter().map(|(grant, _)| *grant).collect::<Vec<_>>(), grants);
    assert_eq!((start.elapsed(), asked.urls().len()), (Duration::ZERO, 3));
}
