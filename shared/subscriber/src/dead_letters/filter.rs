//! Which dead letters are meant: one set of flags for all commands.

use std::{collections::BTreeSet, ffi::OsString, fmt, str::FromStr, time::Duration};

use clap::Args;
use time::{Date, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};
use uuid::Uuid;

use super::{DeadLetter, Span};

/// Which dead letters are meant; what is not set matches all. Ages count from when the broker accepted the message.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those dead-lettered for this reason, as in StripeRejected
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only those whose description has this status, as in 400
    #[arg(long, value_name = "STATUS")]
    pub status: Option<u16>,
    /// Only those that the broker accepted longer ago than this, as in 30d
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub older_than: Option<Duration>,
    /// Only those that the broker accepted less long ago than this, as in 2h
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub newer_than: Option<Duration>,
    /// Only those accepted since then: 2026-03-01, 2026-03-01T09:30:00Z, or how long ago, as in 7d
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
    /// Only those about this user
    #[arg(long, value_name = "USER_ID")]
    pub user: Option<Uuid>,
    /// Only those about the sign-up with this event id
    #[arg(long, value_name = "EVENT_ID")]
    pub event: Option<Uuid>,
    /// Only those with these sequence numbers: 7, 7..90 (90 included), 7.. or ..90
    #[arg(long, value_name = "SEQ")]
    pub seq: Option<Span>,
}

/// A moment, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Then.
    At(OffsetDateTime),
    /// So long before whoever asks.
    Ago(Duration),
}

impl Filter {
    /// Whether it matches everything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What it comes to now: a walk that takes hours must not match more by its end than it did when it began.
    pub fn at(&self, now: OffsetDateTime) -> Matcher {
        let since = self.since.map(|since| match since {
            Since::At(moment) => moment,
            Since::Ago(duration) => ago(now, duration),
        });
        Matcher {
            until: self.older_than.map(|age| ago(now, age)),
            from: since.max(self.newer_than.map(|age| ago(now, age))),
            among: None,
            filter: self.clone(),
        }
    }

    /// The arguments that this filter is read from, to hand it on to another program.
    pub fn to_args(&self) -> Vec<OsString> {
        let age = |age: Duration| humantime::format_duration(age).to_string();
        let flags = [
            ("reason", self.reason.clone()),
            ("status", self.status.map(|it| it.to_string())),
            ("older-than", self.older_than.map(age)),
            ("newer-than", self.newer_than.map(age)),
            ("since", self.since.map(|it| it.to_string())),
            ("user", self.user.map(|it| it.to_string())),
            ("event", self.event.map(|it| it.to_string())),
            ("seq", self.seq.map(|it| it.to_string())),
        ];
        flags.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value?).into())).collect()
    }
}

/// The longest ago that can be said is 1970: no message is older.
fn ago(now: OffsetDateTime, duration: Duration) -> OffsetDateTime {
    let nanoseconds = i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
    let then = now.unix_timestamp_nanos().saturating_sub(nanoseconds).max(0);
    OffsetDateTime::from_unix_timestamp_nanos(then).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A filter at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    filter: Filter,
    /// The last moment, and the first, at which a letter may have been accepted.
    until: Option<OffsetDateTime>,
    from: Option<OffsetDateTime>,
    among: Option<BTreeSet<i64>>,
}

impl Matcher {
    /// Of what it matches, only these sequence numbers.
    #[must_use]
    pub fn among(mut self, numbers: impl IntoIterator<Item = i64>) -> Self {
        self.among = Some(numbers.into_iter().collect());
        self
    }

    /// Whether it matches this one. What is cheap to find out is asked first: a body is read only if it must be.
    pub fn matches(&self, letter: &DeadLetter<'_>) -> bool {
        let Filter { reason, status, user, event, .. } = &self.filter;
        let number = letter.sequence_number;
        (self.first()..=self.last()).contains(&number)
            && self.among.as_ref().is_none_or(|among| among.contains(&number))
            && self.until.is_none_or(|until| letter.enqueued_at <= until)
            && self.from.is_none_or(|from| letter.enqueued_at >= from)
            && reason.as_deref().is_none_or(|reason| letter.reason() == reason)
            && status.is_none_or(|status| letter.status() == Some(status))
            && event.is_none_or(|event| letter.is_of_event(event))
            && user.is_none_or(|user| letter.is_of_user(user))
    }

    /// The lowest sequence number that it can match.
    pub fn first(&self) -> i64 {
        let among = self.among.as_ref().and_then(BTreeSet::first);
        self.span().first.max(among.copied().unwrap_or_default())
    }

    /// The highest sequence number that it can match.
    pub fn last(&self) -> i64 {
        let among = self.among.as_ref().and_then(BTreeSet::last);
        self.span().last.min(among.copied().unwrap_or(i64::MAX))
    }

    fn span(&self) -> Span {
        self.filter.seq.unwrap_or_default()
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(moment) = OffsetDateTime::parse(text, &Rfc3339) {
            return Ok(Self::At(moment));
        }
        if let Ok(date) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
            return Ok(Self::At(date.midnight().assume_utc()));
        }
        let duration = humantime::parse_duration(text);
        duration.map(Self::Ago).map_err(|_| "must be a date, a time in RFC 3339, or a duration such as 7d")
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(moment) => f.write_str(&moment.format(&Rfc3339).map_err(|_| fmt::Error)?),
            Self::Ago(duration) => humantime::format_duration(*duration).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
