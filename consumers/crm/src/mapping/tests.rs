use serde_json::{Value, json};
use usher_event::{Event, UserSignedUp};

use super::*;
use crate::testing::{COMPANY_TYPE, ada};

fn record(fields: &str, data: UserSignedUp) -> Value {
    let text = format!("object = \"Contact\"\nexternal_id = \"UsherUserId__c\"\n[fields]\n{fields}\n");
    let mapping: Mapping = text.parse().unwrap_or_else(|error| panic!("{error}: {fields}"));
    Value::Object(mapping.record(&Event::new(data)))
}

fn by_default(data: UserSignedUp) -> Value {
    Value::Object(Mapping::default().record(&Event::new(data)))
}

/// What is wrong with a text, in full.
fn problem(text: &str) -> String {
    text.parse::<Mapping>().unwrap_err().to_string()
}

#[test]
fn the_built_in_mapping_is_a_contact_by_the_users_id() {
    let mapping = Mapping::default();
    assert_eq!((mapping.object.as_str(), mapping.external_id.as_str()), ("Contact", "UsherUserId__c"));
    let expected = json!({ "FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.com" });
    assert_eq!(by_default(ada()), expected);
}

#[test]
fn a_last_name_is_always_there() {
    let some = |text: &str| Some(text.to_owned());
    for (surname, display_name, expected) in [
        (some("Lovelace"), some("Ada L."), "Lovelace"),
        (None, some("Ada L."), "Ada L."),
        (some("unknown"), some("Ada L."), "Ada L."),
        (some("\u{200b}\u{200f}"), some(" "), "[not provided]"),
        (None, some("unknown"), "[not provided]"),
        (None, None, "[not provided]"),
    ] {
        let record = by_default(UserSignedUp { surname, display_name, ..ada() });
        assert_eq!(record["LastName"], expected);
    }
}

#[test]
fn what_there_is_nothing_for_is_left_out_and_so_left_as_it_is() {
    let data = UserSignedUp { given_name: None, email: Some("  ".to_owned()), ..ada() };
    assert_eq!(by_default(data), json!({ "LastName": "Lovelace" }));
}

#[test]
fn every_source_can_fill_a_field() {
    let event_id = Event::new(ada()).id.to_string();
    for (source, expected) in [
        ("tenantId", json!(ada().tenant_id)),
        ("userId", json!(ada().user_id)),
        ("eventId", json!(event_id)),
        ("displayName", json!("Ada L.")),
        ("givenName", json!("Ada")),
        ("surname", json!("Lovelace")),
        ("email", json!("ada@example.com")),
        ("emailVerified", json!(true)),
        ("identityProvider", json!("google.com")),
        ("signedUpAt", json!("2026-03-01T09:30:00.123Z")),
        ("appId", json!("0000000a-0000-4000-8000-000000000001")),
        (COMPANY_TYPE, json!("business")),
    ] {
        assert_eq!(record(&format!("F__c = \"{source}\""), ada()), json!({ "F__c": expected }), "{source}");
    }
}

#[test]
fn whoever_signs_in_by_address_has_the_tenant_as_provider() {
    let mut data = ada();
    data.identity_providers[1].sign_in_type = "emailAddress".to_owned();
    data.identity_providers[1].issuer = Some("seats.onmicrosoft.com".to_owned());
    assert_eq!(record("F__c = \"identityProvider\"", data)["F__c"], "seats.onmicrosoft.com");
    let nobody = UserSignedUp { identity_providers: vec![], ..ada() };
    assert_eq!(record("F__c = \"identityProvider\"", nobody), json!({}));
}

#[test]
fn an_attribute_keeps_its_type_and_one_that_is_no_value_is_none() {
    for (value, expected) in [
        (json!("business"), json!({ "F__c": "business" })),
        (json!(true), json!({ "F__c": true })),
        (json!(42), json!({ "F__c": 42 })),
        (json!(" \t"), json!({})),
        (json!(null), json!({})),
        (json!(["a"]), json!({})),
        (json!({ "a": 1 }), json!({})),
    ] {
        let mut data = ada();
        data.attributes.insert(COMPANY_TYPE.to_owned(), value);
        assert_eq!(record(&format!("F__c = \"{COMPANY_TYPE}\""), data), expected);
    }
    let without = UserSignedUp { attributes: Default::default(), ..ada() };
    let fields = format!("F__c = {{ source = \"{COMPANY_TYPE}\", default = \"private\" }}");
    assert_eq!(record(&fields, without), json!({ "F__c": "private" }));
}

#[test]
fn constants_are_the_same_for_everybody() {
    let fields =
        "A__c = { value = \"Web\" }\nB__c = { value = true }\nC__c = { value = 7 }\nD__c = { value = 0.5 }";
    assert_eq!(record(fields, ada()), json!({ "A__c": "Web", "B__c": true, "C__c": 7, "D__c": 0.5 }));
}

