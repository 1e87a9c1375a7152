//! The calls that the stand-ins answer, by name: what faults are aimed at and what the ledger counts.

use serde::{Deserialize, Serialize};

/// A system at the edge that this sandbox stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// Entra's token endpoint, and what shares its port: the key vault and the platform's managed identities.
    Login,
    /// Microsoft Graph.
    Graph,
    /// Stripe.
    Stripe,
    /// Mailchimp.
    Mailchimp,
    /// Salesforce.
    Salesforce,
    /// The SQL database, where it is called rather than a file.
    Database,
    /// Whoever receives the webhook.
    Webhook,
}

impl Vendor {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Login,
        Self::Graph,
        Self::Stripe,
        Self::Mailchimp,
        Self::Salesforce,
        Self::Database,
        Self::Webhook,
    ];

    /// Its name in faults and outages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Graph => "graph",
            Self::Stripe => "stripe",
            Self::Mailchimp => "mailchimp",
            Self::Salesforce => "salesforce",
            Self::Database => "database",
            Self::Webhook => "webhook",
        }
    }
}

/// One kind of request that a stand-in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `POST /{tenant}/oauth2/v2.0/token`
    Token,
    /// `GET /msi/token`
    ManagedIdentity,
    /// `GET /certificates/{name}`, of a version or the newest
    GetCertificate,
    /// `POST /keys/{name}/{version}/sign`
    SignDigest,
    /// `GET /v1.0/auditLogs/directoryAudits`
    ListAudits,
    /// `GET /v1.0/users/{id}`, alone or in a batch
    GetUser,
    /// `PATCH /v1.0/users/{id}`, alone or in a batch
    PatchUser,
    /// `POST /v1.0/users/{id}/extensions`, `PATCH /v1.0/users/{id}/extensions/{name}`
    SetOpenExtension,
    /// `GET /v1.0/users`
    ListUsers,
    /// `POST /v1.0/users/{id}/checkMemberGroups`, alone or in a batch
    CheckGroups,
    /// `GET /v1.0/users/{id}/appRoleAssignments`, alone or in a batch
    ListAppRoles,
    /// `GET /v1.0/groups/{id}`, alone or in a batch
    GetGroup,
    /// `POST /v1.0/groups/{id}/members/$ref`, alone or in a batch
    AddMember,
    /// `GET /v1.0/servicePrincipals/{id}`, alone or in a batch
    GetServicePrincipal,
    /// `POST /v1.0/users/{id}/appRoleAssignments`, alone or in a batch
    AssignAppRole,
    /// `POST /v1.0/$batch`
    Batch,
    /// `POST /v1/customers`
    CreateCustomer,
    /// `GET /v1/customers/{id}`
    GetCustomer,
    /// `GET /v1/customers`
    ListCustomers,
    /// `GET /v1/customers/search`
    SearchCustomers,
    /// `POST /v1/customers/{id}`
    UpdateCustomer,
    /// `GET /3.0/lists/{id}`
    GetList,
    /// `GET /3.0/lists/{id}/members/{hash}`
    GetMember,
    /// `PUT /3.0/lists/{id}/members/{hash}`
    PutMember,
    /// `POST /3.0/lists/{id}/members/{hash}/tags`
    TagMember,
    /// `POST /services/oauth2/token`
    SalesforceToken,
    /// `GET /services/data/{version}/sobjects/{object}/describe`
    DescribeObject,
    /// `PATCH /services/data/{version}/sobjects/{object}/{field}/{value}`
    UpsertRecord,
    /// `GET /services/data/{version}/query`
    QueryRecords,
    /// `PUT /rows/{user}`
    UpsertRow,
    /// `GET /health`
    ProbeDatabase,
    /// `POST` to the webhook's address, with a sign-up
    Deliver,
    /// What a webhook's address is asked to see whether somebody is there
    ProbeWebhook,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 33] = [
        Self::Token,
        Self::ManagedIdentity,
        Self::GetCertificate,
        Self::SignDigest,
        Self::ListAudits,
        Self::GetUser,
        Self::PatchUser,
        Self::SetOpenExtension,
        Self::ListUsers,
        Self::CheckGroups,
        Self::ListAppRoles,
        Self::GetGroup,
        Self::AddMember,
        Self::GetServicePrincipal,
        Self::AssignAppRole,
        Self::Batch,
        Self::CreateCustomer,
        Self::GetCustomer,
        Self::ListCustomers,
        Self::SearchCustomers,
        Self::UpdateCustomer,
        Self::GetList,
        Self::GetMember,
        Self::PutMember,
        Self::TagMember,
        Self::SalesforceToken,
        Self::DescribeObject,
        Self::UpsertRecord,
        Self::QueryRecords,
        Self::UpsertRow,
        Self::ProbeDatabase,
        Self::Deliver,
        Self::ProbeWebhook,
    ];

    /// Its name in faults and in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "login.token",
            Self::ManagedIdentity => "login.managed_identity",
            Self::GetCertificate => "login.vault_certificate",
            Self::SignDigest => "login.vault_sign",
            Self::ListAudits => "graph.audit",
            Self::GetUser => "graph.get_user",
            Self::PatchUser => "graph.patch_user",
            Self::SetOpenExtension => "graph.set_extension",
            Self::ListUsers => "graph.list_users",
            Self::CheckGroups => "graph.check_groups",
            Self::ListAppRoles => "graph.list_app_roles",
            Self::GetGroup => "graph.get_group",
            Self::AddMember => "graph.add_member",
            Self::GetServicePrincipal => "graph.get_service_principal",
            Self::AssignAppRole => "graph.assign_app_role",
            Self::Batch => "graph.batch",
            Self::CreateCustomer => "stripe.create_customer",
            Self::GetCustomer => "stripe.get_customer",
            Self::ListCustomers => "stripe.list_customers",
            Self::SearchCustomers => "stripe.search_customers",
            Self::UpdateCustomer => "stripe.update_customer",
            Self::GetList => "mailchimp.get_list",
            Self::GetMember => "mailchimp.get_member",
            Self::PutMember => "mailchimp.put_member",
            Self::TagMember => "mailchimp.tag_member",
            Self::SalesforceToken => "salesforce.token",
            Self::DescribeObject => "salesforce.describe",
            Self::UpsertRecord => "salesforce.upsert",
            Self::QueryRecords => "salesforce.query",
            Self::UpsertRow => "database.upsert",
            Self::ProbeDatabase => "database.probe",
            Self::Deliver => "webhook.deliver",
            Self::ProbeWebhook => "webhook.probe",
        }
    }

    /// Whose call it is.
    pub const fn vendor(self) -> Vendor {
        match self {
            Self::Token | Self::ManagedIdentity | Self::GetCertificate | Self::SignDigest => Vendor::Login,
            Self::ListAudits
            | Self::GetUser
            | Self::PatchUser
            | Self::SetOpenExtension
            | Self::ListUsers
            | Self::CheckGroups
            | Self::ListAppRoles
            | Self::GetGroup
            | Self::AddMember
            | Self::GetServicePrincipal
            | Self::AssignAppRole
            | Self::Batch => Vendor::Graph,
            Self::CreateCustomer
            | Self::GetCustomer
            | Self::ListCustomers
            | Self::SearchCustomers
            | Self::UpdateCustomer => Vendor::Stripe,
            Self::GetList | Self::GetMember | Self::PutMember | Self::TagMember => Vendor::Mailchimp,
            Self::SalesforceToken | Self::DescribeObject | Self::UpsertRecord | Self::QueryRecords => {
                Vendor::Salesforce
            }
            Self::UpsertRow | Self::ProbeDatabase => Vendor::Database,
            Self::Deliver | Self::ProbeWebhook => Vendor::Webhook,
        }
    }
}

/// What a fault is aimed at: `stripe` or `stripe.create_customer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Target {
    /// Every call to one vendor.
    Vendor(Vendor),
    /// One kind of call.
    Call(Call),
}

impl Target {
    pub(crate) fn vendor(self) -> Vendor {
        match self {
            Self::Vendor(vendor) => vendor,
            Self::Call(call) => call.vendor(),
        }
    }

    pub(crate) fn covers(self, call: Call) -> bool {
        match self {
            Self::Vendor(vendor) => call.vendor() == vendor,
            Self::Call(one) => call == one,
        }
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let vendor = Vendor::ALL.into_iter().find(|vendor| vendor.name() == name).map(Self::Vendor);
        let call = || Call::ALL.into_iter().find(|call| call.name() == name).map(Self::Call);
        vendor.or_else(call).ok_or_else(|| format!("no vendor and no call is named `{name}`"))
    }
}
