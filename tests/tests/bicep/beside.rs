//! What a deployment must agree with: the programs' sources, the lists that are read into it, and the docs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// A line of `infra/azure/services.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct Needs {
    pub(crate) registration: bool,
    pub(crate) quotas: BTreeMap<String, u32>,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) secret_files: BTreeMap<String, String>,
}

/// What each service needs, by its name.
pub(crate) fn needs() -> BTreeMap<String, Needs> {
    serde_json::from_str(&read("infra/azure/services.json")).unwrap()
}

/// `infra/consumers.json`.
pub(crate) fn consumers() -> Vec<String> {
    let list: Vec<BTreeMap<String, String>> = serde_json::from_str(&read("infra/consumers.json")).unwrap();
    list.into_iter().map(|mut entry| entry.remove("name").unwrap()).collect()
}

/// All texts in the Rust sources of a folder that look like a setting's name in the environment.
pub(crate) fn settings_in(folder: &str) -> BTreeSet<String> {
    let texts = sources(&root().join(folder)).join("\n");
    texts.split('"').filter(|text| is_setting(text)).map(str::to_owned).collect()
}

/// Whether something is written as a setting is: `CHECKPOINT`, `ENTRA_CLIENT_ID`.
pub(crate) fn is_setting(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() > 3 && text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(is_part)
}

/// All Rust sources of a folder and of those in it.
pub(crate) fn sources(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
    found
}

/// The anchors of a page's headings, as GitHub makes them.
pub(crate) fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// A file of the repository.
pub(crate) fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The repository's own folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
