use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::testing::{BUSINESS, MEMBERS, RESOURCE, ROLE, RULES, user};

/// What is wrong with a text, in full.
fn problem(text: &str) -> String {
    text.parse::<Rules>().unwrap_err().to_string()
}

/// What is wrong with a rule that is right but for these lines, and without its place.
fn problem_with(lines: &str) -> String {
    let text = format!("[[rule]]\nname = \"r\"\ngroups = [\"{MEMBERS}\"]\n{lines}\n");
    let problem = problem(&text);
    problem.split_once(": ").unwrap().1.to_owned()
}

#[test]
fn rules_are_read_in_the_order_of_the_file() {
    let rules: Rules = RULES.parse().unwrap();
    let role = Grant::AppRole { resource: RESOURCE, role: ROLE };
    let expected = [
        (Grant::Group(MEMBERS), "members"),
        (Grant::Group(BUSINESS), "business customers"),
        (role, "portal"),
    ];
    assert_eq!(rules.grants(), expected);
    assert_eq!(rules.properties(), ["identities", crate::testing::COMPANY_TYPE]);
}

#[tokio::test(start_paused = true)]
async fn every_rule_that_holds_gives_and_what_two_give_is_given_once() {
    let text = format!(
        "[[rule]]\nname = \"a\"\ngroups = [\"{MEMBERS}\"]\n\
         [[rule]]\nname = \"b\"\ngroups = [\"{BUSINESS}\", \"{MEMBERS}\"]\n"
    );
    let rules: Rules = text.parse().unwrap();
    let user = user(json!({})).await;
    let due = rules.due(&Facts::new(&user, SignUpApp::Unknown));
    assert_eq!(due, [(Grant::Group(MEMBERS), "a"), (Grant::Group(BUSINESS), "b")]);
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_place() {
    let group = Uuid::max();
    let rule = |lines: &str| format!("# rules\n[[rule]]\nname = \"r\"\n{lines}\n");
    let rows = [
        ("[[rule]\n".to_owned(), "1:8: unclosed array table"),
        (rule("group = []"), "4:1: unknown field `group`, expected one of"),
        (rule("groups = [\"1234\"]"), "4:11: UUID parsing failed"),
        (rule("groups = 7"), "4:10: invalid type: integer `7`, expected a sequence"),
        (rule("app_roles = [{ resource = \"x\", role = \"y\" }]"), "4:27: UUID parsing failed"),
        (
            rule("app_roles = [{ resource = \"ffffffff-ffff-ffff-ffff-ffffffffffff\" }]"),
            "4:14: missing field `role`",
        ),
        (rule("groups = []"), "2:1: rule \"r\": it gives nothing"),
        (rule("self_asserted = \"yes\""), "4:17: invalid type"),
        (rule(&format!("groups = [\"{group}\"]\ngroups = []")), "5:1: duplicate key"),
        (
            rule(&format!("groups = [\"{group}\"]\nwhen = {{ emial_domain = \"a.example\" }}")),
            "5:10: rule \"r\": `when` knows no `emial_domain`",
        ),
        (
            format!("[[rules]]\nname = \"r\"\ngroups = [\"{group}\"]\n"),
            "1:3: unknown field `rules`, expected `rule`",
        ),
        (String::new(), "there is no [[rule]] in it"),
    ];
    let told = rows.map(|(text, expected)| (problem(&text), expected));
    let wrong: Vec<_> = told
        .iter()
        .filter(|(problem, expected)| !problem.starts_with(expected) || problem.lines().count() != 1)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_name_is_there_once_and_can_be_shown() {
    let rule = |name: &str| format!("[[rule]]\nname = {name}\ngroups = [\"{MEMBERS}\"]\n");
    let twice = problem(&[rule("\"a\""), rule("\"b\""), rule("\"a\"")].concat());
    assert_eq!(twice, "8:8: there are two rules with the name \"a\"");
    for name in ["\"\"", "\" \"", "\"a\\nb\"", &format!("\"{}\"", "x".repeat(65))] {
        assert!(problem(&rule(name)).contains("a rule's name must be"), "{name}");
    }
    assert!(problem("[[rule]]\ngroups = []\n").contains("missing field `name`"));
}

#[test]
fn a_rule_on_what_a_customer_asserts_has_to_say_so() {
    let attribute = r#"when = { attribute = "extension_a_Kind", equals = "business" }"#;
    let needed =
        "rule \"r\": customers assert attributes of themselves: a rule on one needs `self_asserted = true`";
    assert_eq!(problem_with(attribute), needed);
    assert_eq!(problem_with(&format!("self_asserted = false\n{attribute}")), needed);
    let misplaced = "rule \"r\": `self_asserted` has no place here: nothing in `when` is self-asserted";
    assert_eq!(problem_with("self_asserted = true"), misplaced);
    assert_eq!(problem_with("self_asserted = true\nwhen = { email_domain = \"contoso.com\" }"), misplaced);
}

#[test]
fn a_rule_can_not_depend_on_what_rules_give() {
    for key in ["group", "groups", "member_of", "app_role", "app_roles", "rule", "rules"] {
        let expected = format!("rule \"r\": `when` can't be on `{key}`: a rule looks at the user alone");
        let problem = problem_with(&format!("when = {{ {key} = \"{BUSINESS}\" }}"));
        assert!(problem.starts_with(&expected), "{problem}");
    }
    // Two rules that would each wait for the other's group.
    let circle = format!(
        "[[rule]]\nname = \"a\"\ngroups = [\"{MEMBERS}\"]\nwhen = {{ group = \"{BUSINESS}\" }}\n\
         [[rule]]\nname = \"b\"\ngroups = [\"{BUSINESS}\"]\nwhen = {{ group = \"{MEMBERS}\" }}\n"
    );
    assert!(
        problem(&circle).starts_with("4:10: rule \"a\": `when` can't be on `group`"),
        "{}",
        problem(&circle)
    );
}

#[test]
fn what_is_wrong_with_a_condition_is_told_with_its_rule_and_its_place() {
    let problem = problem_with("self_asserted = true\nwhen = { attribute = \"a\", one_of = [] }");
    assert!(problem.starts_with("rule \"r\": an empty list"), "{problem}");
    let problem = problem_with("when = {}");
    assert!(
        problem.starts_with("rule \"r\": `when` is empty; without it the rule is for everybody"),
        "{problem}"
    );
}

#[test]
fn a_file_that_is_no_rules_file_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (Rules::read(&path).map_err(|error| error.to_string()), path)
    };
    assert!(file("good.toml", RULES.as_bytes()).0.is_ok());
    let (typo, path) = file("typo.toml", b"\n[[rule]]\nnmae = \"r\"\n");
    assert!(typo.unwrap_err().starts_with(&format!("{path}:3:1: unknown field `nmae`")));
    let (binary, path) = file("binary", b"\xff\xfe");
    assert!(binary.unwrap_err().starts_with(&format!("{path}: can't be read: ")));
    let (huge, path) = file("huge", &vec![b'#'; 1024 * 1024 + 1]);
    assert_eq!(huge.unwrap_err(), format!("{path}: can't be read: longer than 1048576 bytes"));
    let nowhere = Rules::read("/nowhere/rules.toml").unwrap_err().to_string();
    assert!(nowhere.starts_with("/nowhere/rules.toml: can't be read: "), "{nowhere}");
}

#[test]
fn a_key_with_a_line_break_does_not_break_the_line() {
    let problem = problem("\"a\\nb\" = 1\n");
    assert_eq!(problem.lines().count(), 1, "{problem}");
}
