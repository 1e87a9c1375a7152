//! LIKE: `%` stands for any run of characters, `_` for any single one.

/// A pattern, parsed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Exactly(char),
    AnyOne,
    AnyRun,
}

impl Pattern {
    /// Parses a pattern. `None` if it ends in the escape character, which then escapes nothing.
    pub(super) fn new(pattern: &str, escape: Option<char>) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            pieces.push(match character {
                _ if Some(character) == escape => Piece::Exactly(characters.next()?),
                '%' => Piece::AnyRun,
                '_' => Piece::AnyOne,
                _ => Piece::Exactly(character),
            });
        }
        Some(Self(pieces))
    }

    /// Whether the whole text fits. Only the latest run is ever stretched, so the time is at most the product
    /// of the two lengths, whatever the pattern.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut piece) = (0, 0);
        let mut latest_run = None;
        while at < text.len() {
            match self.0.get(piece) {
                Some(Piece::AnyRun) => {
                    latest_run = Some((piece, at));
                    piece += 1;
                }
                Some(Piece::AnyOne) => (at, piece) = (at + 1, piece + 1),
                Some(Piece::Exactly(wanted)) if *wanted == text[at] => (at, piece) = (at + 1, piece + 1),
                _ => {
                    let Some((run, taken_to)) = latest_run else { return false };
                    latest_run = Some((run, taken_to + 1));
                    (at, piece) = (taken_to + 1, run + 1);
                }
            }
        }
        self.0[piece..].iter().all(|rest| *rest == Piece::AnyRun)
    }
}
