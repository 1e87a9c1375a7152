//! Which application permissions our app has: its token says so.
//!
//! The token is Graph's to check; we only read in it what an administrator has consented to.

use std::collections::BTreeSet;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

/// The application permissions in a token. <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roles(BTreeSet<String>);

#[derive(Deserialize)]
struct Claims {
    /// Left out if there are none.
    #[serde(default)]
    roles: BTreeSet<String>,
}

/// What else lets an app do the same, each with more besides.
/// <https://learn.microsoft.com/graph/permissions-reference>
const BROADER: [(&str, &[&str]); 3] = [
    ("User.Read.All", &["User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]),
    ("GroupMember.ReadWrite.All", &["Group.ReadWrite.All", "Directory.ReadWrite.All"]),
    ("Application.Read.All", &["Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]),
];

/// How an app's permissions compare with what it needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    /// Needed, and there.
    pub(crate) held: Vec<String>,
    /// Needed, and neither there nor covered by another.
    pub(crate) missing: Vec<String>,
    /// There, and nothing needs it: for each what would do instead, if it stands in for something.
    pub(crate) too_broad: Vec<(String, Option<String>)>,
}

impl Roles {
    /// Those in a token; `None` if it is not one that can be read, which Entra does not promise.
    pub(crate) fn of_token(token: &str) -> Option<Self> {
        let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let Claims { roles } = serde_json::from_slice(&payload).ok()?;
        Some(Self(roles))
    }

    /// Compares them with what is needed.
    pub(crate) fn compare(&self, needed: &[&str]) -> Compared {
        let mut compared = Compared::default();
        let mut stand_ins = BTreeSet::new();
        for need in needed {
            if self.0.contains(*need) {
                compared.held.push((*need).to_owned());
                continue;
            }
            match self.stand_in(need) {
                Some(broader) => {
                    stand_ins.insert(broader);
                    compared.too_broad.push((broader.to_owned(), Some((*need).to_owned())));
                }
                None => compared.missing.push((*need).to_owned()),
            }
        }
        let unneeded = self.0.iter().map(String::as_str);
        let unneeded = unneeded.filter(|role| !needed.contains(role) && !stand_ins.contains(*role));
        compared.too_broad.extend(unneeded.map(|role| (role.to_owned(), None)));
        compared
    }

    fn stand_in(&self, need: &str) -> Option<&'static str> {
        let (_, broader) = BROADER.iter().find(|(known, _)| *known == need)?;
        broader.iter().copied().find(|role| self.0.contains(*role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(claims), part("signature"))
    }

    fn compared(roles: &str, needed: &[&str]) -> Compared {
        Roles::of_token(&token(&format!(r#"{{"roles":{roles}}}"#))).unwrap().compare(needed)
    }

    #[test]
    fn a_token_that_says_nothing_readable_tells_nothing() {
        for opaque in ["opaque.0123", "", "a.b.c", "opaque"] {
            assert_eq!(Roles::of_token(opaque), None, "{opaque}");
        }
        assert_eq!(Roles::of_token(&token("{}")), Some(Roles(BTreeSet::new())));
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_is_named() {
        let needed = ["AuditLog.Read.All", "User.Read.All"];
        let exact = compared(r#"["AuditLog.Read.All","User.Read.All"]"#, &needed);
        assert_eq!(exact, Compared { held: needed.map(str::to_owned).into(), ..Compared::default() });

        let off = compared(r#"["Directory.ReadWrite.All"]"#, &needed);
        assert_eq!(off.missing, ["AuditLog.Read.All"]);
        let instead = ("Directory.ReadWrite.All".to_owned(), Some("User.Read.All".to_owned()));
        assert_eq!(off.too_broad, [instead]);

        let more = compared(r#"["AuditLog.Read.All","User.Read.All","Mail.Send"]"#, &needed);
        assert_eq!(more.too_broad, [("Mail.Send".to_owned(), None)]);
    }
}
