use crate::testing::{conditions, read};

/// What is wrong with these lines, with its place.
fn problem(lines: &str) -> String {
    read(lines).unwrap_err().to_string()
}

#[test]
fn a_rule_without_a_when_is_for_everybody() {
    assert!(read("").unwrap().is_empty());
    assert!(read("self_asserted = false\n").unwrap().is_empty());
}

#[test]
fn a_condition_on_an_attribute_says_what_must_be_read() {
    let both =
        conditions(r#"{ attribute = "extension_a_Kind", equals = "x", identity_provider = "google.com" }"#);
    assert_eq!(both.attributes().collect::<Vec<_>>(), ["extension_a_Kind"]);
    assert_eq!(both.iter().count(), 2);
}

#[test]
fn whoever_builds_on_what_a_customer_asserts_has_to_say_so() {
    let attribute = r#"when = { attribute = "extension_a_Kind", equals = "business" }"#;
    let needed = "customers assert attributes of themselves: a rule on one needs `self_asserted = true`";
    assert_eq!(problem(attribute), format!("1:8: {needed}"));
    assert_eq!(problem(&format!("self_asserted = false\n{attribute}")), format!("2:8: {needed}"));
    assert!(read(&format!("self_asserted = true\n{attribute}")).is_ok());
    let misplaced = "1:17: `self_asserted` has no place here: nothing in `when` is self-asserted";
    assert_eq!(problem("self_asserted = true"), misplaced);
    assert_eq!(problem("self_asserted = true\nwhen = { email_domain = \"contoso.com\" }"), misplaced);
}

#[test]
fn what_rules_give_can_be_no_condition() {
    for key in ["group", "groups", "member_of", "app_role", "app_roles", "rule", "rules"] {
        let problem = problem(&format!("when = {{ {key} = \"x\" }}"));
        let expected = format!("1:10: `when` can't be on `{key}`: a rule looks at the user alone");
        assert!(problem.starts_with(&expected), "{problem}");
    }
}

#[test]
fn a_condition_that_nobody_or_everybody_would_meet_is_refused() {
    let rows = [
        ("{}", "1:8: `when` is empty"),
        (r#"{ attribute = "a" }"#, "1:8: `attribute` needs `equals` or `one_of`"),
        (
            r#"{ attribute = "a", equals = "x", one_of = ["y"] }"#,
            "1:8: `attribute` takes `equals` or `one_of`, not both",
        ),
        (r#"{ equals = "x" }"#, "1:8: `equals` and `one_of` need an `attribute`"),
        (r#"{ attribute = "a", one_of = [] }"#, "1:36: an empty list"),
        (r#"{ attribute = "a", equals = ["x"] }"#, "1:36: must be a text, a whole number, true or false"),
        (r#"{ attribute = "a", equals = 1.5 }"#, "1:36: must be a text, a whole number, true or false"),
        (r#"{ attribute = "a,mail", equals = "x" }"#, "1:22: must be the name of an attribute"),
        (r#"{ attribute = "", equals = "x" }"#, "1:22: must be the name of an attribute"),
        (r#"{ email_domain = [] }"#, "1:25: an empty list"),
        (r#"{ email_domain = "ada@contoso.com" }"#, "1:25: must be what stands behind the @"),
        (r#"{ email_domain = "contoso" }"#, "1:25: must be what stands behind the @"),
        (r#"{ email_domain = ".contoso.com" }"#, "1:25: must be what stands behind the @"),
        (r#"{ email_domain = 7 }"#, "1:25: must be what stands behind the @"),
        (r#"{ identity_provider = "" }"#, "1:30: must be a text that is not empty"),
        (r#"{ app_id = "portal" }"#, "1:19: must be a UUID"),
        (r#"{ emial_domain = "a.example" }"#, "1:10: `when` knows no `emial_domain`"),
    ];
    for (when, expected) in rows {
        let problem = problem(&format!("when = {when}"));
        assert!(problem.starts_with(expected), "{problem} of {when}");
    }
}
