//! How Mailchimp throttles: by the calls that are open at once, whatever their number in a time.
//!
//! "You have exceeded the limit of 10 simultaneous connections." It never says how long to wait. And now and then it
//! is not the API that answers but what stands in front of it: with a page of HTML.

use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};

use super::problem::Problem;
use crate::{Sandbox, Vendor, world::World};

/// What the guard in front of the API says, whoever it is that it turns away.
const DENIED: &str = "<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied</H1>\n\
    You don't have permission to access this server.<P>\n</BODY>\n</HTML>\n";

/// A call that is open; dropped when its answer has left, or when the caller has hung up.
#[must_use]
pub(crate) struct Connection(Option<Sandbox>);

impl Connection {
    /// Opens one, unless it were one too many. Elsewhere than at Mailchimp connections are not counted.
    pub(crate) fn open(sandbox: &Sandbox, vendor: Vendor) -> Option<Self> {
        if vendor != Vendor::Mailchimp {
            return Some(Self(None));
        }
        sandbox.with(|world, _| {
            let is_free = world.mailchimp.open < world.settings.mailchimp.connections;
            is_free.then(|| {
                world.mailchimp.open += 1;
                Self(Some(sandbox.clone()))
            })
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(sandbox) = &self.0 {
            sandbox.with(|world, _| world.mailchimp.open -= 1);
        }
    }
}

/// One of the two ways to say "too many".
pub(crate) fn throttled(world: &mut World) -> Response {
    if world.chance.bool() {
        return (StatusCode::FORBIDDEN, Html(DENIED)).into_response();
    }
    Problem::too_many_connections().answer(&mut world.chance).into_response()
}
