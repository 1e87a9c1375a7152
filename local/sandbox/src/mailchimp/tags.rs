//! `POST /3.0/lists/{list}/members/{hash}/tags`: adds and removes tags; a journey may start on one.
//! <https://mailchimp.com/developer/marketing/api/list-member-tags/>

use axum::{
    body::Bytes,
    extract::{Path, State},
};
use serde::Deserialize;

use super::{
    list::check_list,
    problem::{Authenticated, Problem, settle},
    put::read,
};
use crate::{Answer, Sandbox, world::World};

/// The longest name of a tag, in characters.
const NAME: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    tags: Vec<Tag>,
    /// "When is_syncing is true, automations based on the tags in the request will not fire."
    #[serde(default)]
    is_syncing: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    name: String,
    status: TagStatus,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TagStatus {
    Active,
    Inactive,
}

pub(super) async fn tag(
    State(sandbox): State<Sandbox>,
    _: Authenticated,
    Path((list, member)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    sandbox.with(|world, _| {
        let tagged = check_list(world, &list).and_then(|()| {
            let body: Body = read(&body)?;
            check(&body)?;
            apply(world, &member, body)
        });
        settle(world, tagged)
    })
}

fn check(body: &Body) -> Result<(), Problem> {
    let is_name = |name: &str| !name.is_empty() && name.chars().count() <= NAME;
    if body.tags.is_empty() || !body.tags.iter().all(|tag| is_name(&tag.name)) {
        return Err(Problem::invalid_field("tags", "Tags need names of 1 to 100 characters."));
    }
    Ok(())
}

fn apply(world: &mut World, member: &str, body: Body) -> Result<Answer, Problem> {
    let welcome = &world.settings.mailchimp.welcome_tag;
    let member = world.mailchimp.by_hash(member).ok_or_else(Problem::not_found)?;
    for Tag { name, status } in body.tags {
        match status {
            TagStatus::Active => member.add_tag(&name, name == *welcome && !body.is_syncing),
            TagStatus::Inactive => _ = member.tags.remove(&name),
        }
    }
    Ok(Answer::no_content())
}
