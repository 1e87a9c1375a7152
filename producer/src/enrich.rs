//! Step 3: who has signed up. The audit log has an id; the event needs a name and an address.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use usher_entra::{BATCH_SIZE, Graph, GraphError, Identity, User};
use usher_event::{Audit, IdentityProvider, UserSignedUp};
use uuid::Uuid;

use crate::SignUp;

/// How many batches are asked for at once: a backlog is read quickly, a usual poll needs one.
const BATCHES_AT_ONCE: usize = 4;
/// What is read of every user, beside the attributes on the allow-list.
pub(crate) const ALWAYS_READ: [&str; 5] = ["displayName", "givenName", "surname", "mail", "identities"];

/// Reads the users of these sign-ups, each on its own: that one isn't readable yet holds up no other.
///
/// # Errors
/// If Graph can't be asked at all.
pub(crate) async fn read(
    graph: &Graph,
    sign_ups: Vec<SignUp>,
    attributes: &[String],
) -> Result<Vec<(SignUp, Result<User, GraphError>)>, GraphError> {
    let select = selected(attributes);
    let batches: Vec<Vec<SignUp>> = sign_ups.chunks(BATCH_SIZE).map(<[SignUp]>::to_vec).collect();
    let answers =
        stream::iter(batches).map(|batch| read_batch(graph, batch, &select)).buffered(BATCHES_AT_ONCE);
    Ok(answers.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
}

/// The properties that are read of every user.
pub(crate) fn selected(attributes: &[String]) -> Vec<&str> {
    ALWAYS_READ.into_iter().chain(attributes.iter().map(String::as_str)).collect()
}

async fn read_batch(
    graph: &Graph,
    batch: Vec<SignUp>,
    select: &[&str],
) -> Result<Vec<(SignUp, Result<User, GraphError>)>, GraphError> {
    let ids: Vec<_> = batch.iter().map(|sign_up| sign_up.user_id).collect();
    let users = graph.users_by_id(&ids, select).await?;
    Ok(batch.into_iter().zip(users.into_iter().map(|(_, user)| user)).collect())
}

/// The event's data: of the user's attributes only those on the allow-list.
pub(crate) fn data(tenant_id: Uuid, sign_up: &SignUp, user: &User, attributes: &[String]) -> UserSignedUp {
    let text = |property| user.text(property).map(str::to_owned);
    let email = user.email();
    UserSignedUp {
        tenant_id,
        user_id: user.id,
        display_name: text("displayName"),
        given_name: text("givenName"),
        surname: text("surname"),
        email_verified: email.as_deref().is_some_and(|email| is_verified(email, user)),
        email,
        identity_providers: user.identities().into_iter().map(provider).collect(),
        signed_up_at: sign_up.at,
        app_id: sign_up.app_id.map(|id| id.to_string()),
        attributes: allowed(user, attributes),
        audit: Audit { id: sign_up.entry_id.clone(), correlation_id: sign_up.correlation_id.clone() },
    }
}

/// Whether the tenant itself has seen that the user reads mail at this address.
fn is_verified(email: &str, user: &User) -> bool {
    user.verified_addresses().iter().any(|own| own.eq_ignore_ascii_case(email))
}

fn provider(identity: Identity) -> IdentityProvider {
    IdentityProvider { sign_in_type: identity.sign_in_type, issuer: identity.issuer }
}

fn allowed(user: &User, attributes: &[String]) -> BTreeMap<String, serde_json::Value> {
    attributes.iter().filter_map(|name| Some((name.clone(), user.get(name)?.clone()))).collect()
}
