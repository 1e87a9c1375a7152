//! The calls that the stand-ins answer, by name: what faults are aimed at and what the ledger counts.

use serde::{Deserialize, Serialize};

/// A system at the edge that this sandbox stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// Entra's token endpoint.
    Login,
    /// Microsoft Graph.
    Graph,
    /// Stripe.
    Stripe,
    /// Mailchimp.
    Mailchimp,
}

impl Vendor {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Login, Self::Graph, Self::Stripe, Self::Mailchimp];

    /// Its name in faults, outages and host names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Graph => "graph",
            Self::Stripe => "stripe",
            Self::Mailchimp => "mailchimp",
        }
    }
}

/// One kind of request that a stand-in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `POST /{tenant}/oauth2/v2.0/token`
    Token,
    /// `GET /v1.0/auditLogs/directoryAudits`
    ListAudits,
    /// `GET /v1.0/users/{id}`, alone or in a batch
    GetUser,
    /// `PATCH /v1.0/users/{id}`, alone or in a batch
    PatchUser,
    /// `GET /v1.0/users`
    ListUsers,
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
    /// `PUT /3.0/lists/{id}/members/{hash}`
    PutMember,
    /// `POST /3.0/lists/{id}/members/{hash}/tags`
    TagMember,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Token,
        Self::ListAudits,
        Self::GetUser,
        Self::PatchUser,
        Self::ListUsers,
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
        Self::PutMember,
        Self::TagMember,
    ];

    /// Its name in faults and in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "login.token",
            Self::ListAudits => "graph.audit",
            Self::GetUser => "graph.get_user",
            Self::PatchUser => "graph.patch_user",
            Self::ListUsers => "graph.list_users",
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
            Self::PutMember => "mailchimp.put_member",
            Self::TagMember => "mailchimp.tag_member",
        }
    }

    /// Whose call it is.
    pub const fn vendor(self) -> Vendor {
        match self {
            Self::Token => Vendor::Login,
            Self::ListAudits
            | Self::GetUser
            | Self::PatchUser
            | Self::ListUsers
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
            Self::GetList | Self::PutMember | Self::TagMember => Vendor::Mailchimp,
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
