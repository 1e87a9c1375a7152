use serde_json::{Value, json};
use usher_http::FailureClass;

use super::*;

fn field(name: &str, length: usize) -> Value {
    json!({
        "name": name, "type": "string", "length": length, "createable": true, "updateable": true,
        "nillable": true, "defaultedOnCreate": false, "externalId": false, "unique": false,
    })
}

/// A contact as the built-in mapping wants it, changed.
fn contact(change: impl Fn(&mut Value)) -> Description {
    let mut contact = json!({
        "name": "Contact", "createable": true, "updateable": true, "urls": {},
        "fields": [
            field("Id", 18), field("FirstName", 40), field("LastName", 80), field("Email", 80),
            field("UsherUserId__c", 36), field("OwnerId", 18),
        ],
    });
    let fields = &mut contact["fields"];
    fields[0]["createable"] = json!(false);
    fields[0]["nillable"] = json!(false);
    fields[2]["nillable"] = json!(false);
    fields[4]["externalId"] = json!(true);
    fields[4]["unique"] = json!(true);
    fields[5]["nillable"] = json!(false);
    fields[5]["defaultedOnCreate"] = json!(true);
    change(&mut contact);
    serde_json::from_value(contact).unwrap()
}

fn mapping(fields: &str) -> Mapping {
    let text = format!("object = \"Contact\"\nexternal_id = \"usheruserid__c\"\n[fields]\n{fields}");
    text.parse().unwrap()
}

#[test]
fn an_object_that_has_what_the_mapping_names_is_taken() {
    let contact = contact(|_| ());
    assert_eq!(contact.check(&Mapping::default()), Ok(()));
    assert_eq!(contact.check(&mapping("lastname = \"surname\"")), Ok(()), "capitals make no difference");
    assert!(contact.is_unique("usheruserid__c"));
}

#[test]
fn what_stands_in_the_way_is_named() {
    type Row = (fn(&mut Value), Fault, &'static str);
    let rows: [Row; 9] = [
        (|it| it["createable"] = json!(false), Fault::Rights, "no right to create and edit Contact"),
        (|it| it["updateable"] = json!(false), Fault::Rights, "no right to create and edit Contact"),
        (
            |it| it["fields"][4]["name"] = json!("Else__c"),
            Fault::Mapping,
            "UsherUserId__c does not exist or is hidden",
        ),
        (
            |it| it["fields"][4]["externalId"] = json!(false),
            Fault::Mapping,
            "UsherUserId__c is no external id",
        ),
        (|it| it["fields"][4]["createable"] = json!(false), Fault::Mapping, "UsherUserId__c is read-only"),
        (
            |it| it["fields"][1]["name"] = json!("Else__c"),
            Fault::Mapping,
            "FirstName does not exist or is hidden",
        ),
        (|it| it["fields"][1]["updateable"] = json!(false), Fault::Mapping, "FirstName is read-only"),
        (|it| it["fields"][1]["length"] = json!(39), Fault::Mapping, "FirstName holds 39: set its max"),
        (|it| it["fields"][5]["defaultedOnCreate"] = json!(false), Fault::Mapping, "OwnerId is required"),
    ];
    for (change, fault, name) in rows {
        let failed = contact(change).check(&Mapping::default()).unwrap_err();
        assert_eq!((failed.fault, failed.failure.code.as_deref()), (fault, Some(name)));
    }
}

#[test]
fn a_mistake_in_the_mapping_ends_the_start_and_names_the_setting() {
    let down =
        contact(|_| ()).check(&mapping("Shoes__c = \"appId\"\nLastName = \"surname\"")).unwrap_err().down();
    assert_eq!((down.setting, down.failure.class), ("SALESFORCE_MAPPING", FailureClass::Refused));
    let down = contact(|it| it["createable"] = json!(false)).check(&Mapping::default()).unwrap_err().down();
    assert_eq!((down.setting, down.failure.class), ("SALESFORCE_USERNAME", FailureClass::Unauthorized));
}

#[test]
fn an_external_id_that_is_not_unique_will_do() {
    let contact = contact(|it| it["fields"][4]["unique"] = json!(false));
    assert_eq!(contact.check(&Mapping::default()), Ok(()));
    assert!(!contact.is_unique("UsherUserId__c"));
}
