use usher_http::FailureClass::{Refused, Transient, Unauthorized};

use super::*;
use crate::testing::{Asked, TENANT, USER, answer, graph};

const NAME: &str = "com.example.usher";

/// What comes of setting the extension where the creation and the change are answered so, and what was asked.
async fn set(made: (u16, Value), changed: (u16, Value)) -> (Result<(), GraphError>, Asked) {
    let (graph, asked) =
        graph(move |n| if n == 1 { answer(made.0, &made.1) } else { answer(changed.0, &changed.1) });
    let properties = Map::from_iter([("stripeCustomerId".to_owned(), json!("cus_1"))]);
    (graph.set_open_extension(USER, NAME, properties).await, asked)
}

fn error(code: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message } })
}

fn methods(asked: &Asked) -> Vec<String> {
    asked.all().iter().map(|request| request.method().to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_extension_is_made_with_its_name_and_its_properties() {
    let (set, asked) = set((201, json!({ "id": NAME })), (500, json!({}))).await;
    set.unwrap();
    assert_eq!(asked.urls(), [format!("https://graph.microsoft.com/v1.0/users/{USER}/extensions")]);
    let sent: Value = serde_json::from_slice(asked.all()[0].body()).unwrap();
    let expected = json!({
        "@odata.type": "microsoft.graph.openTypeExtension", "extensionName": NAME, "stripeCustomerId": "cus_1",
    });
    assert_eq!(sent, expected);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_there_is_changed() {
    let (set, asked) = set((409, error("Conflict", "")), (204, Value::Null)).await;
    set.unwrap();
    assert_eq!(methods(&asked), ["POST", "PATCH"]);
    assert_eq!(asked.urls()[1], format!("https://graph.microsoft.com/v1.0/users/{USER}/extensions/{NAME}"));
    let sent: Value = serde_json::from_slice(asked.all()[1].body()).unwrap();
    let expected = json!({ "@odata.type": "microsoft.graph.openTypeExtension", "stripeCustomerId": "cus_1" });
    assert_eq!(sent, expected);
}

#[tokio::test(start_paused = true)]
async fn each_answer_to_a_creation_says_whether_it_is_there_or_what_is_wrong() {
    let there = "An extension already exists with given id.";
    let rows = [
        (200, "", "", Ok(1)),
        (201, "", "", Ok(1)),
        (400, "Request_BadRequest", there, Ok(2)),
        (409, "Request_Conflict", there, Ok(2)),
        (409, "", "", Ok(2)),
        (409, "Directory_ConcurrencyViolation", "", Err(Transient)),
        (400, "Directory_ConcurrencyViolation", "", Err(Transient)),
        (400, "Request_BadRequest", "Invalid extension name.", Err(Refused)),
        (403, "Authorization_RequestDenied", there, Err(Unauthorized)),
        (404, "Request_ResourceNotFound", "", Err(Refused)),
        (429, "TooManyRequests", "", Err(Transient)),
        (500, "", there, Err(Transient)),
        (503, "ServiceUnavailable", "", Err(Transient)),
    ];
    for (status, code, message, expected) in rows {
        let (set, asked) = set((status, error(code, message)), (204, Value::Null)).await;
        let found = set.map(|()| asked.urls().len()).map_err(|error| Failure::from(error).class);
        assert_eq!(found, expected, "{status} {code} {message}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_there_and_can_not_be_found_is_waited_for_and_a_user_who_can_not_is_told() {
    let gone = |id: &str| {
        let rest = "does not exist or one of its queried reference-property objects are not present.";
        (404, error("Request_ResourceNotFound", &format!("Resource '{id}' {rest}")))
    };
    for extension in [gone(NAME), gone(&TENANT.to_string()), (404, Value::Null)] {
        let (set, _) = set((409, Value::Null), extension).await;
        assert!(matches!(set, Err(GraphError::Transient(_))), "{set:?}");
    }
    let (set, _) = set((409, Value::Null), gone(&USER.to_string())).await;
    assert!(matches!(set, Err(GraphError::NotFound(_))), "{set:?}");
}

#[test]
fn a_name_is_a_domain_in_reverse_and_not_microsofts() {
    for good in ["com.example.usher", "org.example-seats.Usher_2"] {
        assert_eq!(open_extension_name(good), Ok(good.to_owned()));
    }
    let long = format!("com.{}", "x".repeat(LONGEST_NAME));
    for wrong in ["", "usher", "com..usher", ".com.usher", "com.example/usher", "com.ex ample", &long] {
        assert!(open_extension_name(wrong).is_err(), "{wrong}");
    }
    for reserved in ["com.microsoft.usher", "Com.OnMicrosoft", "com.onmicrosoft.seats"] {
        assert!(open_extension_name(reserved).is_err(), "{reserved}");
    }
    assert!(open_extension_name("com.microsofts.usher").is_ok());
}
