//! `GET /3.0/lists/{id}`.

use std::collections::BTreeMap;

use axum::extract::{Path, RawQuery, State};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::problem::{Authenticated, Problem, settle};
use crate::{Answer, Sandbox, world::World};

pub(super) async fn show(
    State(sandbox): State<Sandbox>,
    _: Authenticated,
    Path(list): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    sandbox.with(|world, _| {
        let shown = check_list(world, &list).and_then(|()| {
            let options = query_options(query.as_deref(), &["fields", "exclude_fields"])?;
            Ok(Answer::ok(selected(body(world), &options)))
        });
        settle(world, shown)
    })
}

/// There is one list.
pub(super) fn check_list(world: &World, list: &str) -> Result<(), Problem> {
    if list == world.settings.mailchimp.list_id { Ok(()) } else { Err(Problem::not_found()) }
}

/// The query's parameters, only those `allowed`: nothing that we send should go unnoticed.
pub(super) fn query_options(
    query: Option<&str>,
    allowed: &[&str],
) -> Result<BTreeMap<String, String>, Problem> {
    let options: BTreeMap<String, String> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    match options.keys().find(|name| !allowed.contains(&name.as_str())) {
        Some(unknown) => Err(Problem::invalid_field(unknown, "This parameter is not known.")),
        None => Ok(options),
    }
}

fn body(world: &World) -> Value {
    json!({
        "id": world.settings.mailchimp.list_id,
        "web_id": 1,
        "name": "Seats",
        "permission_reminder": "You signed up for Seats.",
        "use_archive_bar": false,
        "email_type_option": false,
        "double_optin": false,
        "has_welcome": false,
        "marketing_permissions": !world.settings.mailchimp.marketing_permissions.is_empty(),
        "visibility": "prv",
        "stats": {"member_count": world.mailchimp.all().count()},
    })
}

/// Top-level fields only, which is all that a probe asks for.
pub(super) fn selected(mut body: Value, options: &BTreeMap<String, String>) -> Value {
    let named = |option: &str| options.get(option).map(|names| names.split(',').collect::<Vec<_>>());
    if let Some(list) = body.as_object_mut() {
        if let Some(wanted) = named("fields") {
            list.retain(|name, _| wanted.contains(&name.as_str()));
        }
        if let Some(unwanted) = named("exclude_fields") {
            list.retain(|name, _| !unwanted.contains(&name.as_str()));
        }
    }
    body
}
