//! The configuration file of Microsoft's Service Bus emulator, read as a topology.
//!
//! Fields that we don't know are passed over. Fields that we know and can't honour (sessions, forwarding, rule
//! actions) are refused: a broker that quietly ignored them would prove nothing about the program under test.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use thiserror::Error;
use usher_bus::PropertyValue;

use super::{DeliverySpec, IntakeSpec, QueueSpec, SubscriptionSpec, Topology, TopicSpec, duration};
use crate::rules::{CorrelationFilter, Filter, SqlError};

/// What is wrong with a configuration. Paths are JSON paths; values are never repeated.
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
    /// A field is missing or holds what it can't.
    #[error("{path}: {problem}")]
    Field {
        /// Where.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A SQL filter does not parse.
    #[error("{path}: {error}")]
    Sql {
        /// Where.
        path: String,
        /// What is wrong with it.
        #[source]
        error: SqlError,
    },
}
