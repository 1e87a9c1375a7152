//! All users of the tenant, page by page. <https://learn.microsoft.com/graph/api/user-list>

use std::fmt;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value};
use time::{OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem, macros::format_description};
use usher_http::Url;

use crate::{
    Graph, GraphError, User,
    graph::{self, request},
    user,
};

/// Users on a page: Graph's own default, small enough for a page with long names to stay small.
const PAGE_SIZE: &str = "100";
/// As `$filter` takes a time.
const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// Where the next page of users is, as Graph gave it. Opaque.
#[derive(Clone, PartialEq, Eq)]
pub struct UsersLink(String);

/// A page of users.
#[derive(Debug)]
pub struct UsersPage {
    /// Those on it, in Graph's order.
    pub users: Vec<User>,
    /// Where the next page is; `None` on the last.
    pub next: Option<UsersLink>,
}

#[derive(Deserialize)]
struct Page {
    value: Vec<Map<String, Value>>,
    #[serde(rename = "@odata.nextLink", default)]
    next: Option<String>,
}

impl Graph {
    /// Reads the `select`ed properties of the users on a page: the first, or the one that `next` leads to.
    ///
    /// # Errors
    /// [`GraphError::ForeignLink`] if the link leads away from Graph; nothing is sent then. Others as they say.
    pub async fn users_page(
        &self,
        next: Option<&UsersLink>,
        select: &[&str],
    ) -> Result<UsersPage, GraphError> {
        let first = self.url("/users", &[("$select", &user::select(select)), ("$top", PAGE_SIZE)]);
        self.page_of_users(first, next).await
    }

    /// As [`Graph::users_page`], of those who were made at `since` or later.
    ///
    /// # Errors
    /// As for [`Graph::users_page`].
    pub async fn users_since_page(
        &self,
        since: OffsetDateTime,
        next: Option<&UsersLink>,
        select: &[&str],
    ) -> Result<UsersPage, GraphError> {
        let (selected, filter) = (user::select(select), format!("createdDateTime ge {}", timestamp(since)));
        let query = [("$select", selected.as_str()), ("$top", PAGE_SIZE), ("$filter", &filter)];
        self.page_of_users(self.url("/users", &query), next).await
    }

    /// The first page, or the one that `next` leads to.
    async fn page_of_users(&self, first: Url, next: Option<&UsersLink>) -> Result<UsersPage, GraphError> {
        let url = next.map_or(Ok(first), |link| self.follow(&link.0))?;
        let answer = self.call(&request(Method::GET, &url, Bytes::new())).await?;
        let page: Page = graph::json(answer.body())?;
        let next_page = page.next.filter(|link| !link.is_empty()).map(UsersLink);
        // One that leads back to itself would never end.
        if next_page.is_some() && next_page.as_ref() == next {
            return Err(GraphError::Unreadable { at: "@odata.nextLink".to_owned() });
        }
        let users = page.value.into_iter().map(User::listed).collect::<Result<_, _>>()?;
        Ok(UsersPage { users, next: next_page })
    }
}

/// Full seconds, rounded down: `createdDateTime` has no more.
fn timestamp(time: OffsetDateTime) -> String {
    time.to_offset(UtcOffset::UTC).format(SECONDS).expect("a time in UTC has all the parts")
}

/// Only that there is one: it may hold a filter of anything.
impl fmt::Debug for UsersLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UsersLink")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{USER, answer, graph};

    const NEXT: &str = "https://graph.microsoft.com/v1.0/users?$skiptoken=abc";

    #[tokio::test(start_paused = true)]
    async fn pages_are_followed_as_graph_gives_them() {
        let (graph, asked) = graph(|n| match n {
            1 => answer(
                200,
                &json!({ "value": [{ "id": USER, "displayName": "Ada" }], "@odata.nextLink": NEXT }),
            ),
            _ => answer(200, &json!({ "value": [] })),
        });
        let first = graph.users_page(None, &["displayName"]).await.unwrap();
        assert_eq!(first.users[0].text("displayName"), Some("Ada"));
        let last = graph.users_page(first.next.as_ref(), &["displayName"]).await.unwrap();
        assert!(last.users.is_empty() && last.next.is_none());
        let start = "https://graph.microsoft.com/v1.0/users?%24select=id%2CdisplayName&%24top=100";
        assert_eq!(asked.urls(), [start, NEXT]);
    }

    #[tokio::test(start_paused = true)]
    async fn those_since_a_moment_are_asked_for_by_full_seconds_in_utc() {
        let (graph, asked) = graph(|_| answer(200, &json!({ "value": [] })));
        let since = time::macros::datetime!(2026-01-01 01:00:00.9 +01:00);
        graph.users_since_page(since, None, &["createdDateTime"]).await.unwrap();
        let filter = "%24filter=createdDateTime%20ge%202026-01-01T00%3A00%3A00Z";
        assert!(asked.urls()[0].ends_with(&format!("%24top=100&{filter}")), "{:?}", asked.urls());
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_leads_astray_is_not_followed() {
        let page = |next: &str| answer(200, &json!({ "value": [], "@odata.nextLink": next }));
        let (graph, asked) =
            graph(move |n| page(if n == 1 { NEXT } else { "https://graph.microsoft.com.evil.example/" }));
        let link = graph.users_page(None, &[]).await.unwrap().next;
        let astray = graph.users_page(link.as_ref(), &[]).await.unwrap().next;
        assert_eq!(graph.users_page(astray.as_ref(), &[]).await.unwrap_err(), GraphError::ForeignLink);
        assert_eq!(asked.urls().len(), 2, "our token does not go there");
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_leads_back_to_itself_or_holds_nobody_in_particular_is_unreadable() {
        let (looping, _) = graph(|_| answer(200, &json!({ "value": [], "@odata.nextLink": NEXT })));
        let link = looping.users_page(None, &[]).await.unwrap().next;
        let problem = looping.users_page(link.as_ref(), &[]).await.unwrap_err();
        assert_eq!(problem, GraphError::Unreadable { at: "@odata.nextLink".to_owned() });

        let (nameless, _) = graph(|_| answer(200, &json!({ "value": [{ "displayName": "Ada" }] })));
        let problem = nameless.users_page(None, &[]).await.unwrap_err();
        assert_eq!(problem, GraphError::Unreadable { at: "value.id".to_owned() });
    }
}
