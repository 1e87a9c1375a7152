//! The audit log of the directory, page by page.
//! <https://learn.microsoft.com/graph/api/directoryaudit-list>
//!
//! Entries are read one by one, so that one that can't be read does not spoil its page, and only the fields
//! that are used are looked at: the log has many shapes, and few of them are documented.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use tokio::time::{Instant, sleep};
use usher_http::Failure;

use crate::{Graph, GraphError, graph::request};

mod entry;

pub use entry::{AuditActor, AuditEntry, BadEntry};

/// The most entries that Graph puts on a page.
const PAGE_SIZE: &str = "999";
/// The log takes 5 requests in 10 seconds from one app, and does not always say when to come back.
const THROTTLED_WAIT: Duration = Duration::from_secs(10);
/// A `Retry-After` of zero must not make us hammer.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// How long one page may be throttled before the poll is given up; the next one starts over.
const PAGE_PATIENCE: Duration = Duration::from_secs(120);
const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Where a page is: made from a window of time, or given by the page before. Opaque, and to be asked for once.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditLink(String);

/// A page of the log.
#[derive(Debug)]
pub struct AuditPage {
    /// Its entries, in no particular order.
    pub entries: Vec<Result<AuditEntry, BadEntry>>,
    /// Where the next page is; `None` on the last.
    pub next: Option<AuditLink>,
}

#[derive(Deserialize)]
struct Page<'a> {
    /// Borrowed: a page is megabytes.
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
    #[serde(rename = "@odata.nextLink", default)]
    next: Option<String>,
}

impl Graph {
    /// The first page of the entries of one activity, such as `Add user`, from `from` to `to`.
    pub fn audit_link(&self, activity: &str, from: OffsetDateTime, to: OffsetDateTime) -> AuditLink {
        let filter = format!(
            "activityDisplayName eq '{}' and activityDateTime ge {} and activityDateTime le {}",
            activity.replace('\'', "''"),
            timestamp(from),
            timestamp(to),
        );
        AuditLink(self.url("/auditLogs/directoryAudits", &[("$filter", &filter), ("$top", PAGE_SIZE)]).into())
    }

    /// Reads a page. Throttled, it waits and asks for the same page again, for two minutes at most.
    ///
    /// # Errors
    /// [`GraphError::ForeignLink`] if the link leads away from Graph; nothing is sent then. Others as they say.
    pub async fn audit_page(&self, link: &AuditLink) -> Result<AuditPage, GraphError> {
        let request = request(Method::GET, &self.follow(&link.0)?, Bytes::new());
        let start = Instant::now();
        loop {
            match self.call(&request).await {
                Ok(answer) => return AuditPage::read(answer.body(), link),
                Err(error) => sleep(patience(&error, start.elapsed()).ok_or(error)?).await,
            }
        }
    }
}

/// How long to wait before the page is asked for again; `None` if it should not be.
fn patience(error: &GraphError, so_far: Duration) -> Option<Duration> {
    if !error.is_throttling() {
        return None;
    }
    let asked = Failure::from(error.clone()).retry_after;
    let wait = asked.unwrap_or(THROTTLED_WAIT).max(SHORTEST_WAIT);
    (so_far + wait <= PAGE_PATIENCE).then_some(wait)
}

fn timestamp(time: OffsetDateTime) -> String {
    let utc = time.to_offset(time::UtcOffset::UTC);
    utc.format(MILLISECONDS).expect("a time in UTC has all the parts")
}

impl AuditPage {
    /// Reads the page that `link` led to; one that leads back to itself would never end.
    fn read(body: &[u8], link: &AuditLink) -> Result<Self, GraphError> {
        let page: Page<'_> = serde_json::from_slice(body)
            .map_err(|_| GraphError::Unreadable { at: "a page of the log".to_owned() })?;
        if page.next.as_ref() == Some(&link.0) {
            return Err(GraphError::Unreadable { at: "@odata.nextLink".to_owned() });
        }
        let entries = page.value.iter().map(|entry| AuditEntry::read(entry.get())).collect();
        Ok(Self { entries, next: page.next.filter(|link| !link.is_empty()).map(AuditLink) })
    }
}

/// Only that there is one: it may hold a filter of anything.
impl fmt::Debug for AuditLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditLink")
    }
}

#[cfg(test)]
mod tests;
