//! Questions before something is done that can't be undone. They are asked on a terminal; where there is none, a flag
//! answers.

use std::io::{IsTerminal, Write, stderr, stdin};

use usher_service::{Failure, Shutdown};

use super::stopped;

/// Who says yes.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    /// The flag that answers in advance, and whether it is set.
    pub(crate) flag: &'static str,
    pub(crate) answered: bool,
    /// What it means that nobody has said yes.
    pub(crate) undone: &'static str,
    pub(crate) shutdown: &'a Shutdown,
}

impl Asking<'_> {
    /// Before anything is done: whether there will be an answer.
    ///
    /// # Errors
    /// Nobody is there to be asked, and the flag is not set.
    pub(crate) fn ensure_possible(&self) -> Result<(), Failure> {
        if self.answered || stdin().is_terminal() {
            return Ok(());
        }
        let problem = format!("is not given, and standard input is no terminal to ask on: {}", self.undone);
        Err(Failure::setting(self.flag, problem))
    }

    /// Asks for a yes.
    ///
    /// # Errors
    /// The answer is no, or the operator stopped the command.
    pub(crate) async fn yes(&self, question: &str) -> Result<(), Failure> {
        if self.answered { Ok(()) } else { self.ask(&format!("{question} [y/N] "), means_yes).await }
    }

    /// Asks for a word to be typed, so that it is read.
    ///
    /// # Errors
    /// As for [`Asking::yes`].
    pub(super) async fn word(&self, question: &str, word: &str) -> Result<(), Failure> {
        if self.answered {
            return Ok(());
        }
        self.ask(&format!("{question} Type {word} to go on: "), |answer| answer.trim() == word).await
    }

    async fn ask(&self, question: &str, agrees: impl Fn(&str) -> bool) -> Result<(), Failure> {
        // On standard error: standard output is what was asked for.
        let _ = write!(stderr(), "{question}").and_then(|()| stderr().flush());
        let answer = tokio::select! {
            biased;
            () = self.shutdown.requested() => return Err(stopped()),
            answer = line() => answer?,
        };
        if agrees(&answer) {
            Ok(())
        } else {
            Err(Failure::Negative(format!("not confirmed: {}", self.undone)))
        }
    }
}

/// A line from the terminal. Its thread waits for it whatever happens here, and ends with the process.
pub(super) async fn line() -> Result<String, Failure> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        stdin().read_line(&mut line).map(|_| line)
    });
    match read.await {
        Ok(Ok(line)) => Ok(line),
        Ok(Err(e)) => Err(Failure::Other(e.into())),
        Err(e) => Err(Failure::Other(e.into())),
    }
}

fn means_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(means_yes("y\n") && means_yes(" Yes \n"));
        for no in ["", "\n", "n\n", "yess\n", "billing\n"] {
            assert!(!means_yes(no), "{no:?}");
        }
    }

    #[tokio::test]
    async fn a_flag_answers_in_advance() {
        let shutdown = Shutdown::new();
        let asking =
            Asking { flag: "--yes", answered: true, undone: "nothing was removed", shutdown: &shutdown };
        assert!(asking.ensure_possible().is_ok());
        assert!(asking.yes("Sure?").await.is_ok() && asking.word("Sure?", "billing").await.is_ok());
    }
}
