//! Step 2: which entries of the audit log are sign-ups.
//!
//! A sign-up is an `Add user` that succeeded and was made by one of the configured apps on its own. An
//! administrator's creation has a person as its actor, whatever the app; a synchronisation has another app.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use usher_entra::{AuditEntry, BadEntry};
use uuid::Uuid;

/// The activity that makes a user. The log's category says nothing: it does not always fit.
pub(crate) const ADD_USER: &str = "Add user";

/// A sign-up as the audit log has it: ids and times only, so that it may be kept in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignUp {
    /// The user's object id.
    pub user_id: Uuid,
    /// When the user was made.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The id of the entry.
    pub entry_id: String,
    /// What the entries of one operation share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The app that made the user, where the log says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<Uuid>,
    /// When we first saw the entry; `None` if it may have been seen and dealt with before.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<OffsetDateTime>,
}

/// The sign-up that an entry tells of; `None` if it tells of something else.
///
/// # Errors
/// A sign-up that doesn't say whose.
pub(crate) fn recognise(entry: AuditEntry, actors: &BTreeSet<Uuid>) -> Result<Option<SignUp>, BadEntry> {
    if !is_sign_up(&entry, actors) {
        return Ok(None);
    }
    let AuditEntry { id, at, correlation_id, actor, target_user, .. } = entry;
    match target_user {
        Some(user_id) => {
            let app_id = actor.app_id;
            Ok(Some(SignUp { user_id, at, entry_id: id, correlation_id, app_id, seen_at: None }))
        }
        None => Err(BadEntry { id: Some(id), at: "targetResources".to_owned() }),
    }
}

fn is_sign_up(entry: &AuditEntry, actors: &BTreeSet<Uuid>) -> bool {
    let actor = &entry.actor;
    let by_one_of_ours =
        [actor.app_id, actor.service_principal_id].iter().flatten().any(|id| actors.contains(id));
    entry.activity.as_deref() == Some(ADD_USER) && entry.success && by_one_of_ours && !actor.is_person
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use usher_entra::AuditActor;

    use super::*;

    const APP: Uuid = Uuid::from_u128(1);
    const USER: Uuid = Uuid::from_u128(2);

    fn sign_up() -> AuditEntry {
        AuditEntry {
            id: "Directory_1".to_owned(),
            at: datetime!(2026-01-01 12:00 UTC),
            activity: Some(ADD_USER.to_owned()),
            success: true,
            correlation_id: None,
            actor: AuditActor { app_id: Some(APP), ..AuditActor::default() },
            target_user: Some(USER),
        }
    }

    fn user(change: impl FnOnce(&mut AuditEntry)) -> Result<Option<Uuid>, BadEntry> {
        let mut entry = sign_up();
        change(&mut entry);
        recognise(entry, &BTreeSet::from([APP])).map(|sign_up| sign_up.map(|sign_up| sign_up.user_id))
    }

    #[test]
    fn only_what_a_sign_up_app_did_on_its_own_is_a_sign_up() {
        assert_eq!(user(|_| ()), Ok(Some(USER)));
        assert_eq!(user(|entry| entry.actor.app_id = Some(USER)), Ok(None), "another app");
        assert_eq!(user(|entry| entry.actor = AuditActor::default()), Ok(None), "nobody knows who");
        assert_eq!(user(|entry| entry.actor.is_person = true), Ok(None), "an administrator");
        assert_eq!(user(|entry| entry.success = false), Ok(None), "it failed");
        assert_eq!(user(|entry| entry.activity = Some("Update user".to_owned())), Ok(None));
        let by_principal = AuditActor { service_principal_id: Some(APP), ..AuditActor::default() };
        assert_eq!(user(|entry| entry.actor = by_principal), Ok(Some(USER)));
    }

    #[test]
    fn a_sign_up_without_a_user_is_a_bad_entry_and_not_passed_over() {
        let problem = user(|entry| entry.target_user = None).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "entry Directory_1 of the audit log can't be read at targetResources"
        );
    }
}
