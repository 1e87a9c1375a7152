//! `usher dlq export`: dead letters in a file that nobody else can read, or on standard output.
//!
//! The file is there whole or not at all: it is written beside its place, by us alone from its first moment, and put
//! there at the end.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use tempfile::NamedTempFile;
use time::OffsetDateTime;
use usher_service::{Failure, Shutdown};
use usher_subscriber::dead_letters::{DeadLetter, Filter, Matcher, Pages, Progress, highest};

use super::{Whose, bus::DeadLetters, failure, record::Record, stopped};

/// Standard output, as a file's name.
const STDOUT: &str = "-";

/// Arguments of `usher dlq export`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    whose: Whose,
    /// The file to make, readable by you alone; - for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Names and addresses as they are
    #[arg(long)]
    reveal: bool,
    /// In place of a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten, next_help_heading = "Which dead letters")]
    filter: Filter,
}

const EXAMPLES: &str = "\
One JSON object a line, with all that is known: what the list shows, the message's properties and its body. Without \
--reveal names and addresses are masked, which can't be undone later: what is to be kept before it is removed is \
exported with --reveal. The file has mode 0600 and is there only if all of it is.

Examples:
  usher dlq export billing letters.jsonl
  usher dlq export billing old.jsonl --older-than 30d --reveal
  usher dlq export billing - --reason StripeRejected | jq -r .userId | sort -u";

/// Exports.
pub(crate) async fn run(args: ExportArgs, shutdown: &Shutdown) -> Result<(), Failure> {
    if args.file == Path::new(STDOUT) {
        let exported = export(&args, &mut io::stdout().lock(), shutdown).await;
        return exported.map(drop);
    }
    let place = Place::of(&args)?;
    let mut out = BufWriter::new(place.file.as_file());
    let count = export(&args, &mut out, shutdown).await?;
    out.flush().map_err(|e| unwritable(&args.file, &e))?;
    drop(out);
    place.take(&args)?;
    println!("{count} dead letters in {}", args.file.display());
    Ok(())
}

/// Where the file is to be, and what is written until then.
struct Place {
    file: NamedTempFile,
}

impl Place {
    fn of(args: &ExportArgs) -> Result<Self, Failure> {
        if !args.force && args.file.symlink_metadata().is_ok() {
            return Err(exists(&args.file));
        }
        let folder = args.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Made anew and with mode 0600: at no moment could anybody else have opened it.
        let file = NamedTempFile::with_prefix_in(".usher-export-", folder.unwrap_or(Path::new(".")));
        Ok(Self { file: file.map_err(|e| unwritable(&args.file, &e))? })
    }

    /// Puts the file there, on disk: whoever exports is about to remove.
    fn take(self, args: &ExportArgs) -> Result<(), Failure> {
        self.file.as_file().sync_all().map_err(|e| unwritable(&args.file, &e))?;
        let Self { file } = self;
        let placed = if args.force { file.persist(&args.file) } else { file.persist_noclobber(&args.file) };
        match placed {
            Ok(_) => Ok(()),
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(&args.file)),
            Err(e) => Err(unwritable(&args.file, &e.error)),
        }
    }
}

fn exists(file: &Path) -> Failure {
    Failure::Negative(format!("{} is there already: name another, or say --force", file.display()))
}

fn unwritable(file: &Path, error: &io::Error) -> Failure {
    Failure::Negative(format!("{} can't be written: {error}", file.display()))
}

async fn export(args: &ExportArgs, out: &mut impl Write, shutdown: &Shutdown) -> Result<u64, Failure> {
    let letters = DeadLetters::open(&args.whose, shutdown).await?;
    let matcher = args.filter.at(OffsetDateTime::now_utc());
    let exported = tokio::select! {
        () = shutdown.requested() => Err(stopped()),
        exported = write_all(args, &letters, &matcher, out) => exported,
    };
    letters.close().await;
    exported
}

/// How many were written.
async fn write_all(
    args: &ExportArgs,
    letters: &DeadLetters,
    matcher: &Matcher,
    out: &mut impl Write,
) -> Result<u64, Failure> {
    let receiver = letters.receiver();
    let last = highest(&*receiver).await.map_err(failure)?.unwrap_or_default();
    let mut pages = Pages::within(receiver, matcher);
    let (mut written, mut progress) = (0, Progress::new());
    loop {
        let page = pages.next().await.map_err(failure)?;
        let Some(end) = page.last() else { return Ok(written) };
        for peeked in page.iter().filter(|peeked| matcher.matches(&DeadLetter::from(*peeked))) {
            let line = Record::of(peeked, args.reveal).to_line().map_err(|e| Failure::Other(e.into()))?;
            match writeln!(out, "{line}") {
                // `usher dlq export billing - | head`: it has what it wanted.
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(written),
                Err(e) => return Err(unwritable(&args.file, &e)),
                Ok(()) => written += 1,
            }
        }
        progress.reach(end.sequence_number, last, || format!("{written} written"));
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use clap::Parser;

    use super::*;

    fn args(line: &[&str]) -> ExportArgs {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            export: ExportArgs,
        }
        Line::parse_from(["export", "billing"].iter().chain(line)).export
    }

    #[test]
    fn a_file_is_for_us_alone_and_takes_nobody_elses_place() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("letters.jsonl");
        let there = path.display().to_string();
        let new = args(&[&there]);
        let place = Place::of(&new).unwrap();
        assert_eq!(place.file.as_file().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!path.exists(), "not before it is whole");
        fs::write(&path, "somebody else's").unwrap();
        assert!(place.take(&new).unwrap_err().to_string().contains("--force"), "it came meanwhile");
        assert!(Place::of(&new).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody else's");

        let forced = args(&[&there, "--force"]);
        let mut place = Place::of(&forced).unwrap();
        place.file.write_all(b"ours").unwrap();
        place.take(&forced).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "ours");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing else is left");
    }
}
