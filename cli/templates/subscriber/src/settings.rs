//! This consumer's own settings; those of the bus and the runtime come with every consumer.

use std::path::PathBuf;

use clap::Args;
use uuid::Uuid;

/// The setting that says where the notes go, for what is wrong with it.
pub(crate) const FOLDER: &str = "__SCREAMING___FOLDER";
/// Where they go unless told otherwise.
const DEFAULT: &str = ".usher/__name__";

/// Whose sign-ups, and where the notes go.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// The external tenant that customers sign up in
    #[arg(long = "entra-tenant-id", env = "ENTRA_TENANT_ID", value_name = "UUID")]
    pub tenant_id: Uuid,
    /// The folder that receives a note for each sign-up
    #[arg(long, env = FOLDER, value_name = "DIR", default_value = DEFAULT)]
    pub folder: PathBuf,
}
