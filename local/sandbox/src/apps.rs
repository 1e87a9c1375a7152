//! The app registrations of the tenant, and what each may do.

use std::collections::BTreeSet;

use secrecy::SecretString;
use uuid::Uuid;

use crate::{
    BILLING_CLIENT_ID, BILLING_CLIENT_SECRET, BIRTHRIGHTS_CLIENT_ID, BIRTHRIGHTS_CLIENT_SECRET, CLIENT_ID,
    CLIENT_SECRET, IDENTITY_CLIENT_ID, IDENTITY_CLIENT_SECRET, PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET,
    UPN_CLIENT_ID, UPN_CLIENT_SECRET,
};

/// An app registration. Each has request quotas of its own.
#[derive(Clone, Debug)]
pub struct App {
    /// Its client id.
    pub id: Uuid,
    /// Its secret.
    pub secret: SecretString,
    /// What an administrator has consented to.
    pub permissions: BTreeSet<Permission>,
}

/// An application permission of Graph. <https://learn.microsoft.com/graph/permissions-reference>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// `AuditLog.Read.All`
    AuditLogRead,
    /// `User.Read.All`
    UserRead,
    /// `User.ReadWrite.All`
    UserReadWrite,
    /// `GroupMember.Read.All`
    GroupMemberRead,
    /// `GroupMember.ReadWrite.All`
    GroupMemberReadWrite,
    /// `Application.Read.All`
    ApplicationRead,
    /// `AppRoleAssignment.ReadWrite.All`
    AppRoleAssignmentReadWrite,
    /// `RoleManagement.ReadWrite.Directory`: none of Usher's should have it.
    RoleManagementReadWrite,
}

impl App {
    /// An app registration with these permissions.
    pub fn new(id: Uuid, secret: &str, permissions: impl IntoIterator<Item = Permission>) -> Self {
        Self { id, secret: secret.into(), permissions: permissions.into_iter().collect() }
    }
}

/// One that all may share, one for each with the least that it needs, and the platform's, which may do nothing in Graph.
pub(crate) fn usual() -> Vec<App> {
    use Permission::{
        AppRoleAssignmentReadWrite, ApplicationRead, AuditLogRead, GroupMemberReadWrite, UserRead,
        UserReadWrite,
    };
    let grants = [GroupMemberReadWrite, ApplicationRead, AppRoleAssignmentReadWrite];
    let shared = [AuditLogRead, UserReadWrite].into_iter().chain(grants);
    let birthrights = [UserRead].into_iter().chain(grants);
    vec![
        App::new(CLIENT_ID, CLIENT_SECRET, shared),
        App::new(PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET, [AuditLogRead, UserRead]),
        App::new(BILLING_CLIENT_ID, BILLING_CLIENT_SECRET, [UserReadWrite]),
        App::new(BIRTHRIGHTS_CLIENT_ID, BIRTHRIGHTS_CLIENT_SECRET, birthrights),
        App::new(UPN_CLIENT_ID, UPN_CLIENT_SECRET, [UserReadWrite]),
        App::new(IDENTITY_CLIENT_ID, IDENTITY_CLIENT_SECRET, []),
    ]
}
