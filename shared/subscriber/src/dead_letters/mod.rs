//! Dead letters, as operators' tools treat them: `usher dlq` and each consumer's own `replay`.
//!
//! A broker shows dead letters at any depth but hands them out from the front alone. So there are two ways through a
//! queue. [`Pages`] and [`Survey`] look, a page at a time, and lock nothing. A [`Walk`] takes: it receives under lock,
//! has its [`Work`] done on what the [`Filter`] matches, and lets a letter leave the queue only once that is done;
//! whatever is not matched, or fails, stays locked until the walk ends, so that it is not handed out a second time,
//! and then goes back. However long the queue is, a walk holds [`MOST_HELD`] letters at most.

mod filter;
mod hand;
mod letter;
mod outcomes;
mod pages;
mod progress;
mod rate;
mod span;
mod summary;
mod survey;
mod walk;

pub use crate::highest::highest;
pub use filter::{Filter, Matcher, Since};
pub use letter::DeadLetter;
pub use outcomes::Outcomes;
pub use pages::Pages;
pub use progress::Progress;
pub use rate::{Rate, Tempo};
pub use span::Span;
pub use summary::{Ended, Fate, Summary};
pub use survey::Survey;
pub use walk::{Complete, MOST_HELD, Walk, Work};
