//! The configuration file of Microsoft's Service Bus emulator, read as a topology.
//!
//! Fields that we don't know are passed over. Fields that we know and can't honour (sessions, forwarding, rule
//! actions) are refused: a broker that quietly ignored them would prove nothing about the program under test.

use std::{collections::BTreeSet, time::Duration};

use thiserror::Error;

use super::{DeliverySpec, IntakeSpec, QueueSpec, SubscriptionSpec, TopicSpec, Topology, json::Node};
use crate::rules::{CorrelationFilter, Filter};

/// What is wrong with a configuration. Values of the file are not repeated.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// It is not JSON.
    #[error("not JSON at line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A field is missing, or holds what it can't.
    #[error("{path}: {problem}")]
    Field {
        /// Its JSON path.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// The longest lock that Service Bus grants.
const MAX_LOCK_DURATION: Duration = Duration::from_mins(5);

impl Topology {
    /// Reads an emulator's configuration. The entities of all namespaces in it are served side by side.
    ///
    /// # Errors
    /// [`ConfigError`] names what can't be read or honoured, by its JSON path.
    pub fn from_emulator_config(text: &str) -> Result<Self, ConfigError> {
        let document = serde_json::from_str(text)
            .map_err(|error| ConfigError::Syntax { line: error.line(), column: error.column() })?;
        let mut topology = Self::default();
        let mut names = Names::default();
        for namespace in Node::root(&document).required("UserConfig")?.list("Namespaces")? {
            for node in namespace.list("Queues")? {
                topology.queues.push(queue(&node, names.take(&node)?)?);
            }
            for node in namespace.list("Topics")? {
                topology.topics.push(topic(&node, names.take(&node)?)?);
            }
        }
        Ok(topology)
    }
}

/// The names given out so far, which must differ in more than case.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn take(&mut self, node: &Node<'_>) -> Result<String, ConfigError> {
        let name = node.required_text("Name")?;
        if name.starts_with(['/', '$']) || name.ends_with('/') || name.contains("//") {
            return Err(node.wrong_field("Name", "not a name that an entity can have"));
        }
        if !self.0.insert(name.to_lowercase()) {
            return Err(node.wrong_field("Name", "the name is taken"));
        }
        Ok(name)
    }
}

fn queue(node: &Node<'_>, name: String) -> Result<QueueSpec, ConfigError> {
    let Some(properties) = node.field("Properties")? else {
        return Ok(QueueSpec { name, intake: IntakeSpec::default(), delivery: DeliverySpec::default() });
    };
    Ok(QueueSpec { name, intake: intake(&properties)?, delivery: delivery(&properties)? })
}

fn topic(node: &Node<'_>, name: String) -> Result<TopicSpec, ConfigError> {
    let (intake, default_time_to_live) = match node.field("Properties")? {
        Some(properties) => (intake(&properties)?, properties.duration("DefaultMessageTimeToLive")?),
        None => (IntakeSpec::default(), None),
    };
    let mut names = Names::default();
    let subscription = |node: &Node<'_>| subscription(node, names.take(node)?);
    let subscriptions = node.list("Subscriptions")?.iter().map(subscription).collect::<Result<_, _>>()?;
    Ok(TopicSpec { name, intake, default_time_to_live, subscriptions })
}

fn subscription(node: &Node<'_>, name: String) -> Result<SubscriptionSpec, ConfigError> {
    let properties = node.field("Properties")?;
    let delivery = properties.as_ref().map(delivery).transpose()?.unwrap_or_default();
    let rules = node.list("Rules")?.iter().map(rule).collect::<Result<_, _>>()?;
    Ok(SubscriptionSpec { name, delivery, rules })
}

fn intake(properties: &Node<'_>) -> Result<IntakeSpec, ConfigError> {
    let defaults = IntakeSpec::default();
    let window =
        properties.duration("DuplicateDetectionHistoryTimeWindow")?.unwrap_or(DEFAULT_DUPLICATE_WINDOW);
    let megabytes = properties.count("MaxSizeInMegabytes")?;
    Ok(IntakeSpec {
        duplicate_window: properties.truth("RequiresDuplicateDetection")?.then_some(window),
        max_bytes: megabytes.map_or(defaults.max_bytes, |megabytes| u64::from(megabytes) << 20),
    })
}

/// What Service Bus takes where duplicate detection is on and no window is given.
const DEFAULT_DUPLICATE_WINDOW: Duration = Duration::from_mins(10);

fn delivery(properties: &Node<'_>) -> Result<DeliverySpec, ConfigError> {
    refuse_what_we_lack(properties)?;
    let defaults = DeliverySpec::default();
    let lock_duration = properties.duration("LockDuration")?.unwrap_or(defaults.lock_duration);
    if lock_duration > MAX_LOCK_DURATION {
        return Err(
            properties.wrong_field("LockDuration", "longer than the 5 minutes that Service Bus allows")
        );
    }
    Ok(DeliverySpec {
        lock_duration,
        max_delivery_count: properties.count("MaxDeliveryCount")?.unwrap_or(defaults.max_delivery_count),
        default_time_to_live: properties.duration("DefaultMessageTimeToLive")?,
        dead_letter_on_expiry: properties.truth("DeadLetteringOnMessageExpiration")?,
    })
}

fn refuse_what_we_lack(properties: &Node<'_>) -> Result<(), ConfigError> {
    if properties.truth("RequiresSession")? {
        return Err(properties.wrong_field("RequiresSession", "sessions are not supported"));
    }
    for name in ["ForwardTo", "ForwardDeadLetteredMessagesTo"] {
        if properties.text(name)?.is_some() {
            return Err(properties.wrong_field(name, "forwarding is not supported"));
        }
    }
    Ok(())
}

fn rule(node: &Node<'_>) -> Result<Filter, ConfigError> {
    let properties = node.required("Properties")?;
    if let Some(action) = properties.field("Action")?
        && action.text("SqlExpression")?.is_some()
    {
        return Err(action.wrong("rule actions are not supported"));
    }
    match properties.required_text("FilterType")?.to_lowercase().as_str() {
        "sql" => sql(&properties.required("SqlFilter")?),
        "correlation" => correlation(&properties.required("CorrelationFilter")?),
        "true" => Ok(Filter::Everything),
        "false" => Ok(Filter::Nothing),
        _ => Err(properties.wrong_field("FilterType", "none of Sql, Correlation, True and False")),
    }
}

fn sql(node: &Node<'_>) -> Result<Filter, ConfigError> {
    let expression = node.required_text("SqlExpression")?;
    Filter::sql(&expression).map_err(|error| node.wrong_field("SqlExpression", error))
}

fn correlation(node: &Node<'_>) -> Result<Filter, ConfigError> {
    let properties = node.field("Properties")?.map(|properties| properties.properties()).transpose()?;
    let filter = CorrelationFilter {
        content_type: node.text("ContentType")?,
        correlation_id: node.text("CorrelationId")?,
        label: node.text("Label")?.or(node.text("Subject")?),
        message_id: node.text("MessageId")?,
        reply_to: node.text("ReplyTo")?,
        reply_to_session_id: node.text("ReplyToSessionId")?,
        session_id: node.text("SessionId")?,
        to: node.text("To")?,
        properties: properties.unwrap_or_default().into_iter().collect(),
    };
    if filter.is_empty() {
        return Err(node.wrong("it names no property to compare"));
    }
    Ok(Filter::Correlation(filter))
}
