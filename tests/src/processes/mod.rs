//! Usher as processes of their own, on free ports, over real sockets: what can be killed can be shown to survive it.
//!
//! A [`World`] is a broker and the stand-in vendors; a test starts producers and consumers in it, kills them, and reads
//! in the stand-ins' ledger what came of each sign-up. Everything that any process says goes to files that the
//! world keeps. Whatever becomes of a test, its processes end with it.

mod control;
mod program;
mod services;
mod wait;
mod world;

pub use control::Control;
pub use program::{Output, Process, Program, send_signal};
pub use wait::eventually;
pub use world::{Counts, Options, World, connection_string, peek_all};
