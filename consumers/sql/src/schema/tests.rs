//! The statements, as far as they can be judged without a database.

use super::*;

const DIALECTS: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql];

fn schema(dialect: Dialect) -> Schema {
    Schema::new(dialect, &"signups".parse().unwrap())
}

#[test]
fn every_value_has_its_place_and_no_statement_holds_one() {
    for dialect in DIALECTS {
        let AssertSqlSafe(upsert) = schema(dialect).upsert();
        let places = match dialect {
            Dialect::Sqlite => upsert.matches('?').count(),
            Dialect::Postgres => upsert.matches('$').count(),
            Dialect::MySql => upsert.matches('?').count(),
        };
        assert_eq!(places, COLUMNS.len(), "{upsert}");
        assert!(!upsert.contains('\''), "{upsert}");
        assert_eq!(schema(dialect).values(&Row::sample()).len(), COLUMNS.len());
    }
}

#[test]
fn names_are_quoted_as_each_database_does() {
    let starts = |dialect, with: &str| {
        let AssertSqlSafe(upsert) = schema(dialect).upsert();
        assert!(upsert.starts_with(with), "{upsert}");
    };
    starts(Dialect::Sqlite, "INSERT INTO \"signups\" AS t (\"user_id\", ");
    starts(Dialect::Postgres, "INSERT INTO \"signups\" AS t (\"user_id\", ");
    starts(Dialect::MySql, "INSERT INTO `signups` (`user_id`, ");
}

#[test]
fn mysql_decides_by_the_time_before_it_assigns_the_time() {
    let assigned: Vec<_> = data().collect();
    assert_eq!(assigned.last(), Some(&SIGNED_UP_AT));
    assert!(!assigned.contains(&FIRST_SEEN_AT) && !assigned.contains(&USER_ID));
}

#[test]
fn a_table_that_is_up_to_date_needs_nothing_and_one_of_a_newer_build_neither() {
    for dialect in DIALECTS {
        let schema = schema(dialect);
        assert_eq!(schema.pending(0).len(), 2, "a table, and its version on record");
        assert!(schema.pending(schema.latest()).is_empty());
        assert!(schema.pending(99).is_empty());
    }
}

#[test]
fn what_is_printed_is_what_is_applied() {
    for dialect in DIALECTS {
        let text = schema(dialect).text();
        let AssertSqlSafe(bookkeeping) = schema(dialect).bookkeeping();
        assert!(text.starts_with(&bookkeeping), "{text}");
        for AssertSqlSafe(step) in schema(dialect).pending(0) {
            assert!(text.contains(&format!("{step};\n")), "{text}");
        }
    }
}

#[test]
fn a_time_is_written_as_each_database_reads_it() {
    let written = |dialect| schema(dialect).values(&Row::sample())[14].clone().unwrap();
    assert_eq!(written(Dialect::Sqlite), "1970-01-01T00:00:00.000000Z");
    assert_eq!(written(Dialect::Postgres), "1970-01-01T00:00:00.000000Z");
    assert_eq!(written(Dialect::MySql), "1970-01-01 00:00:00.000000");
}
