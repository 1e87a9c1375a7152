//! Which messages a subscription takes: its rules, as the broker tells them to whoever may listen.

use std::sync::Arc;

use fe2o3_amqp_types::primitives::{Symbol, Value};
use serde_amqp::{described::Described, descriptor::Descriptor};
use usher_clock::Clock;

use crate::{
    BusError,
    amqp::{Connection, Management, Namespace},
};

/// A rule of a subscription, which takes what any one of its rules matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name; that of the rule which every new subscription has is [`Rule::DEFAULT`].
    pub name: String,
    /// What it matches.
    pub filter: RuleFilter,
}

/// What a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleFilter {
    /// Every message.
    Everything,
    /// The messages for which this expression is true.
    Sql(String),
    /// Something else: nothing, or messages with certain properties.
    Other,
}

impl Rule {
    /// The name of the rule that a subscription made without any has.
    pub const DEFAULT: &'static str = "$Default";

    /// Whether every message is taken.
    pub fn takes_everything(&self) -> bool {
        match &self.filter {
            RuleFilter::Everything => true,
            RuleFilter::Sql(expression) => expression.split_whitespace().collect::<String>() == "1=1",
            RuleFilter::Other => false,
        }
    }
}

/// A described type by its name and by its number: brokers write either.
type Kind = (&'static str, u64);

const DESCRIPTION: Kind = ("com.microsoft:rule-description:list", 0x137_0000_0004);
const SQL: Kind = ("com.microsoft:sql-filter:list", 0x13_7000_0006);
const EVERYTHING: Kind = ("com.microsoft:true-filter:list", 0x13_7000_0007);

/// Asks the broker for an entity's rules, on a connection of its own.
pub(crate) async fn read(namespace: &Arc<Namespace>, entity: &str) -> Result<Vec<Rule>, BusError> {
    let mut connection = Connection::open(namespace, entity).await?;
    let management = Management::open(&mut connection, entity, Clock::system()).await?;
    let rules = management.rules().await;
    drop(management);
    connection.close().await;
    rules
}

/// A rule as it is told: a list of a filter, an action and a name.
pub(crate) fn rule(description: &Value) -> Option<Rule> {
    let [filter, _action, Value::String(name), ..] = fields(description, DESCRIPTION)? else { return None };
    Some(Rule { name: name.clone(), filter: rule_filter(filter) })
}

fn rule_filter(filter: &Value) -> RuleFilter {
    if fields(filter, EVERYTHING).is_some() {
        return RuleFilter::Everything;
    }
    match fields(filter, SQL) {
        Some([Value::String(expression), ..]) => RuleFilter::Sql(expression.clone()),
        _ => RuleFilter::Other,
    }
}

/// The fields of a described list, if it is of this type.
fn fields(value: &Value, of: Kind) -> Option<&[Value]> {
    let Value::Described(described) = value else { return None };
    let Described { descriptor, value } = &**described;
    let is_one = match descriptor {
        Descriptor::Name(Symbol(name)) => name == of.0,
        Descriptor::Code(code) => *code == of.1,
    };
    match value {
        Value::List(fields) if is_one => Some(fields),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described((_, code): Kind, fields: Vec<Value>) -> Value {
        let (descriptor, value) = (Descriptor::Code(code), Value::List(fields));
        Value::Described(Box::new(Described { descriptor, value }))
    }

    fn told(filter: Value, name: &str) -> Value {
        described(DESCRIPTION, vec![filter, Value::Null, Value::String(name.to_owned())])
    }

    #[test]
    fn the_rules_that_matter_are_told_apart() {
        let sql = |text: &str| described(SQL, vec![Value::String(text.to_owned()), Value::Int(20)]);
        let default = rule(&told(described(EVERYTHING, vec![]), Rule::DEFAULT)).unwrap();
        assert!(default.takes_everything() && default.name == Rule::DEFAULT);
        assert!(rule(&told(sql("1 = 1"), "all")).unwrap().takes_everything());
        let ours = rule(&told(sql("replayTo IS NULL"), "ours")).unwrap();
        assert_eq!(ours.filter, RuleFilter::Sql("replayTo IS NULL".to_owned()));
        assert!(!ours.takes_everything());
        assert_eq!(rule(&told(Value::Null, "other")).unwrap().filter, RuleFilter::Other);
        assert_eq!(rule(&Value::Null), None);
    }

    #[test]
    fn a_name_describes_as_well_as_a_number() {
        let descriptor = Descriptor::Name(Symbol(EVERYTHING.0.to_owned()));
        let value = Value::List(vec![]);
        let filter = Value::Described(Box::new(Described { descriptor, value }));
        assert_eq!(rule_filter(&filter), RuleFilter::Everything);
    }
}
