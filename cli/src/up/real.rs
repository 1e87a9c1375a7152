//! `usher up --real EDGE,..`: from stand-in to real, one edge at a time.
//!
//! An edge that is named is the real one: the services that use it are told the operator's own settings for it, by the
//! names that these have everywhere, and nothing that would lead them to its stand-in. Of an edge that is not named nobody
//! is told anything: children have no environment but what they are told (`cli/src/child.rs`).
//!
//! All of it is read and checked before anything is started. It lies in no file of the run's: other commands that work on
//! the run find it where this one did, in the operator's environment.

mod consent;
mod edge;
mod stripe;
mod table;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fs, io, path::Path};

use usher_service::{Failure, Shutdown};

pub(crate) use self::{
    edge::{Edge, Edges},
    table::EXTRA_CA,
};
use super::services::PRODUCER;
use crate::{consumers::Consumer, local::Variables};

const ENV_DIR: &str = "--env-dir";
const BILLING: &str = "billing";
const START_FROM: &str = "START_FROM";

/// What a setting is set to.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The edges that are real, and what services are told of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Real {
    edges: Edges,
    /// The operator's own settings, by the name of the service that is told them.
    own: BTreeMap<&'static str, Variables>,
    /// What the file of `USHER_EXTRA_CA_FILE` holds.
    authorities: Option<String>,
}

impl Real {
    /// These edges, with the settings of the environment; a service that has a file in `env_dir`, as `usher doctor` reads
    /// them, has what stands there before that.
    ///
    /// # Errors
    /// [`Failure::Setting`] if one is missing, can't be read, or must not be in a run like this.
    pub(crate) fn of(edges: Edges, env_dir: Option<&Path>, environment: Lookup<'_>) -> Result<Self, Failure> {
        let mut real = Self { edges, ..Self::default() };
        if real.edges.is_empty() {
            return Ok(real);
        }
        let extra_ca = environment(EXTRA_CA).filter(|file| !file.is_empty());
        real.authorities = extra_ca.as_deref().map(authorities).transpose()?;
        for service in services() {
            let file = file(env_dir, service)?;
            let set = |name: &str| {
                let value = file.get(name).map(str::to_owned).or_else(|| environment(name));
                value.filter(|value| !value.is_empty())
            };
            let own = own(&real.edges, service, &set)?;
            let trusted = extra_ca.as_deref().filter(|_| !own.0.is_empty()).map(|file| (EXTRA_CA, file));
            real.own.insert(service, own.and(trusted));
        }
        if real.made_up_in_stripe() {
            stripe::refuse_live(&real.own(BILLING))?;
        }
        Ok(real)
    }

    /// Says what the run will do out there, and has somebody agree to what can't be taken back; `people` are made up.
    ///
    /// # Errors
    /// Nobody does.
    pub(crate) async fn agree(&self, people: u32, yes: bool, shutdown: &Shutdown) -> Result<(), Failure> {
        consent::agree(&self.edges, people, yes, shutdown).await
    }

    pub(crate) fn edges(&self) -> &Edges {
        &self.edges
    }

    /// What the file of `USHER_EXTRA_CA_FILE` holds, if it is needed beside the stand-ins' authority.
    pub(crate) fn authorities_beside(&self) -> Option<&str> {
        self.authorities.as_deref().filter(|_| !self.edges.contains(Edge::Entra))
    }

    /// The operator's own settings that a service is told.
    pub(crate) fn own(&self, service: &str) -> Variables {
        self.own.get(service).cloned().unwrap_or_default()
    }

    /// What is left of a service's settings for the stand-ins where some are not asked, and what goes without saying in a
    /// run like this.
    pub(crate) fn kept(&self, service: &str, for_stand_ins: Variables) -> Variables {
        let real: Vec<_> = table::of(service).filter(|row| self.edges.contains(row.edge)).collect();
        let of_the_real = |name: &str| real.iter().any(|row| row.names().any(|known| known == name));
        // The stand-ins' authority vouches for their token endpoint alone.
        let of_the_tenant = |name: &str| name == EXTRA_CA && self.edges.contains(Edge::Entra);
        for_stand_ins.without(|name| of_the_real(name) || of_the_tenant(name)).and(self.ruled(service))
    }

    /// Those who sign up from now on, unless somebody wants others; and no key of Stripe's but a test key.
    fn ruled(&self, service: &str) -> Option<(&'static str, &'static str)> {
        let is_set = |name: &str| self.own(service).get(name).is_some();
        match service {
            PRODUCER if self.edges.people_are_real() && !is_set(START_FROM) => Some((START_FROM, "now")),
            BILLING if self.made_up_in_stripe() => Some((stripe::MODE, "test")),
            _ => None,
        }
    }

    fn made_up_in_stripe(&self) -> bool {
        self.edges.contains(Edge::Stripe) && !self.edges.people_are_real()
    }
}

/// Whoever is told settings.
fn services() -> impl Iterator<Item = &'static str> {
    [PRODUCER].into_iter().chain(Consumer::all().into_iter().map(Consumer::name))
}

/// What of all that is set a service is told.
fn own(edges: &Edges, service: &str, set: Lookup<'_>) -> Result<Variables, Failure> {
    let mut names = Vec::new();
    for row in table::of(service).filter(|row| edges.contains(row.edge)) {
        let missing = row.required.iter().find(|any_of| any_of.iter().all(|name| set(name).is_none()));
        if let Some(any_of) = missing {
            return Err(missing_for(row.edge, service, any_of));
        }
        names.extend(row.names());
    }
    if names.is_empty() {
        return Ok(Variables::default());
    }
    if table::ASKS_AZURE.iter().any(|asks| names.contains(asks) && set(asks).is_some()) {
        names.extend(table::AZURE);
    }
    names.extend(table::WAY_OUT);
    let own = values(Variables::default(), names, set);
    let keys = stripe::variables(&own)?;
    Ok(values(own, keys.iter().map(String::as_str), set))
}

/// These and what else is set.
fn values<'a>(known: Variables, names: impl IntoIterator<Item = &'a str>, set: Lookup<'_>) -> Variables {
    names.into_iter().fold(known, |known, name| match set(name) {
        Some(value) => known.and([(name, &*value)]),
        None => known,
    })
}

fn missing_for(edge: Edge, service: &str, any_of: &[&'static str]) -> Failure {
    let (&setting, others) =
        any_of.split_first().expect("each list of the table names a setting: a test proves it");
    let others = match others {
        [] => String::new(),
        others => format!(", or {}", others.join(", or ")),
    };
    Failure::setting(setting, format!("missing: with --real {edge}, {service} needs it{others}"))
}

/// A service's own settings; none if it has no file.
fn file(folder: Option<&Path>, service: &str) -> Result<Variables, Failure> {
    let Some(folder) = folder else { return Ok(Variables::default()) };
    if !folder.is_dir() {
        return Err(Failure::setting(ENV_DIR, format!("{} is no folder", folder.display())));
    }
    let file = folder.join(format!("{service}.env"));
    match Variables::read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Variables::default()),
        read => read.map_err(|error| {
            Failure::setting(ENV_DIR, format!("{} can't be read: {}", file.display(), error.kind()))
        }),
    }
}

fn authorities(file: &str) -> Result<String, Failure> {
    let unreadable = |e: io::Error| Failure::setting(EXTRA_CA, format!("{file} can't be read: {}", e.kind()));
    fs::read_to_string(file).map_err(unreadable)
}
