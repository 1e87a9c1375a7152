//! The people who sign up: names of many scripts, addresses of many habits, all from a seed.
//!
//! No two get the same address. All domains are reserved for documentation, so that no run can ever write to
//! somebody real.

mod names;
mod traits;

use std::fmt;

use crate::{Past, SalesforcePast};
use names::SCRIPTS;
use traits::Traits;

/// What somebody signed up with. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// As shown; `unknown` or empty where the sign-up form did not ask.
    pub display_name: String,
    /// If given.
    pub given_name: Option<String>,
    /// If given.
    pub surname: Option<String>,
    /// The address they can be written to.
    pub email: String,
    /// How they sign in.
    pub identity: Identity,
    /// What they answered when asked whether they want mail; `None` if they weren't asked.
    pub marketing_consent: Option<bool>,
    /// What they say that they buy for, `business` or `private`; `None` if they didn't say.
    pub company_type: Option<String>,
    /// A user principal name that somebody chose for them; `None`: the generated one.
    pub principal_name: Option<String>,
    /// Addresses that were theirs until they were mended.
    pub former_emails: Vec<String>,
    /// What stands in the way of their Salesforce record.
    pub salesforce: SalesforcePast,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").finish_non_exhaustive()
    }
}

/// How somebody signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// With an address that the tenant itself has verified.
    EmailAddress,
    /// With an account elsewhere.
    Federated {
        /// Where, such as `google.com`.
        issuer: String,
    },
}

const DOMAINS: [&str; 5] = ["example.com", "example.org", "example.net", "post.example", "mail.example"];
const ISSUERS: [&str; 3] = ["google.com", "facebook.com", "apple.com"];
const DECORATIONS: [&str; 4] = ["🎭", "🎟️", "✨", "(she/her)"];

/// An endless supply of people.
pub(crate) struct Population {
    chance: fastrand::Rng,
    serial: u32,
    traits: Traits,
    /// Whom Salesforce refuses.
    pasts: Traits,
}

impl Population {
    pub(crate) fn new(chance: fastrand::Rng, traits: fastrand::Rng, pasts: fastrand::Rng) -> Self {
        Self { chance, serial: 0, traits: Traits::new(traits), pasts: Traits::new(pasts) }
    }

    pub(crate) fn next(&mut self) -> Person {
        self.serial += 1;
        let script = &SCRIPTS[self.pick(SCRIPTS.len())];
        let (given, given_latin) = script.given[self.pick(script.given.len())];
        let (family, family_latin) = script.family[self.pick(script.family.len())];
        let mut person = Person {
            display_name: script.full_name(given, family),
            given_name: Some(given.to_owned()),
            surname: Some(family.to_owned()),
            email: self.address(given_latin, family_latin),
            identity: self.identity(),
            marketing_consent: self.consent(),
            company_type: None,
            principal_name: None,
            former_emails: Vec::new(),
            salesforce: SalesforcePast::None,
        };
        self.leave_out_names(&mut person);
        self.traits.deal(&mut person);
        person
    }

    /// An address that carriers of the real world do hand out, that a code sent to it reaches, and that is
    /// no valid address: Entra takes it, Stripe doesn't.
    pub(crate) fn refused_address(&mut self) -> String {
        self.serial += 1;
        format!("hanako..sato.{}.@mail.example", self.serial)
    }

    /// At most so many of those who are to come, by their numbers, leaving out one of them.
    pub(crate) fn choose(&mut self, count: usize, without: Option<usize>, most: usize) -> Vec<usize> {
        self.traits.pick((0..count).filter(|&i| Some(i) != without).collect(), most)
    }

    /// A past that makes Mailchimp refuse the address.
    pub(crate) fn refused_past(&mut self) -> Past {
        self.traits.one_of(&Past::REFUSED)
    }

    /// Whom Salesforce is to refuse, and for what: at most so many, by their numbers, leaving out one of them.
    pub(crate) fn refused_by_salesforce(
        &mut self,
        count: usize,
        without: Option<usize>,
        most: usize,
    ) -> Vec<(usize, SalesforcePast)> {
        let chosen = self.pasts.pick((0..count).filter(|&i| Some(i) != without).collect(), most);
        let refusals = [SalesforcePast::Ambiguous, SalesforcePast::Refused];
        chosen.into_iter().map(|i| (i, self.pasts.one_of(&refusals))).collect()
    }

    fn leave_out_names(&mut self, person: &mut Person) {
        match self.chance.u32(0..100) {
            0..8 => {
                person.display_name = "unknown".to_owned();
                person.given_name = None;
                person.surname = None;
            }
            8..20 => {
                person.surname = None;
                person.display_name = person.given_name.clone().unwrap_or_default();
            }
            20..28 => {
                let decoration = DECORATIONS[self.pick(DECORATIONS.len())];
                person.display_name = format!("{} {decoration}", person.display_name);
            }
            _ => {}
        }
    }

    fn address(&mut self, given: &str, family: &str) -> String {
        let domain = DOMAINS[self.pick(DOMAINS.len())];
        let mailbox = format!("{given}.{family}{}", self.serial);
        match self.chance.u32(0..100) {
            0..15 => format!("{}+seats@{domain}", mailbox.to_lowercase()),
            15..30 => format!("{mailbox}@{domain}"),
            30..35 => format!("{}@{}", mailbox.to_lowercase(), domain.to_uppercase()),
            _ => format!("{}@{domain}", mailbox.to_lowercase()),
        }
    }

    fn identity(&mut self) -> Identity {
        match self.chance.u32(0..3) {
            0 => Identity::Federated { issuer: ISSUERS[self.pick(ISSUERS.len())].to_owned() },
            _ => Identity::EmailAddress,
        }
    }

    fn consent(&mut self) -> Option<bool> {
        match self.chance.u32(0..10) {
            0..5 => Some(true),
            5..8 => Some(false),
            _ => None,
        }
    }

    fn pick(&mut self, of: usize) -> usize {
        self.chance.usize(0..of)
    }
}
