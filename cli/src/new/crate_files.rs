//! The files of a new crate: templates that are Rust themselves, with names in place of names.

use std::path::PathBuf;

use super::name::Name;

/// Path within the crate, and text.
const TEMPLATES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../../templates/subscriber/Cargo.toml")),
    ("src/main.rs", include_str!("../../templates/subscriber/src/main.rs")),
    ("src/lib.rs", include_str!("../../templates/subscriber/src/lib.rs")),
    ("src/settings.rs", include_str!("../../templates/subscriber/src/settings.rs")),
    ("src/folder.rs", include_str!("../../templates/subscriber/src/folder.rs")),
    ("src/tests.rs", include_str!("../../templates/subscriber/src/tests.rs")),
];

/// The files of a crate, by their paths within the workspace.
pub(crate) struct CrateFiles(Vec<(PathBuf, String)>);

impl CrateFiles {
    /// Those of a consumer of this name.
    pub(crate) fn of(name: &Name, about: &str) -> Self {
        let folder = name.folder();
        let file = |(path, template): (&str, &str)| (folder.join(path), filled(template, name, about));
        Self(TEMPLATES.map(file).into())
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PathBuf, &str)> {
        self.0.iter().map(|(path, text)| (path, text.as_str()))
    }
}

/// What somebody wrote in the description goes in last: nothing in it is taken for a placeholder.
fn filled(template: &str, name: &Name, about: &str) -> String {
    [
        ("__name__", name.as_str()),
        ("__snake__", &name.snake()),
        ("__SCREAMING__", &name.screaming()),
        ("__Pascal__", &name.pascal()),
        ("__title__", &name.title()),
        ("__about__", about),
    ]
    .into_iter()
    .fold(template.to_owned(), |text, (placeholder, with)| text.replace(placeholder, with))
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;
    use crate::new::name;

    #[test]
    fn every_placeholder_is_filled_and_a_description_is_taken_as_it_is() {
        let files = CrateFiles::of(&name::checked("audit-trail").unwrap(), "Notes __name__");
        for (path, text) in files.iter() {
            assert!(!text.replace("Notes __name__", "").contains("__"), "{}: {text}", path.display());
            assert!(path.starts_with("consumers/audit-trail"), "{}", path.display());
        }
    }

    #[test]
    fn what_is_made_is_formatted_whatever_the_length_of_its_name() {
        for (name, about) in [("a", "B"), ("audit-trail", "Notes each"), (&"x".repeat(40), &*"y".repeat(60))]
        {
            let home = tempfile::tempdir().unwrap();
            let name = name::checked(name).unwrap();
            for (path, text) in CrateFiles::of(&name, about).iter() {
                let file = home.path().join(path);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            fs::write(home.path().join("rustfmt.toml"), include_str!("../../../rustfmt.toml")).unwrap();
            let source = home.path().join(name.folder()).join("src");
            let mut rustfmt = Command::new("rustfmt");
            rustfmt
                .args(["--edition", "2024", "--check"])
                .args([source.join("lib.rs"), source.join("main.rs")]);
            let checked = rustfmt.output().unwrap();
            assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stdout));
        }
    }
}
