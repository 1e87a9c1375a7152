//! The files that spans are kept in, read a line at a time: what is wanted of them is little, and they are not.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead, BufReader, Seek},
    path::{Path, PathBuf},
};

use usher_service::Failure;

use super::span::Span;

/// Where the spans of a run are kept, the newest at the end.
pub(crate) const NEWER: &str = "traces.jsonl";
/// Where they go once that is full.
pub(crate) const OLDER: &str = "traces.older.jsonl";

/// An open record of spans.
pub(crate) struct Traces {
    /// What they are called for whoever reads of them.
    name: PathBuf,
    /// From the oldest to the newest.
    files: Vec<File>,
}

impl Traces {
    /// What a run has left in its folder, or is leaving there now.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] if there is nothing, which says how it comes to be.
    pub(crate) fn of_run(folder: &Path) -> Result<Self, Failure> {
        let name = folder.join(NEWER);
        // In this order: a file that is full goes from the one name to the other, and may so be read twice but not missed.
        let (newer, older) = (File::open(&name), File::open(folder.join(OLDER)));
        let newer = newer.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::Unavailable(format!(
                "there is no {}: `usher up` writes it, unless OTEL_EXPORTER_OTLP_ENDPOINT sends the traces elsewhere",
                name.display()
            )),
            _ => unreadable(&name, &error),
        })?;
        Ok(Self { files: older.ok().into_iter().chain([newer]).collect(), name })
    }

    /// A file of somebody's choice.
    ///
    /// # Errors
    /// [`Failure::Setting`] if it can't be read.
    pub(crate) fn in_file(name: &Path) -> Result<Self, Failure> {
        let file = File::open(name).map_err(|error| {
            Failure::setting("--file", format!("{} can't be read: {error}", name.display()))
        })?;
        Ok(Self { name: name.to_owned(), files: vec![file] })
    }

    /// What they are called.
    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    /// All spans of the traces that are about this user or event, or have this id; each once, however often it was sent.
    ///
    /// # Errors
    /// The file can't be read.
    pub(crate) fn about(&mut self, id: &str) -> Result<Vec<Span>, Failure> {
        let id = id.to_ascii_lowercase();
        let mut traces = BTreeSet::new();
        self.each(
            |line| line.contains(&id),
            |span| {
                if span.is_about(&id) {
                    traces.insert(span.trace_id);
                }
            },
        )?;
        let (mut spans, mut seen) = (Vec::new(), BTreeSet::new());
        self.each(
            |line| traces.iter().any(|trace| line.contains(trace)),
            |span| {
                if traces.contains(&span.trace_id)
                    && seen.insert((span.trace_id.clone(), span.span_id.clone()))
                {
                    spans.push(span);
                }
            },
        )?;
        Ok(spans)
    }

    /// Hands over each span whose line looks as if it were wanted.
    ///
    /// # Errors
    /// The file can't be read.
    pub(crate) fn each(
        &mut self,
        wanted: impl Fn(&str) -> bool,
        mut take: impl FnMut(Span),
    ) -> Result<(), Failure> {
        let mut passed_over = 0;
        for file in &mut self.files {
            let lines = lines(file, |line| match wanted(line).then(|| serde_json::from_str(line)) {
                None => {}
                Some(Ok(span)) => take(span),
                Some(Err(_)) => passed_over += 1,
            });
            lines.map_err(|error| unreadable(&self.name, &error))?;
        }
        if passed_over > 0 {
            tracing::warn!(lines = passed_over, file = %self.name.display(), "lines that are no spans are passed over");
        }
        Ok(())
    }
}

/// Hands over each line that is complete; the last may still be being written.
fn lines(file: &mut File, mut take: impl FnMut(&str)) -> io::Result<()> {
    file.rewind()?;
    let mut file = BufReader::new(file);
    let mut line = String::new();
    while file.read_line(&mut line)? > 0 && line.ends_with('\n') {
        take(&line);
        line.clear();
    }
    Ok(())
}

fn unreadable(name: &Path, error: &io::Error) -> Failure {
    Failure::Unavailable(format!("{} can't be read: {error}", name.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::trace::testing::{TRACE, sign_up, span};

    fn written(spans: &[Span]) -> String {
        spans.iter().map(|span| serde_json::to_string(span).unwrap() + "\n").collect()
    }

    #[test]
    fn a_sign_up_is_found_whole_by_user_by_event_and_by_trace_from_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = sign_up("a1b2", &[("billing", "complete")]);
        let other: Vec<_> =
            sign_up("ffff", &[("billing", "complete")]).into_iter().map(|it| it.of_trace("00ff")).collect();
        fs::write(folder.path().join(OLDER), written(&other) + &written(&wanted[..2])).unwrap();
        // Sent twice, and one half written.
        let newer = written(&wanted[1..]) + "{\"trace_id\":\"5231e";
        fs::write(folder.path().join(NEWER), newer).unwrap();
        for id in ["a1b2", "A1B2", "event-a1b2", TRACE] {
            let mut traces = Traces::of_run(folder.path()).unwrap();
            assert_eq!(traces.about(id).unwrap(), wanted, "{id}");
        }
        assert!(Traces::of_run(folder.path()).unwrap().about("a1b").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_span_is_passed_over() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let one = [span("1", None, "usher-crm", "process crm", 0..1)];
        fs::write(file.path(), format!("{{\"note\":\"{TRACE}\"}}\nnonsense\n{}", written(&one))).unwrap();
        assert_eq!(Traces::in_file(file.path()).unwrap().about(TRACE).unwrap(), one);
    }

    #[test]
    fn without_a_run_it_says_how_traces_come_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let Err(failure) = Traces::of_run(folder.path()) else { panic!("there are none") };
        assert!(matches!(&failure, Failure::Unavailable(why) if why.contains("usher up")), "{failure}");
        assert!(matches!(
            Traces::in_file(folder.path().join("none").as_path()),
            Err(Failure::Setting { .. })
        ));
    }
}
