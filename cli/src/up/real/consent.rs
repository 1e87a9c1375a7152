//! What a run will do out there, said before anything is started; and a yes to what can't be taken back.

use std::fmt::Write as _;

use usher_service::{Failure, Shutdown};

use super::{Edge, Edges};
use crate::dlq::confirm::Asking;

/// Where whoever is made up would lie among people who are not. In Stripe's test mode nobody is anybody: a live key is
/// refused.
const AMONG_REAL_PEOPLE: [Edge; 4] = [Edge::Mailchimp, Edge::Salesforce, Edge::Sql, Edge::Webhook];

/// Something that a run will do.
#[derive(Debug, PartialEq)]
struct Prospect {
    said: String,
    /// Whether somebody has to agree.
    asks: bool,
}

/// Says what the run will do, and asks if need be.
///
/// # Errors
/// Nobody agrees: [`Failure::Setting`] where nobody can be asked.
pub(super) async fn agree(edges: &Edges, people: u32, yes: bool, shutdown: &Shutdown) -> Result<(), Failure> {
    let prospects = prospects(edges, people);
    let said = prospects.iter().fold(String::new(), |mut text, prospect| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{}", prospect.said);
        text
    });
    print!("{said}");
    if !prospects.iter().any(|prospect| prospect.asks) {
        return Ok(());
    }
    let asking = Asking { flag: "--yes", answered: yes, undone: "nothing was started", shutdown };
    asking.ensure_possible()?;
    asking.yes("Go on?").await
}

fn prospects(edges: &Edges, people: u32) -> Vec<Prospect> {
    let mut all = Vec::new();
    if edges.contains(Edge::Entra) {
        all.push(at_entra(edges));
    }
    if edges.contains(Edge::Servicebus) {
        all.push(at_service_bus(edges, people));
    }
    if !edges.people_are_real() {
        all.extend(made_up(edges, people));
    }
    all
}

fn at_entra(edges: &Edges) -> Prospect {
    let asks = !edges.contains(Edge::Stripe);
    let id = if asks {
        "writes on them the id of a customer who is in the stand-in for Stripe alone"
    } else {
        "writes the Stripe customer's id on them"
    };
    let said = format!(
        "entra is real: whoever signs up there from now on is changed there. Birthrights gives groups and app roles, upn a \
         name, and billing {id}"
    );
    Prospect { said, asks }
}

/// Whoever works with a message takes it from everybody else who would.
fn at_service_bus(edges: &Edges, people: u32) -> Prospect {
    let whose = if edges.people_are_real() {
        "sign-ups are published there".to_owned()
    } else {
        format!("{people} sign-ups of made-up people are published there")
    };
    let said = format!(
        "servicebus is real: {whose}, for whoever receives there, and whatever lies in its subscriptions the consumers here \
         take out. Let nobody else work with that namespace"
    );
    Prospect { said, asks: true }
}

fn made_up(edges: &Edges, people: u32) -> impl Iterator<Item = Prospect> {
    let line = move |edge: Edge, how: &str| {
        format!(
            "{edge} is real: {people} made-up people (addresses at example domains) will be created there{how}"
        )
    };
    let stripe = edges.contains(Edge::Stripe);
    let stripe = stripe.then(|| Prospect { said: line(Edge::Stripe, ", in test mode"), asks: false });
    let others = AMONG_REAL_PEOPLE.into_iter().filter(|edge| edges.contains(*edge));
    stripe.into_iter().chain(others.map(move |edge| Prospect { said: line(edge, ""), asks: true }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(edges: &[Edge]) -> Vec<Prospect> {
        prospects(&edges.iter().copied().collect(), 25)
    }

    fn asks(edges: &[Edge]) -> bool {
        of(edges).iter().any(|prospect| prospect.asks)
    }

    #[test]
    fn made_up_people_among_real_ones_take_a_yes() {
        for edge in AMONG_REAL_PEOPLE {
            let said = of(&[edge]);
            let [Prospect { said, asks: true }] = said.as_slice() else { panic!("{said:?}") };
            assert!(said.starts_with(&format!("{edge} is real: 25 made-up people")), "{said}");
        }
        assert!(!asks(&[Edge::Stripe]), "test mode");
        assert!(of(&[]).is_empty());
    }

    #[test]
    fn real_people_are_nobodys_invention() {
        let all = [Edge::Entra, Edge::Stripe, Edge::Mailchimp, Edge::Salesforce, Edge::Sql, Edge::Webhook];
        assert!(!asks(&all), "{:?}", of(&all));
        assert!(of(&all).iter().all(|prospect| !prospect.said.contains("made-up")));
        assert!(asks(&[Edge::Entra]), "ids of the stand-in for Stripe would stand on real users");
    }

    #[test]
    fn a_real_broker_takes_a_yes_whoever_signs_up() {
        assert!(asks(&[Edge::Servicebus]) && asks(&[Edge::Servicebus, Edge::Entra, Edge::Stripe]));
    }
}
