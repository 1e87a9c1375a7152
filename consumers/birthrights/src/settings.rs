//! Birthrights' own settings.

use clap::Args;
use usher_entra::EntraSettings;

use crate::Rules;

/// The setting that holds the rules, for what is wrong with them.
pub(crate) const RULES: &str = "BIRTHRIGHTS_RULES";

/// The tenant, and who gets what in it.
#[derive(Args, Clone, Debug)]
pub struct BirthrightsSettings {
    /// The customers' tenant.
    #[command(flatten)]
    pub entra: EntraSettings,
    /// The rules by which users get groups and app roles: a TOML file
    #[arg(long, env = "BIRTHRIGHTS_RULES", value_name = "FILE", value_parser = Rules::read)]
    pub birthrights_rules: Rules,
}
