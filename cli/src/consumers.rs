//! The consumers that this build knows: `infra/consumers.json`, which the broker's topology and the deployment are made
//! from too. `usher new subscriber` adds to it; nothing else needs to be told.

use std::{fmt, sync::LazyLock};

use clap::builder::{
    MapValueParser, PossibleValue, PossibleValuesParser, TypedValueParser, ValueParserFactory,
};
use serde::Deserialize;

/// The list, as it was when this was built.
const FILE: &str = include_str!("../../infra/consumers.json");

static LIST: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    serde_json::from_str(FILE).expect("the list is well-formed: a test proves it for every build")
});

/// A line of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    about: String,
}

/// A consumer, by its place in the list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Consumer(usize);

impl Consumer {
    /// All of them, in the order in which they are shown.
    pub(crate) fn all() -> Vec<Self> {
        (0..LIST.len()).map(Self).collect()
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        LIST.iter().position(|entry| entry.name == name).map(Self)
    }

    /// The name of its subscription.
    pub(crate) fn name(self) -> &'static str {
        &self.entry().name
    }

    /// What it brings about, for help and lists.
    pub(crate) fn about(self) -> &'static str {
        &self.entry().about
    }

    /// The name of its binary.
    pub(crate) fn program(self) -> String {
        format!("usher-{}", self.name())
    }

    /// Only this module makes a consumer, and only of a place in the list.
    fn entry(self) -> &'static Entry {
        &LIST[self.0]
    }
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// As an argument it is one of the names, which help and completions show.
impl ValueParserFactory for Consumer {
    type Parser = MapValueParser<PossibleValuesParser, fn(String) -> Self>;

    fn value_parser() -> Self::Parser {
        let names = Self::all().into_iter().map(|it| PossibleValue::new(it.name()).help(it.about()));
        PossibleValuesParser::new(names).map(among_all)
    }
}

fn among_all(name: String) -> Consumer {
    Consumer::named(&name).expect("the parser takes no name but those of the list")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        consumer: Consumer,
    }

    #[test]
    fn the_list_names_each_consumer_once_and_says_what_it_does() {
        let all = Consumer::all();
        assert!(all.len() >= 7, "{all:?}");
        assert_eq!(all.iter().map(|it| it.name()).collect::<BTreeSet<_>>().len(), all.len());
        for consumer in all {
            assert_eq!(Consumer::named(consumer.name()), Some(consumer));
            assert!(!consumer.about().is_empty(), "{consumer}");
        }
    }

    #[test]
    fn a_consumer_is_named_on_the_command_line_and_nobody_else_is() {
        let parsed = Cli::try_parse_from(["usher", "billing"]).unwrap().consumer;
        assert_eq!(parsed.program(), "usher-billing");
        let refused = Cli::try_parse_from(["usher", "nobody"]).unwrap_err().to_string();
        assert!(refused.contains("birthrights") && refused.contains("webhook"), "{refused}");
    }
}