#[test]
fn a_text_is_cleaned_and_cut_where_the_field_is_full() {
    let surname = |text: &str| by_default(UserSignedUp { surname: Some(text.to_owned()), ..ada() });
    assert_eq!(surname("Zoë\r\nBcc: x")["LastName"], "Zoë Bcc: x");
    assert_eq!(surname("\u{202e}ecalevoL\u{2069}")["LastName"], "ecalevoL");
    assert_eq!(surname(&"ż".repeat(10_000))["LastName"], "ż".repeat(80));
    assert_eq!(surname(&"👑".repeat(10_000))["LastName"], "👑".repeat(40), "two units each");
    assert_eq!(surname(&format!("{} x", "a".repeat(79)))["LastName"], "a".repeat(79), "no space at the end");
    let given_name = Some("a".repeat(10_000));
    assert_eq!(by_default(UserSignedUp { given_name, ..ada() })["FirstName"], "a".repeat(40));
}

#[test]
fn a_field_of_ones_own_says_how_much_it_holds() {
    let display_name = Some("a".repeat(10_000));
    let long = || UserSignedUp { display_name: display_name.clone(), ..ada() };
    let lengths = |fields: &str| record(fields, long())["F__c"].as_str().unwrap().len();
    assert_eq!(lengths("F__c = \"displayName\""), 255);
    assert_eq!(lengths("F__c = { source = \"displayName\", max = 12 }"), 12);
    assert_eq!(record("lastname = \"displayName\"", long())["lastname"].as_str().unwrap().len(), 80);
}

#[test]
fn an_address_is_never_cut() {
    let email = format!("{}@example.com", "a".repeat(100));
    let record = by_default(UserSignedUp { email: Some(email.clone()), ..ada() });
    assert_eq!(record["Email"], email, "Salesforce refuses it, and somebody is told");
}

#[test]
fn what_may_be_long_is_told_with_its_length() {
    let text = "object = \"Contact\"\nexternal_id = \"X__c\"\n[fields]\nA__c = \"userId\"\nB__c = { value = 1 }\n\
        C__c = { source = \"appId\", max = 36 }\nFirstName = \"givenName\"\nEmail = \"email\"\n";
    let mapping: Mapping = text.parse().unwrap();
    let fields: Vec<_> = mapping.fields().collect();
    let expected =
        [("A__c", None), ("B__c", None), ("C__c", Some(36)), ("Email", None), ("FirstName", Some(40))];
    assert_eq!(fields, expected);
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_place() {
    let with = |lines: &str| format!("object = \"Contact\"\nexternal_id = \"Id__c\"\n[fields]\n{lines}\n");
    let rows = [
        ("[fields\n".to_owned(), "1:8: unclosed table"),
        ("object = \"Contact\"\n[fields]\nA = \"email\"\n".to_owned(), "missing field `external_id`"),
        (format!("colour = 1\n{}", with("A = \"email\"")), "1:1: unknown field `colour`, expected one of"),
        (with(""), "there is no field in it"),
        (with("\"A B\" = \"email\""), "4:1: must be an API name"),
        (with("Id__c = \"userId\""), "4:1: Id__c: the external id is how the record is found"),
        (with("A = \"email\"\na = \"email\""), "5:1: a: there are two of it"),
        (with("A = \"mail\""), "4:5: A: must be givenName, surname,"),
        (with("A = 7"), "4:5: "),
        (
            with("A = { sorce = \"email\" }"),
            "4:7: A: there is no `sorce`, only `source`, `default` and `max`",
        ),
        (with("A = { source = [] }"), "4:16: A: an empty list"),
        (with("A = { source = 7 }"), "4:16: A: must be givenName, surname,"),
        (with("A = { source = \"email\", max = 0 }"), "4:31: A: must be a number of characters"),
        (
            with("A = { source = \"email\", default = [] }"),
            "4:35: A: must be a text, a number, true or false",
        ),
        (with("A = { source = \"email\", value = 1 }"), "4:5: A: `source` or `value`, not both"),
        (with("A = { value = 1, max = 3 }"), "4:5: A: a constant `value` takes no"),
        (with("A = { default = 1 }"), "4:5: A: needs a `source` or a `value`"),
        (with("A = { source = \"email\", max = 3, default = \"long\" }"), "4:5: A: the default is longer"),
    ];
    for (text, expected) in rows {
        let told = problem(&text);
        assert!(told.contains(expected) && !told.contains('\n'), "{told:?} and not {expected:?}");
    }
    let path = with("A = \"email\"").replace("Contact", "Contact/../../query");
    assert!(problem(&path).starts_with("1:10: must be an API name"), "{}", problem(&path));
}

#[test]
fn a_mistake_names_the_file_and_so_does_one_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mapping.toml");
    let path = file.to_str().unwrap();
    assert!(Mapping::read(path).unwrap_err().to_string().starts_with(&format!("{path}: can't be read: ")));
    std::fs::write(&file, "colour = 1\n").unwrap();
    assert!(Mapping::read(path).unwrap_err().to_string().starts_with(&format!("{path}:1:1: unknown field")));
    std::fs::write(&file, BUILT_IN).unwrap();
    assert_eq!(Mapping::read(path), Ok(Mapping::default()));
}
