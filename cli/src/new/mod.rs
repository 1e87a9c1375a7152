//! `usher new subscriber NAME`: a consumer of one's own, which compiles, passes its tests and runs in `usher up`.
//!
//! Two things make a consumer known: a crate in `consumers/`, which the workspace takes in by itself, and a line in
//! `infra/consumers.json`, from which the broker's topology, this command line and the deployment are made. Nothing of
//! the producer's changes. It is all done offline.

mod crate_files;
mod list;
mod name;
mod workspace;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use usher_service::{Failure, Shutdown};

use self::{crate_files::CrateFiles, name::Name, workspace::Workspace};

/// Arguments of `usher new`.
#[derive(Args)]
pub(crate) struct NewArgs {
    #[command(subcommand)]
    command: NewCommand,
}

#[derive(Subcommand)]
enum NewCommand {
    /// Make a consumer of one's own in this workspace
    Subscriber(SubscriberArgs),
}

#[derive(Args)]
#[command(after_help = EXAMPLES)]
struct SubscriberArgs {
    /// Its name, in lower-case letters, digits and hyphens: its subscription's, and usher-NAME is its crate and binary
    #[arg(value_parser = name::checked)]
    name: Name,
    /// What it does, in a few words; to be changed in two places later
    #[arg(long, value_name = "TEXT", default_value = "Notes each sign-up in a file of its own", value_parser = name::about)]
    about: String,
    /// A folder in the workspace
    #[arg(long, value_name = "DIR", default_value = ".")]
    workspace: PathBuf,
    /// Print what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
It makes consumers/NAME, which notes each sign-up in a file until you put your own effect in its place, and adds NAME to \
infra/consumers.json. What is there already is never overwritten.

Examples:
  usher new subscriber audit-trail
  usher new subscriber audit-trail --about 'Tells the warehouse of each sign-up' --dry-run

docs/new-subscriber.md goes on from there.";

/// Does what the command line says; waits for nothing that could be stopped.
pub(crate) async fn run(args: NewArgs, _: Shutdown) -> Result<(), Failure> {
    let NewCommand::Subscriber(args) = args.command;
    let workspace = Workspace::around(&args.workspace)?;
    workspace.check_free(&args.name)?;
    let files = CrateFiles::of(&args.name, &args.about);
    let list = list::with(&workspace.list()?, &args.name, &args.about)?;
    if args.dry_run {
        print!("{}", shown(&files, &list));
        return Ok(());
    }
    workspace.write(&args.name, &files, &list)?;
    print!("{}", what_next(&args.name));
    Ok(())
}

fn shown(files: &CrateFiles, list: &str) -> String {
    let files = files.iter().map(|(path, text)| (path.display().to_string(), text));
    let list = [(workspace::LIST.to_owned(), list)];
    files.chain(list).map(|(path, text)| format!("--- {path}\n{text}\n")).collect()
}

fn what_next(name: &Name) -> String {
    let (crate_name, folder) = (name.crate_name(), name.folder().display().to_string());
    format!(
        "\
{folder} is there, and {name} is in {list}.

  cargo test -p {crate_name}    passes already
  make run                      builds it, the broker and this program with the new list, and shows its row

Then put your effect in place of the note:
  {folder}/src/folder.rs        the destination, and what its errors mean
  {folder}/src/lib.rs           `handle`, `probe`, `presence`: what becomes of a sign-up
  {folder}/src/settings.rs      its settings; give each a default, or `usher up` can't start it
docs/new-subscriber.md shows each step.
",
        list = workspace::LIST,
    )
}

#[cfg(test)]
mod tests;
