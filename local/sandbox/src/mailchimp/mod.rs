//! The stand-in for a Mailchimp account: one list, its members, their tags and the journey that starts on one.
//!
//! Mailchimp refuses the addresses of documentation domains (`example.com`) as fake. This stand-in takes them, since
//! no others are made here, and refuses those that it was told to refuse.

mod connections;
mod find;
mod list;
mod member;
mod members;
mod problem;
mod put;
mod tags;

use axum::{
    Router,
    routing::{get, post, put},
};

use crate::{Call, Sandbox, gate::gated};
pub(crate) use connections::{Connection, throttled};
pub(crate) use member::Member;
pub use member::MemberStatus;
pub(crate) use members::Members;
pub use members::Past;
pub(crate) use problem::ordered;

pub(crate) fn router(sandbox: &Sandbox) -> Router {
    let member = gated(sandbox, Call::PutMember, put(put::put)).merge(gated(
        sandbox,
        Call::GetMember,
        get(find::find),
    ));
    Router::new()
        .route("/3.0/lists/{list}", gated(sandbox, Call::GetList, get(list::show)))
        .route("/3.0/lists/{list}/members/{hash}", member)
        .route("/3.0/lists/{list}/members/{hash}/tags", gated(sandbox, Call::TagMember, post(tags::tag)))
        .fallback(problem::no_such_resource)
        .method_not_allowed_fallback(problem::no_such_method)
        .with_state(sandbox.clone())
}
