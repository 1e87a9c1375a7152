//! A subscription's rules as Service Bus tells them to whoever may listen.
//! <https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response#rule-operations>

use super::codec::write;
use crate::rules::Filter;

/// The name of the rule that a subscription without any has.
const DEFAULT: &str = "$Default";
/// Descriptors of what is told.
const DESCRIPTION: u64 = 0x137_0000_0004;
const NO_ACTION: u64 = 0x137_0000_0005;
const SQL: u64 = 0x13_7000_0006;
const EVERYTHING: u64 = 0x13_7000_0007;
const NOTHING: u64 = 0x13_7000_0008;
const CORRELATION: u64 = 0x13_7000_0009;
/// The version of the language of expressions.
const SQL_VERSION: i32 = 20;

/// The body of the answer.
pub(super) fn told(rules: &[Filter]) -> Vec<u8> {
    let everything = [Filter::Everything];
    let told = if rules.is_empty() { &everything[..] } else { rules };
    let count = u32::try_from(told.len()).expect("a subscription has few rules");
    let mut body = Vec::new();
    write::map(&mut body, 2, |body| {
        write::text(body, "rules");
        write::list(body, count, |body| {
            for (n, filter) in told.iter().enumerate() {
                rule(body, &name(rules, n), filter);
            }
        });
    });
    body
}

/// The names that rules were configured with are not kept: their order is.
fn name(rules: &[Filter], n: usize) -> String {
    if rules.is_empty() { DEFAULT.to_owned() } else { format!("rule-{}", n + 1) }
}

fn rule(out: &mut Vec<u8>, name: &str, is: &Filter) {
    write::map(out, 2, |out| {
        write::text(out, "rule-description");
        described(out, DESCRIPTION, 3, |out| {
            filter(out, is);
            described(out, NO_ACTION, 0, |_| {});
            write::text(out, name);
        });
    });
}

fn filter(out: &mut Vec<u8>, filter: &Filter) {
    match filter {
        Filter::Everything => described(out, EVERYTHING, 0, |_| {}),
        Filter::Nothing => described(out, NOTHING, 0, |_| {}),
        // What it compares is nothing that we are asked for.
        Filter::Correlation(_) => described(out, CORRELATION, 0, |_| {}),
        Filter::Sql(sql) => described(out, SQL, 2, |out| {
            write::text(out, sql.text());
            write::int(out, SQL_VERSION);
        }),
    }
}

/// A described list of `count` fields.
fn described(out: &mut Vec<u8>, descriptor: u64, count: u32, fields: impl FnOnce(&mut Vec<u8>)) {
    out.push(0x00);
    write::ulong(out, descriptor);
    write::list(out, count, fields);
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::primitives::Value;

    use super::*;

    fn read(body: &[u8]) -> Value {
        serde_amqp::from_slice(body).unwrap()
    }

    #[test]
    fn a_client_reads_every_kind_of_rule_and_none_at_all_is_the_default() {
        let sql = Filter::sql("replayTo IS NULL").unwrap();
        for rules in [vec![], vec![sql, Filter::Nothing, Filter::Everything]] {
            let Value::Map(answer) = read(&told(&rules)) else { panic!("a map") };
            let Some(Value::List(told)) = answer.get(&Value::String("rules".to_owned())) else {
                panic!("a list of rules")
            };
            assert_eq!(told.len(), rules.len().max(1));
        }
        let shown = format!("{:?}", read(&told(&[])));
        assert!(shown.contains(DEFAULT), "{shown}");
    }
}
