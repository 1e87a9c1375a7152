//! How wide the picture is, and in which colours.

use std::io::{IsTerminal, stdout};

use console::{Style, Term};

/// The width where nothing says how wide a line may be, in columns.
const USUAL_WIDTH: u16 = 100;
/// One for each service, in turn: red is for what failed.
const COLOURS: [Style; 9] = [
    Style::new().cyan(),
    Style::new().green(),
    Style::new().yellow(),
    Style::new().blue(),
    Style::new().magenta(),
    Style::new().color256(208),
    Style::new().color256(141),
    Style::new().color256(37),
    Style::new().color256(250),
];

/// How the picture looks.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// In columns.
    pub(crate) width: usize,
    pub(crate) colour: bool,
}

impl Look {
    /// As standard output can take it, or as wide as was asked for. Colours only on a terminal, and none if `NO_COLOR` is
    /// set.
    pub(crate) fn of_stdout(width: Option<u16>) -> Self {
        let terminal = || Term::stdout().size_checked().map(|(_, columns)| columns);
        let width = width.or_else(terminal).unwrap_or(USUAL_WIDTH);
        Self { width: width.into(), colour: stdout().is_terminal() && console::colors_enabled() }
    }

    /// In the colour of a service: the first that is shown has the first.
    pub(crate) fn of_service(&self, nth: usize, text: &str) -> String {
        self.in_style(COLOURS[nth % COLOURS.len()].clone(), text)
    }

    /// What failed.
    pub(crate) fn failed(&self, text: &str) -> String {
        self.in_style(Style::new().red().bold(), text)
    }

    /// What is beside the point.
    pub(crate) fn aside(&self, text: &str) -> String {
        self.in_style(Style::new().dim(), text)
    }

    /// A heading.
    pub(crate) fn heading(&self, text: &str) -> String {
        self.in_style(Style::new().bold(), text)
    }

    fn in_style(&self, style: Style, text: &str) -> String {
        style.force_styling(self.colour).apply_to(text).to_string()
    }
}
