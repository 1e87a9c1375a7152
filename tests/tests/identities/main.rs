//! How a service shows who it is: every kind of credential against the stand-ins over https, where each signature,
//! thumbprint, audience and expiry is checked; and that the judge of all this can say no.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

mod judge;
mod kind;
mod kinds;
mod proof;
mod revoked;
mod said;
mod settings;
mod vault;
