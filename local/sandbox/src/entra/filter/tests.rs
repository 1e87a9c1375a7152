use time::macros::datetime;

use super::*;

fn entry() -> AuditEntry {
    let json = serde_json::json!({
        "id": "Directory_1",
        "activityDisplayName": "Add user",
        "correlationId": "c-1",
        "loggedByService": "Core Directory",
        "initiatedBy": {"user": null, "app": {"appId": "a-1", "displayName": "Sign-up"}},
        "targetResources": [{"id": "u-1", "displayName": null}, {"id": "u-2", "displayName": "Ada's"}],
    });
    let at = datetime!(2026-01-01 12:00 UTC);
    AuditEntry { at, visible_at: at, json }
}

#[test]
fn every_condition_of_the_reference_is_understood() {
    for (filter, expected) in [
        ("activityDateTime ge 2026-01-01T12:00:00Z", true),
        ("activityDateTime le 2026-01-01T12:00:00.0000000Z", true),
        ("activityDateTime ge 2026-01-01T12:00:00.0000001Z", false),
        ("activityDateTime eq 2026-01-01T13:00:00+01:00", true),
        ("activityDateTime le 2026-01-01", false),
        ("activityDisplayName eq 'Add user'", true),
        ("activityDisplayName eq 'add user'", false),
        ("startswith(activityDisplayName,'Add')", true),
        ("correlationId eq 'c-1' and id eq 'Directory_1'", true),
        ("correlationId eq 'c-1' and id eq 'Directory_2'", false),
        ("loggedByService eq 'Core Directory'", true),
        ("initiatedBy/app/appId eq 'a-1'", true),
        ("initiatedBy/user/id eq 'a-1'", false),
        ("targetResources/any(t: t/id eq 'u-2')", true),
        ("targetResources/any(t:t/displayName eq 'Ada''s')", true),
        ("targetResources/any(x: startswith(x/displayName, 'Bob'))", false),
        (
            "(activityDateTime ge 2026-01-01 and loggedByService eq 'Core Directory') and id eq 'Directory_1'",
            true,
        ),
    ] {
        let matches = Filter::parse(filter).map(|filter| filter.matches(&entry()));
        assert_eq!(matches, Ok(expected), "{filter}");
    }
}

#[test]
fn anything_else_is_refused() {
    for filter in [
        "",
        "category eq 'UserManagement'",
        "result eq 'success'",
        "activityDateTime gt 2026-01-01T00:00:00Z",
        "activityDateTime lt 2026-01-01T00:00:00Z",
        "activityDateTime ge '2026-01-01T00:00:00Z'",
        "activityDateTime ge 2026-01-01T00:00:00 00:00",
        "activityDateTime ge yesterday",
        "activityDisplayName ne 'Add user'",
        "activityDisplayName eq Add",
        "activityDisplayName eq 'Add user",
        "startswith(correlationId,'c')",
        "activityDisplayName eq 'Add user' or id eq 'x'",
        "activityDisplayName eq 'Add user' and",
        "(id eq 'x'",
        "id eq 'x')",
        "targetResources/any(t: t/type eq 'User')",
        "id eq 'x' \u{1f3ad}",
    ] {
        assert!(Filter::parse(filter).is_err(), "{filter}");
    }
}
