//! The roll: everybody who has signed up since a moment and is still a user, as the events that were published of them.
//!
//! It is made from the other side: not from the log but from the tenant's users, so that whoever the producer missed is
//! on it too. The log only says who of them signed up, and through which app. A user whom the log no longer knows, or
//! never knew, is on the roll if they sign in as customers do; that they were made by an administrator or by another app
//! can't be told then.

mod command;

use std::{collections::HashMap, time::Duration};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::sleep;
use usher_entra::{AuditPage, Graph, GraphError, User, UsersLink, UsersPage};
use usher_event::Event;
use usher_http::Failure;
use uuid::Uuid;

use crate::{
    Policy, SignUp,
    enrich::{self, ALWAYS_READ},
    recognise::{ADD_USER, recognise},
};

pub use command::RollArgs;
pub(crate) use command::start;

/// When a user was made.
const CREATED: &str = "createdDateTime";
/// In the place of an audit entry's id, where there is none to name.
const NO_ENTRY: &str = "not-in-the-log";
/// How much earlier than the user the log's entry may be: the two are of one moment, and differ in their precision.
const SLACK: Duration = Duration::from_secs(60);
/// Between two pages of the log, which takes 5 requests in 10 seconds: the running producer needs most of them.
const BETWEEN_PAGES: Duration = Duration::from_secs(5);
/// How often a page of users is asked for again, and how long that waits unless Graph says.
const RETRIES: u32 = 5;
const RETRY_WAIT: Duration = Duration::from_secs(5);

/// What the log says of a user's creation: the sign-up, or `None` if it was none.
type Log = HashMap<Uuid, Option<SignUp>>;

/// A page of the roll.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Page {
    pub(crate) events: Vec<Event>,
    pub(crate) left_out: LeftOut,
}

/// Who is not on it, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Users who did not sign up.
    pub(crate) others: u64,
    /// Users who are so new that their events may be under way.
    pub(crate) settling: u64,
}

/// A roll that is being read.
pub(crate) struct Roll<'a> {
    graph: &'a Graph,
    policy: &'a Policy,
    since: OffsetDateTime,
    until: OffsetDateTime,
    log: Log,
    next: Next,
}

enum Next {
    First,
    Page(UsersLink),
    End,
}

impl<'a> Roll<'a> {
    /// Reads the log, in which what happened up to `now` shows; the users come page by page. Held in memory are the ids
    /// of those whom the log names.
    ///
    /// # Errors
    /// Graph could not be asked.
    pub(crate) async fn of(
        graph: &'a Graph,
        policy: &'a Policy,
        (since, until): (OffsetDateTime, OffsetDateTime),
        now: OffsetDateTime,
    ) -> Result<Self, GraphError> {
        let log = read_log(graph, policy, since - SLACK, now).await?;
        Ok(Self { graph, policy, since, until, log, next: Next::First })
    }

    /// The next page; `None` at the end.
    ///
    /// # Errors
    /// Graph could not be asked.
    pub(crate) async fn page(&mut self) -> Result<Option<Page>, GraphError> {
        let link = match std::mem::replace(&mut self.next, Next::End) {
            Next::First => None,
            Next::Page(link) => Some(link),
            Next::End => return Ok(None),
        };
        let UsersPage { users, next } = self.read(link.as_ref()).await?;
        self.next = next.map_or(Next::End, Next::Page);
        let mut page = Page::default();
        for user in users {
            self.enter(&user, &mut page);
        }
        Ok(Some(page))
    }

    async fn read(&self, link: Option<&UsersLink>) -> Result<UsersPage, GraphError> {
        let attributes = self.policy.attributes.iter().map(String::as_str);
        let select: Vec<_> = ALWAYS_READ.into_iter().chain([CREATED]).chain(attributes).collect();
        let mut retries = 0..RETRIES;
        loop {
            match self.graph.users_since_page(self.since, link, &select).await {
                Err(error) if error.is_transient() && retries.next().is_some() => {
                    sleep(Failure::from(error).retry_after.unwrap_or(RETRY_WAIT)).await;
                }
                page => return page,
            }
        }
    }

    fn enter(&self, user: &User, page: &mut Page) {
        let created = user.text(CREATED).and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        // Graph has sorted them out by this; whoever says nothing of it is not new.
        let created = created.unwrap_or(self.since);
        match self.sign_up(user, created) {
            None => page.left_out.others += 1,
            Some(_) if created > self.until => page.left_out.settling += 1,
            Some(sign_up) => {
                let attributes = &self.policy.attributes;
                let data = enrich::data(self.policy.tenant, &sign_up, user, attributes);
                page.events.push(Event::new(data));
            }
        }
    }

    /// How this user signed up; `None` if they did not.
    fn sign_up(&self, user: &User, created: OffsetDateTime) -> Option<SignUp> {
        match self.log.get(&user.id) {
            Some(known) => known.clone(),
            None => (!user.identity_providers().is_empty()).then(|| SignUp {
                user_id: user.id,
                at: created,
                entry_id: NO_ENTRY.to_owned(),
                correlation_id: None,
                app_id: None,
                seen_at: None,
            }),
        }
    }
}

async fn read_log(
    graph: &Graph,
    policy: &Policy,
    from: OffsetDateTime,
    to: OffsetDateTime,
) -> Result<Log, GraphError> {
    let mut log = Log::new();
    let mut next = Some(graph.audit_link(ADD_USER, from, to));
    while let Some(link) = next {
        let AuditPage { entries, next: following } = graph.audit_page(&link).await?;
        // One that can't be read says of nobody how they were made: as if it weren't there.
        for entry in entries.into_iter().flatten().filter(|entry| entry.success) {
            if let Some(user) = entry.target_user {
                log.insert(user, recognise(entry, &policy.actors).ok().flatten());
            }
        }
        next = following;
        if next.is_some() {
            sleep(BETWEEN_PAGES).await;
        }
    }
    Ok(log)
}

#[cfg(test)]
mod tests;
