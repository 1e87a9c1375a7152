//! Result sets that are being paged through, by the opaque tokens in their links.

use std::collections::{BTreeMap, VecDeque};

use url::form_urlencoded;

use super::graph::Refused;

/// How many cursors are remembered; the oldest is forgotten first. More than any reader holds at once.
const CURSORS: usize = 256;

/// Where readers stand in their result sets.
pub(super) struct Pages<C> {
    cursors: BTreeMap<String, (String, C)>,
    oldest_first: VecDeque<String>,
}

impl<C> Default for Pages<C> {
    fn default() -> Self {
        Self { cursors: BTreeMap::new(), oldest_first: VecDeque::new() }
    }
}

impl<C: Clone> Pages<C> {
    /// Remembers where a reader stands, and says how its link ends. `query` is that of the first page.
    pub(super) fn remember(&mut self, token: String, query: &str, cursor: C) -> String {
        if self.oldest_first.len() == CURSORS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.cursors.remove(&oldest);
        }
        let separator = if query.is_empty() { "" } else { "&" };
        let link = format!("{query}{separator}$skiptoken={token}");
        self.oldest_first.push_back(token.clone());
        self.cursors.insert(token, (query.to_owned(), cursor));
        link
    }

    /// Where the reader of this link stood: it is followed as it is or not at all.
    pub(super) fn resume(&self, token: &str, query: &str) -> Result<C, Refused> {
        let cursor = self.cursors.get(token).filter(|(first, _)| first == query);
        let unknown = || Refused::bad_request("The skip token is not valid for this request.");
        cursor.map(|(_, cursor)| cursor.clone()).ok_or_else(unknown)
    }
}

/// The query as it was when the first page was asked for.
pub(super) fn without_skiptoken(query: &str) -> String {
    let is_skiptoken =
        |pair: &str| form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| name == "$skiptoken");
    let kept: Vec<_> = query.split('&').filter(|pair| !is_skiptoken(pair)).collect();
    kept.join("&")
}

/// The value of `$top`, if it was given.
pub(super) fn top(top: Option<&str>, most: usize) -> Result<Option<usize>, Refused> {
    let Some(top) = top else { return Ok(None) };
    let size = top.parse().ok().filter(|size| (1..=most).contains(size));
    size.map(Some).ok_or_else(|| {
        Refused::bad_request(format!("Invalid value '{top}' for $top: it must be between 1 and {most}."))
    })
}
