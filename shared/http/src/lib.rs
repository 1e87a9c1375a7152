//! Outbound HTTP: one client for all of Usher's calls to Graph and to the vendors.
//!
//! The client is a `tower::Service` behind a small type, so that a service talks over sockets and a
//! simulation calls the stand-ins' routers in process, through the very same code.

mod base_url;
mod client;
mod failure;
mod guard;
mod pace;
mod resolver;
mod retry;
mod retry_after;
mod settings;
mod sockets;
mod span;
mod usage;

pub use base_url::{BaseUrl, BaseUrlError};
pub use client::{HttpClient, Request, Response, TransportError};
pub use failure::{Failure, FailureClass};
pub use guard::{Guard, GuardError};
pub use pace::Pace;
pub use retry_after::{RETRY_AFTER_MOST, retry_after};
pub use settings::{HttpSettings, HttpSettingsError};
pub use url::Url;
pub use usage::{QuotaUse, Usage};
