//! Which settings an edge takes from the operator's environment, and which service is told them. The one place that knows.
//!
//! What is in no row nobody is told, whatever the environment holds: a checkpoint above all, which somewhere a producer
//! works with, and a subscription's name, which would be the same for all.

use super::Edge;

/// Settings of an edge.
pub(super) struct Row {
    pub(super) edge: Edge,
    whose: Whose,
    /// Of each of these lists one must be set at least.
    pub(super) required: &'static [&'static [&'static str]],
    optional: &'static [&'static str],
}

enum Whose {
    Everybody,
    Of(&'static [&'static str]),
}

impl Row {
    /// All its settings.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        let required = self.required.iter().copied().flatten();
        required.chain(self.optional).copied()
    }

    fn is_of(&self, service: &str) -> bool {
        match self.whose {
            Whose::Everybody => true,
            Whose::Of(services) => services.contains(&service),
        }
    }
}

/// What a service may be told.
pub(super) fn of(service: &str) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.is_of(service))
}

pub(super) const TABLE: &[Row] = &[
    Row { edge: Edge::Entra, whose: Whose::Everybody, required: &[&["ENTRA_TENANT_ID"]], optional: &[] },
    Row {
        edge: Edge::Entra,
        whose: Whose::Of(&["producer", "billing", "birthrights", "upn"]),
        required: &[
            &["ENTRA_CLIENT_ID"],
            &[
                "ENTRA_CLIENT_SECRET",
                "ENTRA_CLIENT_SECRET_FILE",
                "ENTRA_CLIENT_CERTIFICATE_PATH",
                "ENTRA_KEYVAULT_CERTIFICATE",
                "ENTRA_CREDENTIAL",
            ],
        ],
        optional: &[
            "ENTRA_CLIENT_CERTIFICATE_PASSWORD",
            "ENTRA_CLIENT_CERTIFICATE_PASSWORD_FILE",
            "ENTRA_AUTHORITY_HOST",
            "GRAPH_ENDPOINT",
            "GRAPH_WRITES_PER_SECOND",
        ],
    },
    Row {
        edge: Edge::Entra,
        whose: Whose::Of(&["producer"]),
        required: &[&["SIGNUP_ACTORS"]],
        optional: &[
            "EVENT_ATTRIBUTES",
            "START_FROM",
            "POLL_INTERVAL",
            "OVERLAP",
            "SWEEP_EVERY",
            "SWEEP_BACK",
        ],
    },
    // Attributes are the tenant's, whoever reads or writes them.
    Row {
        edge: Edge::Entra,
        whose: Whose::Of(&["billing"]),
        required: &[&["STRIPE_CUSTOMER_ID_ATTRIBUTE"]],
        optional: &["STRIPE_OPEN_EXTENSION"],
    },
    Row {
        edge: Edge::Entra,
        whose: Whose::Of(&["email"]),
        required: &[&["MAILCHIMP_CONSENT_ATTRIBUTE"]],
        optional: &[],
    },
    Row {
        edge: Edge::Entra,
        whose: Whose::Of(&["birthrights"]),
        required: &[&["BIRTHRIGHTS_RULES"]],
        optional: &[],
    },
    Row {
        edge: Edge::Entra,
        whose: Whose::Of(&["upn"]),
        required: &[&["UPN_DOMAIN"]],
        optional: &["UPN_TEMPLATE"],
    },
    Row {
        edge: Edge::Servicebus,
        whose: Whose::Everybody,
        required: &[&[
            "SERVICEBUS_CONNECTION_STRING",
            "SERVICEBUS_CONNECTION_STRING_FILE",
            "SERVICEBUS_NAMESPACE",
        ]],
        optional: &["SERVICEBUS_TOPIC", "SERVICEBUS_TRANSPORT"],
    },
    Row {
        edge: Edge::Stripe,
        whose: Whose::Of(&["billing"]),
        required: &[&["STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY_FILE", "STRIPE_ACCOUNTS"]],
        optional: &["STRIPE_MODE", "STRIPE_API_BASE", "STRIPE_CALLS_PER_SECOND", "STRIPE_EXISTING"],
    },
    Row {
        edge: Edge::Mailchimp,
        whose: Whose::Of(&["email"]),
        required: &[
            &["MAILCHIMP_API_KEY", "MAILCHIMP_API_KEY_FILE"],
            &["MAILCHIMP_LIST_ID"],
            &["MAILCHIMP_WELCOME_TAG"],
        ],
        optional: &[
            "MAILCHIMP_API_BASE",
            "MAILCHIMP_STATUS_IF_NEW",
            "MAILCHIMP_UNVERIFIED",
            "MAILCHIMP_MERGE_FIELDS",
            "MAILCHIMP_MARKETING_PERMISSIONS",
            "MAILCHIMP_CONNECTIONS",
        ],
    },
    Row {
        edge: Edge::Salesforce,
        whose: Whose::Of(&["crm"]),
        required: &[
            &["SALESFORCE_CLIENT_ID"],
            &["SALESFORCE_USERNAME", "SALESFORCE_USERNAME_FILE"],
            &["SALESFORCE_PRIVATE_KEY_FILE"],
        ],
        optional: &[
            "SALESFORCE_LOGIN_URL",
            "SALESFORCE_API_VERSION",
            "SALESFORCE_MAPPING",
            "SALESFORCE_CALLS_PER_SECOND",
            "SALESFORCE_LIMIT_RESERVE",
        ],
    },
    Row {
        edge: Edge::Sql,
        whose: Whose::Of(&["sql"]),
        required: &[&["SQL_DATABASE_URL", "SQL_DATABASE_URL_FILE"]],
        optional: &["SQL_TABLE", "SQL_MIGRATE", "SQL_CONNECTIONS"],
    },
    Row {
        edge: Edge::Webhook,
        whose: Whose::Of(&["webhook"]),
        required: &[&["WEBHOOK_URL", "WEBHOOK_URL_FILE"], &["WEBHOOK_SECRET", "WEBHOOK_SECRET_FILE"]],
        optional: &["WEBHOOK_ALLOW_PRIVATE", "WEBHOOK_PROBE", "WEBHOOK_CALLS_PER_SECOND"],
    },
];

/// The authorities that are trusted beside the system's.
pub(crate) const EXTRA_CA: &str = "USHER_EXTRA_CA_FILE";
/// The way out, for whoever has business outside. A call to this machine takes no proxy anyway.
pub(super) const WAY_OUT: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];

/// Who we are in Azure, the login of its command line included, which takes a path and a home.
pub(super) const AZURE: [&str; 13] = [
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_CONFIG_DIR",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "PATH",
    "HOME",
];
/// Whoever is told one of these is asked who they are in Azure; nobody else is told [`AZURE`].
pub(super) const ASKS_AZURE: [&str; 3] =
    ["SERVICEBUS_NAMESPACE", "ENTRA_KEYVAULT_CERTIFICATE", "ENTRA_CREDENTIAL"];
