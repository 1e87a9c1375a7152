use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;

const LIST: &str = "[\n  { \"name\": \"billing\", \"about\": \"Bills\" }\n]\n";

/// A workspace with the consumer billing and the crate usher-bus.
fn workspace() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let file = home.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write("Cargo.toml", "[workspace]\nmembers = [\"consumers/*\"]\n");
    write("consumers/billing/Cargo.toml", "[package]\nname = \"usher-billing\"\n");
    write("shared/bus/Cargo.toml", "[package]\nname = \"usher-bus\"\n");
    write("infra/consumers.json", LIST);
    home
}

async fn new(name: &str, folder: &Path, dry_run: bool) -> Result<(), Failure> {
    let name = name::checked(name).unwrap();
    let about = "Notes each sign-up".to_owned();
    let args = SubscriberArgs { name, about, workspace: folder.to_owned(), dry_run };
    run(NewArgs { command: NewCommand::Subscriber(args) }, Shutdown::new()).await
}

fn list(home: &TempDir) -> String {
    fs::read_to_string(home.path().join("infra/consumers.json")).unwrap()
}

#[tokio::test]
async fn a_crate_and_a_line_in_the_list_are_made_from_anywhere_in_the_workspace() {
    let home = workspace();
    new("audit-trail", &home.path().join("consumers/billing"), false).await.unwrap();
    let lib = fs::read_to_string(home.path().join("consumers/audit-trail/src/lib.rs")).unwrap();
    assert!(lib.contains("pub struct AuditTrail") && lib.contains("Notes each sign-up."), "{lib}");
    assert!(list(&home).contains("{ \"name\": \"audit-trail\", \"about\": \"Notes each sign-up\" }"));
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let home = workspace();
    new("audit-trail", home.path(), true).await.unwrap();
    assert!(!home.path().join("consumers/audit-trail").exists());
    assert_eq!(list(&home), LIST);
}

#[tokio::test]
async fn a_name_that_something_has_is_refused_and_nothing_is_overwritten() {
    let home = workspace();
    fs::create_dir(home.path().join("consumers/notes")).unwrap();
    for (name, by) in
        [("billing", "infra/consumers.json"), ("bus", "usher-bus"), ("notes", "is there already")]
    {
        let refused = new(name, home.path(), false).await.unwrap_err();
        assert!(matches!(refused, Failure::Setting { setting: "NAME", .. }), "{refused:?}");
        assert!(refused.to_string().contains(by), "{refused}");
    }
    assert_eq!(list(&home), LIST);
    assert_eq!(fs::read_dir(home.path().join("consumers/notes")).unwrap().count(), 0);
}

#[tokio::test]
async fn outside_a_workspace_it_says_where_to_go() {
    let elsewhere = tempfile::tempdir().unwrap();
    let refused = new("audit-trail", elsewhere.path(), false).await.unwrap_err();
    assert!(matches!(refused, Failure::Setting { setting: "--workspace", .. }), "{refused:?}");
    assert!(refused.to_string().contains("a clone of Usher's"), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_finished_is_taken_back() {
    let home = workspace();
    let name = name::checked("audit-trail").unwrap();
    let workspace = Workspace::around(home.path()).unwrap();
    // The list can't be written: a folder is in its place.
    fs::remove_file(home.path().join("infra/consumers.json")).unwrap();
    fs::create_dir(home.path().join("infra/consumers.json")).unwrap();
    let failed = workspace.write(&name, &CrateFiles::of(&name, "Notes"), "[]").unwrap_err();
    assert!(matches!(failed, Failure::Unavailable(_)), "{failed:?}");
    assert!(!home.path().join("consumers/audit-trail").exists());
}
