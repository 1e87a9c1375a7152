use std::collections::BTreeMap;

use time::macros::datetime;
use usher_bus::PropertyValue;

use super::*;

/// The message that the tables below look at.
fn message() -> Facets {
    let properties = [
        ("tier", PropertyValue::from("gold")),
        ("count", PropertyValue::Integer(7)),
        ("rate", PropertyValue::Float(1.5)),
        ("urgent", PropertyValue::Boolean(true)),
        ("id", PropertyValue::Uuid(uuid::Uuid::nil())),
        ("at", PropertyValue::Time(datetime!(2026-01-01 00:00 UTC))),
        ("odd name", PropertyValue::from("50% off_")),
        ("quote", PropertyValue::from("it's")),
        ("größe", PropertyValue::Integer(3)),
    ];
    Facets {
        message_id: Some("m1".to_owned()),
        subject: Some("UserSignedUp".to_owned()),
        properties: properties.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Facets::default()
    }
}

/// Evaluates in all three values, which `matches` does not show.
fn truth(expression: &str) -> Option<bool> {
    match Filter::sql(expression) {
        Ok(Filter::Sql(SqlFilter { expression: parsed, .. })) => parsed.truth(&message()),
        other => panic!("{expression}: {other:?}"),
    }
}

fn check(table: &[(&str, Option<bool>)]) {
    for (expression, expected) in table {
        assert_eq!(truth(expression), *expected, "{expression}");
    }
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);
const UNKNOWN: Option<bool> = None;

#[test]
fn values_of_one_kind_compare_and_others_are_unknown() {
    check(&[
        ("tier = 'gold'", YES),
        ("tier = 'Gold'", NO),
        ("tier <> 'silver'", YES),
        ("tier != 'gold'", NO),
        ("tier < 'h'", YES),
        ("count = 7", YES),
        ("count = 7.0", YES),
        ("count >= 7 AND count <= 7", YES),
        ("count > 7", NO),
        ("rate < 2", YES),
        ("rate = 15e-1", YES),
        ("rate > .5", YES),
        ("urgent = TRUE", YES),
        ("urgent <> false", YES),
        ("urgent", YES),
        ("NOT urgent", NO),
        ("tier", UNKNOWN),
        ("tier = 7", UNKNOWN),
        ("count = '7'", UNKNOWN),
        ("urgent > FALSE", UNKNOWN),
        ("id = id", YES),
        ("at <= at", YES),
        ("TRUE", YES),
        ("1 = 1", YES),
    ]);
}

#[test]
fn a_missing_user_property_is_unknown() {
    check(&[
        ("missing = 1", UNKNOWN),
        ("missing <> 1", UNKNOWN),
        ("missing = missing", UNKNOWN),
        ("NOT (missing = 1)", UNKNOWN),
        ("missing IS NULL", YES),
        ("missing IS NOT NULL", NO),
        ("tier IS NULL", NO),
        ("tier IS NOT NULL", YES),
        ("EXISTS(missing)", NO),
        ("EXISTS (tier)", YES),
        ("NULL = NULL", UNKNOWN),
        ("NULL IS NULL", YES),
        ("missing + 1 = 1", UNKNOWN),
        ("missing LIKE '%'", UNKNOWN),
        ("missing IN (1)", UNKNOWN),
    ]);
}

#[test]
fn and_and_or_follow_three_valued_logic() {
    let (yes, no, unknown) = ("1=1", "1=2", "missing=1");
    let table = [
        (yes, yes, YES, YES),
        (yes, no, NO, YES),
        (yes, unknown, UNKNOWN, YES),
        (no, no, NO, NO),
        (no, unknown, NO, UNKNOWN),
        (unknown, unknown, UNKNOWN, UNKNOWN),
    ];
    for (left, right, and, or) in table {
        for (left, right) in [(left, right), (right, left)] {
            assert_eq!(truth(&format!("{left} AND {right}")), and, "{left} AND {right}");
            assert_eq!(truth(&format!("{left} OR {right}")), or, "{left} OR {right}");
        }
    }
}

