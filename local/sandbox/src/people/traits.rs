//! What makes some people harder to serve than others: no name to show, the same name as somebody else, a name
//! that means something to a machine.

use crate::Person;

/// Names that a directory holds and that some program will stumble over: shown, given, surname.
const HOSTILE: [(&str, &str, Option<&str>); 6] = [
    ("Robert'); DROP TABLE users;-- Dropper", "Robert'); DROP TABLE users;--", Some("Dropper")),
    ("\u{202E}nahtanoJ\u{202C} Ebenezer", "\u{202E}nahtanoJ\u{202C}", Some("Ebenezer")),
    ("👑 👑", "👑", Some("👑")),
    ("\u{200B}\u{200B}", "\u{200B}", Some("\u{200B}")),
    ("<b>Adaline</b> & Sons", "<b>Adaline</b>", Some("& Sons")),
    ("Postmaster", "Postmaster", None),
];
/// Graph's limits, in characters.
const LONGEST_SHOWN: usize = 256;
const LONGEST_NAME: usize = 64;

/// What shows where somebody was not asked for their name.
const NOT_ASKED: [&str; 2] = ["unknown", ""];

/// Deals out traits. Its chances are its own, so that names and addresses stay what a seed has always made.
pub(super) struct Traits {
    chance: fastrand::Rng,
    /// Shown, given and surname of somebody earlier.
    namesake: Option<(String, Option<String>, Option<String>)>,
}

impl Traits {
    pub(super) fn new(chance: fastrand::Rng) -> Self {
        Self { chance, namesake: None }
    }

    pub(super) fn deal(&mut self, person: &mut Person) {
        person.company_type = self.company_type();
        match self.chance.u32(0..100) {
            0..5 => self.hostile(person),
            5..10 if person.given_name.is_some() => {
                person.display_name = NOT_ASKED[self.chance.usize(0..NOT_ASKED.len())].to_owned();
            }
            10..20 => self.take_name(person),
            _ if person.surname.is_some() => {
                let shown = person.display_name.clone();
                self.namesake = Some((shown, person.given_name.clone(), person.surname.clone()));
            }
            _ => {}
        }
    }

    /// Some of `all`, at most so many, in an order of their own.
    pub(super) fn pick(&mut self, mut all: Vec<usize>, most: usize) -> Vec<usize> {
        self.chance.shuffle(&mut all);
        all.truncate(most);
        all
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.chance.usize(0..all.len())]
    }

    fn company_type(&mut self) -> Option<String> {
        match self.chance.u32(0..10) {
            0..4 => Some("business".to_owned()),
            4..8 => Some("private".to_owned()),
            _ => None,
        }
    }

    fn hostile(&mut self, person: &mut Person) {
        let at = self.chance.usize(0..=HOSTILE.len());
        let Some((shown, given, surname)) = HOSTILE.get(at) else {
            person.display_name = "W".repeat(LONGEST_SHOWN);
            person.given_name = Some("W".repeat(LONGEST_NAME));
            person.surname = Some("W".repeat(LONGEST_NAME));
            return;
        };
        person.display_name = (*shown).to_owned();
        person.given_name = Some((*given).to_owned());
        person.surname = surname.map(str::to_owned);
    }

    fn take_name(&mut self, person: &mut Person) {
        if let Some((shown, given, surname)) = self.namesake.clone() {
            (person.display_name, person.given_name, person.surname) = (shown, given, surname);
        }
    }
}
