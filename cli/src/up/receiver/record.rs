//! The spans that have come in: all of them in a file, up to a bound, and the latest at hand.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::trace::{NEWER, OLDER, SignUp, span::Span};

/// The largest that one of the two files gets, in bytes: some thousand sign-ups, and read through in a second or two.
const LARGEST: u64 = 64 << 20;
/// How many of the latest spans are at hand: some hundred sign-ups, and a few megabytes.
const AT_HAND: usize = 8_192;

/// Where spans are kept. A file that is full becomes the older one, in place of the one that was.
pub(super) struct Record {
    newer: PathBuf,
    older: PathBuf,
    file: File,
    /// Of the file, in bytes.
    size: u64,
    largest: u64,
    latest: VecDeque<Span>,
    /// Whether the oldest spans are gone.
    forgot: bool,
    /// Whether the last were not written.
    broken: bool,
}

impl Record {
    /// An empty record in a folder.
    pub(super) fn in_folder(folder: &Path) -> io::Result<Self> {
        Self::of_size(folder, LARGEST)
    }

    fn of_size(folder: &Path, largest: u64) -> io::Result<Self> {
        let newer = folder.join(NEWER);
        let file = File::create(&newer)?;
        Ok(Self {
            newer,
            older: folder.join(OLDER),
            file,
            size: 0,
            largest,
            latest: VecDeque::new(),
            forgot: false,
            broken: false,
        })
    }

    /// Keeps these. That the disk is full is no reason to hold up whoever sends: it is said, once.
    pub(super) fn add(&mut self, spans: Vec<Span>) {
        let lines: String = spans.iter().filter_map(line).collect();
        match self.write(&lines) {
            Ok(()) => self.broken = false,
            Err(error) if !self.broken => {
                self.broken = true;
                tracing::warn!(%error, file = %self.newer.display(), "traces can't be written and are lost");
            }
            Err(_) => {}
        }
        self.latest.extend(spans);
        self.latest.drain(..self.latest.len().saturating_sub(AT_HAND));
    }

    /// Whether the oldest spans had to go, and how many bytes of the newest are kept.
    pub(super) fn forgot(&self) -> Option<u64> {
        self.forgot.then_some(self.largest * 2)
    }

    /// A sign-up of the latest with which as many consumers as possible are through, by the id that it is asked for.
    pub(super) fn example(&self) -> Option<String> {
        let mut traces = BTreeMap::<&str, Vec<Span>>::new();
        for span in self.latest.iter().filter(|span| SignUp::is_made_of(span)) {
            traces.entry(&span.trace_id).or_default().push(span.clone());
        }
        let sign_ups = traces.values().filter_map(|spans| SignUp::of(spans));
        let best = sign_ups.max_by_key(|sign_up| (sign_up.done(), sign_up.start_unix_nano));
        best.map(|sign_up| sign_up.id().to_owned())
    }

    /// Whole lines at once: whoever reads meanwhile sees no half of one but at the end.
    fn write(&mut self, lines: &str) -> io::Result<()> {
        let more = lines.len() as u64;
        if self.size > 0 && self.size + more > self.largest {
            self.begin_anew()?;
        }
        self.size += more;
        self.file.write_all(lines.as_bytes())
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        let forgets = self.older.exists();
        fs::rename(&self.newer, &self.older)?;
        self.file = File::create(&self.newer)?;
        self.size = 0;
        if forgets && !self.forgot {
            self.forgot = true;
            let kept = self.largest * 2;
            tracing::warn!(bytes = kept, "the record of traces is full: from now on the oldest make room");
        }
        Ok(())
    }
}

fn line(span: &Span) -> Option<String> {
    // Texts and numbers always serialise.
    serde_json::to_string(span).ok().map(|line| line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{sign_up, span};

    fn names(file: &Path) -> Vec<String> {
        let text = fs::read_to_string(file).unwrap();
        text.lines().map(|line| serde_json::from_str::<Span>(line).unwrap().name).collect()
    }

    #[test]
    fn at_the_bound_the_oldest_make_room_and_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| span("1", None, "usher-crm", name, 0..1);
        let size = line(&of("a")).unwrap().len() as u64;
        let mut record = Record::of_size(folder.path(), 2 * size).unwrap();
        for name in ["a", "b", "c", "d"] {
            record.add(vec![of(name)]);
        }
        assert_eq!(record.forgot(), None);
        record.add(vec![of("e")]);
        let (older, newer) = (names(&folder.path().join(OLDER)), names(&folder.path().join(NEWER)));
        assert_eq!((older, newer), (vec!["c".to_owned(), "d".to_owned()], vec!["e".to_owned()]));
        assert_eq!(record.forgot(), Some(4 * size));
    }

    #[test]
    fn no_more_than_so_many_are_at_hand() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = Record::in_folder(folder.path()).unwrap();
        record.add((0..AT_HAND + 7).map(|_| span("1", None, "usher-crm", "GET", 0..1)).collect());
        assert_eq!(record.latest.len(), AT_HAND);
    }

    #[test]
    fn the_example_is_a_sign_up_that_most_are_through_with() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = Record::in_folder(folder.path()).unwrap();
        assert_eq!(record.example(), None);
        record.add(vec![span("1", None, "usher-producer", "GET", 0..1)]);
        assert_eq!(record.example(), None);
        for (n, consumers) in [
            &[("billing", "complete"), ("crm", "complete")][..],
            &[("billing", "dead_letter"), ("crm", "complete")],
            &[("crm", "complete")],
        ]
        .iter()
        .enumerate()
        {
            let spans = sign_up(&format!("user-{n}"), consumers).into_iter();
            record.add(spans.map(|span| span.of_trace(&format!("{n:032x}"))).collect());
        }
        assert_eq!(record.example().as_deref(), Some("user-0"));
    }
}