#[test]
fn what_binds_stronger_is_done_first() {
    check(&[
        ("1=1 OR 1=2 AND 1=2", YES),
        ("(1=1 OR 1=2) AND 1=2", NO),
        ("NOT 1=2 AND 1=2", NO),
        ("NOT (1=2 AND 1=2)", YES),
        ("2 + 3 * 4 = 14", YES),
        ("(2 + 3) * 4 = 20", YES),
        ("10 - 3 - 2 = 5", YES),
        ("-count + 7 = 0", YES),
        ("- - 1 = +1", YES),
        ("count / 2 = 3", YES),
        ("count / 2.0 = 3.5", YES),
        ("count % 4 = 3", YES),
    ]);
}

#[test]
fn arithmetic_that_has_no_result_is_unknown() {
    check(&[
        ("count / 0 = 0", UNKNOWN),
        ("rate / 0 = 0", UNKNOWN),
        ("count % 0 = 0", UNKNOWN),
        ("9223372036854775807 + 1 > 0", UNKNOWN),
        ("tier + 1 = 1", UNKNOWN),
        ("-tier = 1", UNKNOWN),
    ]);
}

#[test]
fn in_and_like_know_lists_and_patterns() {
    check(&[
        ("tier IN ('silver', 'gold')", YES),
        ("tier NOT IN ('silver', 'gold')", NO),
        ("tier IN ('silver')", NO),
        ("tier IN ('silver', missing)", UNKNOWN),
        ("tier IN ('gold', missing)", YES),
        ("tier NOT IN ('silver', missing)", UNKNOWN),
        ("count IN (1 + 6)", YES),
        ("tier LIKE 'g%'", YES),
        ("tier LIKE '%l_'", YES),
        ("tier LIKE 'gol'", NO),
        ("tier LIKE '%%gold%%'", YES),
        ("tier LIKE '____'", YES),
        ("tier LIKE '___'", NO),
        ("tier LIKE ''", NO),
        ("tier NOT LIKE 'x%'", YES),
        ("count LIKE '7'", UNKNOWN),
        (r"[odd name] LIKE '50\% off\_' ESCAPE '\'", YES),
        (r"[odd name] LIKE '50!_%' ESCAPE '!'", NO),
        ("sys.Label LIKE 'User%Up'", YES),
        ("sys.Label LIKE '%e%e%U%e%'", NO),
    ]);
}

#[test]
fn names_ignore_case_and_may_be_quoted() {
    check(&[
        ("TIER = 'gold'", YES),
        ("user.Tier = 'gold'", YES),
        ("USER.[tier] = 'gold'", YES),
        ("\"odd name\" IS NOT NULL", YES),
        ("[odd name] is not null", YES),
        ("größe = 3", YES),
        ("quote = 'it''s'", YES),
        ("[and] IS NULL", YES),
        ("[a]]b] IS NULL", YES),
        ("sys.MessageId = 'm1'", YES),
        ("SYS.messageid = 'm1'", YES),
        ("sys.Subject = 'UserSignedUp'", YES),
        ("sys.To IS NULL", YES),
        ("MessageId IS NULL", YES),
        ("EXISTS(sys.CorrelationId)", NO),
    ]);
}

