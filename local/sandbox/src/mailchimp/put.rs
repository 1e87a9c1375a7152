//! `PUT /3.0/lists/{list}/members/{hash}`: adds a member, or changes one.
//! <https://mailchimp.com/developer/marketing/api/list-members/add-or-update-list-member/>

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{
    list::{check_list, query_options},
    member::{Member, MemberStatus, hash},
    problem::{Authenticated, Problem, settle},
};
use crate::{Answer, MailchimpSettings, Misuse, Sandbox, world::World};

/// The longest text of a merge field, in bytes: <https://mailchimp.com/help/manage-audience-signup-form-fields/>.
const MERGE_FIELD: usize = 255;

/// What a member is made of, of all that the reference lists. What isn't named here is refused, so that nothing
/// that we send goes unnoticed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    email_address: String,
    status_if_new: Option<MemberStatus>,
    status: Option<MemberStatus>,
    #[serde(default, rename = "email_type")]
    _email_type: Option<EmailType>,
    #[serde(default, rename = "language")]
    _language: Option<String>,
    #[serde(default)]
    merge_fields: BTreeMap<String, Value>,
    #[serde(default)]
    marketing_permissions: Vec<Permission>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum EmailType {
    Html,
    Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Permission {
    marketing_permission_id: String,
    enabled: bool,
}

pub(super) async fn put(
    State(sandbox): State<Sandbox>,
    _: Authenticated,
    Path((list, member)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    sandbox.with(|world, now| {
        let shown = check_list(world, &list).and_then(|()| {
            let body: Body = read(&body)?;
            let complete = required_fields_matter(query.as_deref())?;
            check(&world.settings.mailchimp, &member, &body, complete)?;
            upsert(world, body, now)
        });
        settle(world, shown)
    })
}

/// A JSON object of a known form.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let json: Map<String, Value> = serde_json::from_slice(body).map_err(|_| Problem::bad_json())?;
    T::deserialize(Value::Object(json)).map_err(|e| Problem::invalid_field("", e.to_string()))
}

fn required_fields_matter(query: Option<&str>) -> Result<bool, Problem> {
    let options = query_options(query, &["skip_merge_validation"])?;
    match options.get("skip_merge_validation").map(String::as_str) {
        None | Some("false") => Ok(true),
        Some("true") => Ok(false),
        Some(_) => Err(Problem::invalid_field("skip_merge_validation", "Schema describes boolean.")),
    }
}

fn check(settings: &MailchimpSettings, member: &str, body: &Body, complete: bool) -> Result<(), Problem> {
    if member != hash(&body.email_address) {
        let message = "The address's MD5 hash in lower case is not the one in the path.";
        return Err(Problem::invalid_field("email_address", message));
    }
    for (tag, value) in &body.merge_fields {
        check_merge_field(settings, tag, value)?;
    }
    let lacks = |tag: &str| body.merge_fields.get(tag).is_none_or(|value| value == "");
    let missing = settings.merge_fields.iter().find(|(tag, required)| *required && lacks(tag));
    if let Some((tag, _)) = missing.filter(|_| complete) {
        return Err(Problem::invalid_field(tag, "Please enter a value"));
    }
    let unknown = body
        .marketing_permissions
        .iter()
        .map(|permission| &permission.marketing_permission_id)
        .find(|id| !settings.marketing_permissions.contains(id));
    match unknown {
        Some(id) => Err(Problem::invalid_field(
            "marketing_permissions",
            format!("The marketing permission {id} does not exist."),
        )),
        None => Ok(()),
    }
}

fn check_merge_field(settings: &MailchimpSettings, tag: &str, value: &Value) -> Result<(), Problem> {
    let field = format!("merge_fields.{tag}");
    if !settings.merge_fields.iter().any(|(known, _)| known == tag) {
        return Err(Problem::invalid_field(field, "This merge field does not exist."));
    }
    match value.as_str() {
        Some(text) if text.len() <= MERGE_FIELD => Ok(()),
        Some(_) => Err(Problem::invalid_field(field, "Please enter a value of at most 255 characters")),
        None => {
            Err(Problem::invalid_field(field, "Data did not match any of the schemas described in anyOf."))
        }
    }
}

fn upsert(world: &mut World, body: Body, now: OffsetDateTime) -> Result<Answer, Problem> {
    world.mailchimp.admit(&body.email_address)?;
    let member = match world.mailchimp.of(&body.email_address) {
        Some(member) => {
            if let Some(status) = body.status {
                *world.misuses.entry(Misuse::StatusOfMember).or_default() += 1;
                resubscribe(member, status)?;
            }
            member
        }
        None => {
            let missing = || Problem::invalid_field("", "Required fields were not provided: status_if_new");
            let status = body.status_if_new.ok_or_else(missing)?;
            let status = body.status.unwrap_or(status);
            world.mailchimp.add(Member::new(&body.email_address, status, now))
        }
    };
    member.merge_fields.extend(body.merge_fields);
    for permission in body.marketing_permissions {
        if permission.enabled {
            member.permissions.insert(permission.marketing_permission_id);
        } else {
            member.permissions.remove(&permission.marketing_permission_id);
        }
    }
    member.changed_at = now;
    let settings = &world.settings.mailchimp;
    Ok(Answer::ok(member.json(&settings.list_id, &settings.marketing_permissions)))
}

/// Somebody who has left is not brought back, whoever asks; anybody else gets the status that was sent.
fn resubscribe(member: &mut Member, status: MemberStatus) -> Result<(), Problem> {
    let gets_mail = matches!(status, MemberStatus::Subscribed);
    if member.status == MemberStatus::Unsubscribed && gets_mail {
        return Err(Problem::compliance_state(&member.email));
    }
    member.status = status;
    Ok(())
}
