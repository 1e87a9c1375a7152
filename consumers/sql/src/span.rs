//! The span of what a database is asked, after OpenTelemetry's conventions for databases; made only where traces are
//! collected. Without the statement: its shape is the same each time, and its values are nobody's business.
//! <https://opentelemetry.io/docs/specs/semconv/db/database-spans/>

use std::future::Future;

use tracing::{Instrument, info_span};
use usher_telemetry::{DETAIL, failed};

use crate::{Store, StoreError};

/// Asks the database, within the span of that.
pub(crate) async fn of<T>(
    store: &dyn Store,
    operation: &'static str,
    asked: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let span = info_span!(
        target: DETAIL,
        "statement",
        otel.name = operation,
        otel.kind = "client",
        "db.system.name" = store.system(),
        "db.operation.name" = operation,
    );
    let answer = asked.instrument(span.clone()).await;
    if let Err(error) = &answer {
        failed(&span, error.code.clone(), String::new());
    }
    answer
}
