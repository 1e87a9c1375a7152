//! The bill of materials in each image: that of its program, and nothing is missing from it.

use std::{collections::BTreeSet, env, fs, process::Command};

use serde_json::Value;

use crate::{
    buildah::{output, workspace},
    images::{images, programs},
};

/// Name and version of each crate.
type Crates = BTreeSet<(String, String)>;

/// Those on the bill, and the whole of it.
fn billed(program: &str) -> Option<(Crates, Value)> {
    let file = images()?.parts.join(format!("image/sbom/{program}.cdx.json"));
    let bill: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let text = |component: &Value, field: &str| component[field].as_str().unwrap().to_owned();
    let components = bill["components"].as_array().unwrap();
    let crates = components.iter().map(|component| (text(component, "name"), text(component, "version")));
    Some((crates.collect(), bill))
}

/// Those that cargo links into the program, by its own word.
fn linked(program: &str) -> Crates {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let how = ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--package", program];
    let tree = output(Command::new(cargo).args(how).current_dir(workspace()));
    let name_and_version = |line: &str| {
        let (name, rest) = line.split_once(" v")?;
        Some((name.to_owned(), rest.split(' ').next()?.to_owned()))
    };
    // The first is the program's own.
    tree.lines().skip(1).filter_map(name_and_version).collect()
}

#[test]
fn a_bill_lists_every_crate_that_is_linked_into_the_program() {
    for program in programs() {
        let Some((billed, bill)) = billed(&program) else { return };
        assert_eq!(bill["bomFormat"], "CycloneDX");
        assert_eq!(bill["specVersion"], "1.5");
        assert_eq!(bill["metadata"]["component"]["name"].as_str(), Some(&*program));
        let linked = linked(&program);
        assert!(linked.len() > 50, "{program}: {linked:?}");
        let missing: Vec<_> = linked.difference(&billed).collect();
        assert!(missing.is_empty(), "{program}: {missing:?}");
    }
}

#[test]
fn a_bill_lists_what_is_in_its_own_program_and_says_licences_and_checksums() {
    let Some((webhook, bill)) = billed("usher-webhook") else { return };
    let Some((sql, _)) = billed("usher-sql") else { return };
    let has = |crates: &Crates, name: &str| crates.iter().any(|(known, _)| known == name);
    assert!(has(&sql, "libsqlite3-sys") && !has(&webhook, "libsqlite3-sys"));
    for component in bill["components"].as_array().unwrap() {
        // Our own crates come from no registry.
        if component["purl"].as_str().unwrap().contains("download_url") {
            continue;
        }
        assert!(component["licenses"].is_array(), "{component}");
        assert!(component["hashes"].is_array(), "{component}");
    }
}