#[test]
fn what_is_wrong_is_named_with_its_position() {
    let table = [
        ("", "expected a value, a property or ( at character 1"),
        ("tier =", "expected a value, a property or ( at character 7"),
        ("tier = 'gold", "no closing ' to what begins at character 8"),
        ("[tier = 1", "no closing ] to what begins at character 1"),
        ("tier == 'gold'", "expected a value, a property or ( at character 7"),
        ("tier = 'gold' tier", "expected AND, OR or the end at character 15"),
        ("(tier = 'gold'", "expected an operator or ) at character 15"),
        ("tier IS 'gold'", "expected NULL at character 9"),
        ("tier NOT 'gold'", "expected IN or LIKE at character 10"),
        ("tier IN 'gold'", "expected ( after IN at character 9"),
        ("tier IN ('a' 'b')", "expected , or ) at character 14"),
        ("tier LIKE other", "expected a pattern in single quotes at character 11"),
        ("tier LIKE 'a' ESCAPE 'bc'", "expected one character in single quotes at character 22"),
        ("tier LIKE 'a!' ESCAPE '!'", "the pattern at character 11 ends in its escape character"),
        ("größe ? 1", "'?' at character 7 is not part of the language"),
        ("count = 1a", "not a number at character 9"),
        ("count = 99999999999999999999", "not a number at character 9"),
        ("sys.Nope = 1", "sys.Nope at character 5 is not a system property that a rule can look at"),
        ("other.tier = 1", "expected sys or user as a property's scope at character 1"),
        ("newid() = 1", "the function newid() at character 1 is not supported"),
        ("tier = @p", "a parameter (@) at character 8 is not supported"),
        ("AND = 1", "expected a value, a property or ( at character 1"),
        ("SET tier = 1", "expected AND, OR or the end at character 5"),
    ];
    for (expression, expected) in table {
        let error = Filter::sql(expression).expect_err(expression);
        assert_eq!(error.to_string(), expected, "{expression}");
    }
}

#[test]
fn length_and_nesting_are_bounded() {
    assert_eq!(Filter::sql(&format!("{}1=1", " ".repeat(1022))), Err(SqlError::TooLong));
    for (open, close) in [("(", ")"), ("NOT ", ""), ("-", "")] {
        let nested = |levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        assert!(Filter::sql(&nested(32)).is_ok(), "32 times {open}");
        assert!(matches!(Filter::sql(&nested(33)), Err(SqlError::TooDeep { .. })), "33 times {open}");
    }
    assert_eq!(truth(&format!("1{} = 300", "+1".repeat(299))), YES);
}

#[test]
fn a_pattern_that_could_backtrack_forever_does_not() {
    let pattern = format!("{}x", "%a".repeat(60));
    let filter = Filter::sql(&format!("text LIKE '{pattern}'")).unwrap();
    let text = PropertyValue::from("a".repeat(20_000));
    let message = Facets { properties: BTreeMap::from([("text".to_owned(), text)]), ..Facets::default() };
    assert!(!filter.matches(&message));
}

#[test]
fn only_true_matches() {
    for (expression, expected) in [("1=1", true), ("1=2", false), ("missing=1", false)] {
        assert_eq!(Filter::sql(expression).unwrap().matches(&message()), expected, "{expression}");
    }
    assert!(Filter::Everything.matches(&message()));
    assert!(!Filter::Nothing.matches(&message()));
}

#[test]
fn a_correlation_filter_wants_every_property_equal() {
    let label =
        |label: &str| CorrelationFilter { label: Some(label.to_owned()), ..CorrelationFilter::default() };
    let with = |name: &str, value: PropertyValue| CorrelationFilter {
        properties: BTreeMap::from([(name.to_owned(), value)]),
        ..label("UserSignedUp")
    };
    let to = CorrelationFilter { to: Some("x".to_owned()), ..label("UserSignedUp") };
    let table = [
        (label("UserSignedUp"), true),
        (label("usersignedup"), false),
        (with("tier", "gold".into()), true),
        (with("Tier", "gold".into()), true),
        (with("tier", "silver".into()), false),
        (with("missing", "gold".into()), false),
        (with("count", PropertyValue::Integer(7)), true),
        (with("count", "7".into()), false),
        (to, false),
    ];
    for (filter, expected) in table {
        assert_eq!(filter.matches(&message()), expected, "{filter:?}");
    }
    assert!(CorrelationFilter::default().is_empty());
    assert!(!label("x").is_empty());
}
