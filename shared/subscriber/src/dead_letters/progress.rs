//! How far a command is, on a terminal; where there is none, nothing is shown.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const TEMPLATE: &str = "{bar:30} {percent:>3}%  {msg}  {eta} left";

/// A bar over sequence numbers, on standard error. They have gaps, so it is only about right, as the time left is.
pub struct Progress {
    bar: ProgressBar,
    first: Option<i64>,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// A bar that shows once something has been reached.
    pub fn new() -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        // Draws nothing unless standard error is a terminal.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
        Self { bar, first: None }
    }

    /// So far, of what ends at `last`; `message` says what has been done.
    pub fn reach(&mut self, sequence_number: i64, last: i64, message: impl FnOnce() -> String) {
        if self.bar.is_hidden() {
            return;
        }
        let first = *self.first.get_or_insert(sequence_number);
        let place = |number: i64| u64::try_from(number.saturating_sub(first).saturating_add(1)).unwrap_or(0);
        self.bar.set_length(place(last));
        self.bar.set_position(place(sequence_number).max(self.bar.position()));
        self.bar.set_message(message());
    }

    /// Writes something else meanwhile, without a mess.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

/// It leaves no trace.
impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
