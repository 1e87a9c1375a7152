//! What one sign-up asks of each system, if all goes well. `tests/tests/plan.rs` compares it with simulated sign-ups.

use serde::Serialize;

use super::PlanArgs;
use crate::consumers::Consumer;

/// What one sign-up makes each part do.
#[derive(Debug, Serialize)]
pub(super) struct Demand {
    pub(super) consumers: Vec<Calls>,
}

/// What one sign-up makes a consumer call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Calls {
    pub(super) consumer: &'static str,
    /// Calls to Graph; a batch is one.
    pub(super) graph: f64,
    /// What they write to the directory; each in a batch counts.
    pub(super) graph_writes: f64,
    /// Calls to the consumer's own destination.
    pub(super) vendor: f64,
}

impl Demand {
    pub(super) fn of(args: &PlanArgs) -> Self {
        Self { consumers: args.consumers.iter().map(|consumer| calls(*consumer, args.birthrights)).collect() }
    }

    /// What it makes this consumer call; nothing if it does not run.
    pub(super) fn of_consumer(&self, name: &str) -> Calls {
        self.consumers.iter().find(|calls| calls.consumer == name).cloned().unwrap_or_default()
    }

    /// Service Bus's credits: one for the message sent, and for each subscription one to evaluate its rule and one for
    /// the message received. Completing one costs none.
    /// <https://learn.microsoft.com/azure/service-bus-messaging/service-bus-throttling>
    pub(super) fn credits(&self) -> f64 {
        1.0 + 2.0 * self.consumers.len() as f64
    }
}

impl Calls {
    /// All calls, one after the other.
    pub(super) fn in_a_row(&self) -> f64 {
        self.graph + self.vendor
    }
}

/// One read of the user by whoever looks at it first, what they write, and their own vendor's calls. A consumer that
/// `usher new subscriber` made is not known here: nothing but its messages is reckoned.
fn calls(consumer: Consumer, birthrights: f64) -> Calls {
    let (graph, graph_writes, vendor) = match consumer.name() {
        // Search by metadata, list by address, create; the id back on the user.
        "billing" => (2.0, 1.0, 3.0),
        // The member, the welcome tag.
        "email" => (0.0, 0.0, 2.0),
        // All of one user's in one batch.
        "birthrights" => (2.0, birthrights, 0.0),
        // Names repeat: most people's first choice is somebody's already, and only asking tells.
        "upn" => (3.0, 2.0, 0.0),
        "crm" | "sql" | "webhook" => (0.0, 0.0, 1.0),
        _ => (0.0, 0.0, 0.0),
    };
    Calls { consumer: consumer.name(), graph, graph_writes, vendor }
}
