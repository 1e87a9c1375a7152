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
}

impl Vendor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Login, Self::Graph, Self::Stripe];

    /// Its name in faults, outages and host names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Graph => "graph",
            Self::Stripe => "stripe",
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
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Token,
        Self::ListAudits,
        Self::GetUser,
        Self::PatchUser,
        Self::Batch,
        Self::CreateCustomer,
        Self::GetCustomer,
        Self::ListCustomers,
        Self::SearchCustomers,
        Self::UpdateCustomer,
    ];

    /// Its name in faults and in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "login.token",
            Self::ListAudits => "graph.audit",
            Self::GetUser => "graph.get_user",
            Self::PatchUser => "graph.patch_user",
            Self::Batch => "graph.batch",
            Self::CreateCustomer => "stripe.create_customer",
            Self::GetCustomer => "stripe.get_customer",
            Self::ListCustomers => "stripe.list_customers",
            Self::SearchCustomers => "stripe.search_customers",
            Self::UpdateCustomer => "stripe.update_customer",
        }
    }

    /// Whose call it is.
    pub const fn vendor(self) -> Vendor {
        match self {
            Self::Token => Vendor::Login,
            Self::ListAudits | Self::GetUser | Self::PatchUser | Self::Batch => Vendor::Graph,
            Self::CreateCustomer
            | Self::GetCustomer
            | Self::ListCustomers
            | Self::SearchCustomers
            | Self::UpdateCustomer => Vendor::Stripe,
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
