//! All that a run said, and what is found in it: as it is, as Rust's `Debug` writes it, and as it stands in a URL;
//! without regard to case.

use std::fs;

use serde_json::json;
use usher_http::Url;
use usher_tests::processes::{Process, World};

/// Everything that was said, by where.
#[derive(Default)]
pub(crate) struct Haystack(Vec<(String, String)>);

impl Haystack {
    pub(crate) fn add(&mut self, place: impl Into<String>, text: &str) {
        self.0.push((place.into(), text.to_lowercase()));
    }

    /// What all processes wrote on standard output and standard error.
    pub(crate) fn add_files(&mut self, world: &World) {
        for entry in fs::read_dir(world.home()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "out" || extension == "err") {
                self.add(path.display().to_string(), &String::from_utf8_lossy(&fs::read(&path).unwrap()));
            }
        }
    }

    pub(crate) async fn add_answers(&mut self, world: &World, process: &Process) {
        for path in ["status", "readyz", "healthz"] {
            let url = process.health(path);
            self.add(&url, &world.control.get(&url).await.1);
        }
    }

    /// Where a needle lies, in any of its forms.
    pub(crate) fn places_of(&self, needle: &str) -> Vec<&str> {
        let forms = forms_of(needle);
        let holds = |text: &String| forms.iter().any(|form| text.contains(form));
        self.0.iter().filter(|(_, text)| holds(text)).map(|(place, _)| place.as_str()).collect()
    }

    pub(crate) fn holds(&self, place: &str, needle: &str) -> bool {
        self.places_of(needle).iter().any(|found| found.contains(place))
    }
}

fn forms_of(needle: &str) -> [String; 4] {
    let debug = format!("{needle:?}");
    let url = Url::parse_with_params("http://h/", [("", needle)]).unwrap();
    let encoded = url.query().unwrap().trim_start_matches('=').to_owned();
    let forms = [needle.to_owned(), debug.trim_matches('"').to_owned(), encoded.replace('+', "%20"), encoded];
    forms.map(|form| form.to_lowercase())
}

/// A search that could not find a value proves nothing about it.
pub(crate) fn would_be_found(needle: &str) {
    let url = Url::parse_with_params("http://h/", [("email", needle)]).unwrap();
    for planted in
        [format!("{needle:?}"), json!({ "a": [needle] }).to_string(), url.to_string(), needle.to_uppercase()]
    {
        let mut haystack = Haystack::default();
        haystack.add("here", &format!("before {planted} after"));
        assert!(haystack.holds("here", needle), "{needle} would not be found in {planted}");
    }
}
