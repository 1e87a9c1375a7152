//! The event's data: what a consumer may know of a new user.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

/// A user who has just signed up. All that the user typed is self-asserted; `Debug` shows none of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserSignedUp {
    /// The external tenant.
    pub tenant_id: Uuid,
    /// The user's object id.
    pub user_id: Uuid,
    /// As typed or as the identity provider gave it; may be `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// First name, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Last name, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surname: Option<String>,
    /// E-mail address, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the tenant itself verified the address.
    pub email_verified: bool,
    /// How the user signs in.
    pub identity_providers: Vec<IdentityProvider>,
    /// When the sign-up was recorded.
    #[serde(with = "time::serde::rfc3339")]
    pub signed_up_at: OffsetDateTime,
    /// The application through which the user signed up, where the log says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
    /// Custom attributes, of those on the producer's allow-list, by name.
    #[serde(default)]
    pub attributes: BTreeMap<String, Value>,
    /// The entry of the audit log that told us.
    pub audit: Audit,
}

/// One way in which a user signs in. The identifier itself is left out: the e-mail is given once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityProvider {
    /// `emailAddress`, `federated`, `userPrincipalName`, ...
    pub sign_in_type: String,
    /// Who vouches: the tenant's own domain, `google.com`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// Where in the audit log a sign-up was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// The entry's id; opaque.
    pub id: String,
    /// What the entries of one operation share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

impl fmt::Debug for UserSignedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserSignedUp")
            .field("tenant_id", &self.tenant_id)
            .field("user_id", &self.user_id)
            .field("signed_up_at", &self.signed_up_at)
            .field("attributes", &self.attributes.keys().collect::<Vec<_>>())
            .field("audit", &self.audit)
            .finish_non_exhaustive()
    }
}
