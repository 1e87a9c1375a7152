//! `GET /3.0/lists/{list}/members/{hash}`: a member, or that there is none.
//! <https://mailchimp.com/developer/marketing/api/list-members/get-member-info/>

use axum::extract::{Path, RawQuery, State};

use super::{
    list::{check_list, query_options, selected},
    problem::{Authenticated, Problem, settle},
};
use crate::{Answer, Sandbox, world::World};

pub(super) async fn find(
    State(sandbox): State<Sandbox>,
    _: Authenticated,
    Path((list, member)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answer {
    sandbox.with(|world, _| {
        let found = check_list(world, &list).and_then(|()| shown(world, &list, &member, query.as_deref()));
        settle(world, found)
    })
}

fn shown(world: &mut World, list: &str, member: &str, query: Option<&str>) -> Result<Answer, Problem> {
    let options = query_options(query, &["fields", "exclude_fields"])?;
    let member = world.mailchimp.by_hash(member).ok_or_else(Problem::not_found)?;
    let body = member.json(list, &world.settings.mailchimp.marketing_permissions);
    Ok(Answer::ok(selected(body, &options)))
}
