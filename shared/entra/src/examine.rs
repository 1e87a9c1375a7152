//! What can be found out about our way into a tenant without touching anything in it: whether Entra gives a token,
//! what it lets us do and what it should not, and whether our clock agrees with Graph's.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, header::DATE};
use secrecy::ExposeSecret;
use time::OffsetDateTime;
use usher_finding::Finding;
use usher_identity::day;
use uuid::Uuid;

use crate::{
    CredentialError, Expiry, Graph, GraphError,
    graph::request,
    reminder::SOON,
    roles::{Compared, Roles},
    user,
};

/// Clocks that differ by more than this have begun to go wrong: tokens and locks bear five minutes at most.
const SKEW: Duration = Duration::from_secs(60);

impl Graph {
    /// Looks at the credentials, at the `needed` application permissions, and at the clock. Writes nothing.
    pub async fn examine(&self, needed: &[&str]) -> Vec<Finding> {
        let token = match self.token().await {
            Ok(token) => token,
            Err(error) => return vec![no_token(&error)],
        };
        let mut findings = vec![Finding::ok("credentials", "Entra gives a token")];
        findings.extend(self.credential_expiry().map(|expiry| expires(expiry, self.clock.now())));
        match Roles::of_token(token.secret.expose_secret()) {
            Some(roles) => findings.extend(permissions(roles.compare(needed))),
            None => findings.push(unreadable_token(needed)),
        }
        findings.push(self.clock_compared().await);
        findings
    }

    /// Graph says in every answer what time it is, also of a user that no tenant has.
    async fn clock_compared(&self) -> Finding {
        let url = self.url(&user::path(Uuid::nil()), &[("$select", "id")]);
        match self.answer(&request(Method::GET, &url, Bytes::new())).await {
            Ok(answer) => clock(said_at(answer.headers()), self.clock.now()),
            Err(error) => no_answer(&error),
        }
    }
}

fn no_token(error: &CredentialError) -> Finding {
    Finding::wrong("credentials", error.to_string(), error.remedy())
}

fn expires(expiry: Expiry, now: OffsetDateTime) -> Finding {
    const CHECK: &str = "credential's expiry";
    let left: Duration = (expiry.at - now).try_into().unwrap_or_default();
    let days = left.as_secs() / (24 * 3600);
    let what = format!("{} expires on {}, in {days} days", expiry.kind.noun(), day(expiry.at));
    if left > SOON { Finding::ok(CHECK, what) } else { Finding::warning(CHECK, what, expiry.kind.renewal()) }
}

fn unreadable_token(needed: &[&str]) -> Finding {
    let what = "the token is not one that can be read here";
    let mend = format!(
        "see in the Entra admin centre, at the app registration under API permissions, that an administrator has \
         consented to {} and to no more",
        needed.join(", ")
    );
    Finding::skipped("permissions", what, mend)
}

fn permissions(compared: Compared) -> Vec<Finding> {
    let Compared { held, missing, too_broad } = compared;
    let held = held.into_iter().map(|role| Finding::ok(named(&role), "granted"));
    let missing = missing.into_iter().map(|role| {
        let mend = format!(
            "add the application permission {role} to ENTRA_CLIENT_ID's app, and have it consented to"
        );
        Finding::wrong(named(&role), "the app lacks it", mend)
    });
    held.chain(missing).chain(too_broad.into_iter().map(too_much)).collect()
}

fn too_much((role, instead): (String, Option<String>)) -> Finding {
    let what = "more than this service needs: whoever gets its secret may do all that";
    let mend = match instead {
        Some(instead) => format!("grant {instead} and take {role} away"),
        None => format!("take {role} away, or give this service an app registration of its own"),
    };
    Finding::warning(named(&role), what, mend)
}

fn named(role: &str) -> String {
    format!("permission {role}")
}

fn said_at(headers: &HeaderMap) -> Option<OffsetDateTime> {
    let date = headers.get(DATE)?.to_str().ok()?;
    Some(httpdate::parse_http_date(date).ok()?.into())
}

fn clock(theirs: Option<OffsetDateTime>, ours: OffsetDateTime) -> Finding {
    let Some(theirs) = theirs else {
        return Finding::skipped(
            "clock",
            "Graph's answer does not say what time it is",
            "compare it yourself",
        );
    };
    let skew = (ours - theirs).unsigned_abs();
    let what = format!("ours and Graph's differ by {} s", skew.as_secs());
    if skew <= SKEW {
        return Finding::ok("clock", what);
    }
    let mend = "have this machine's clock kept right (NTP): tokens, locks and the log's window go by it";
    Finding::warning("clock", what, mend)
}

fn no_answer(error: &GraphError) -> Finding {
    Finding::wrong(
        "graph",
        error.to_string(),
        "check GRAPH_ENDPOINT, the proxy settings and USHER_EXTRA_CA_FILE",
    )
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use usher_finding::State;

    use super::*;
    use crate::CredentialKind;

    const NOON: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    #[test]
    fn a_clock_that_is_off_by_more_than_a_minute_is_a_warning() {
        for (theirs, state) in [(60, State::Ok), (61, State::Warning), (-61, State::Warning)] {
            let theirs = NOON + time::Duration::seconds(theirs);
            assert_eq!(clock(Some(theirs), NOON).state, state, "{theirs}");
        }
        assert_eq!(clock(None, NOON).state, State::Skipped);
    }

    #[test]
    fn a_credential_that_expires_within_a_month_is_a_warning_with_the_day() {
        for (days, state) in [(365, State::Ok), (31, State::Ok), (30, State::Warning), (0, State::Warning)] {
            let at = NOON + time::Duration::days(days);
            let finding = expires(Expiry { kind: CredentialKind::CertificateFile, at }, NOON);
            assert_eq!(finding.state, state, "{finding:?}");
            assert!(finding.what.contains(&day(at)), "{finding:?}");
        }
    }

    #[test]
    fn the_time_is_read_from_an_answer() {
        let date = "Thu, 01 Jan 2026 12:00:00 GMT".parse().unwrap();
        assert_eq!(said_at(&HeaderMap::from_iter([(DATE, date)])), Some(NOON));
        assert_eq!(said_at(&HeaderMap::new()), None);
    }

    #[test]
    fn each_missing_permission_is_wrong_and_says_what_mends_it() {
        let compared = Compared { missing: vec!["User.Read.All".to_owned()], ..Compared::default() };
        let [finding] = &permissions(compared)[..] else { panic!("one finding") };
        assert_eq!(finding.state, State::Wrong);
        assert!(finding.mend.as_deref().is_some_and(|mend| mend.contains("User.Read.All")), "{finding:?}");
    }
}
