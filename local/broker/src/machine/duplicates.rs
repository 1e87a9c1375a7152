//! Duplicate detection: the MessageIds seen within the window. The window opens with the first of an id and
//! is not prolonged by its repeats.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::Millis;

#[derive(Debug)]
pub(super) struct Duplicates {
    window: Duration,
    until: HashMap<Arc<str>, Millis>,
    /// The same ids in the order in which they are forgotten.
    order: VecDeque<(Millis, Arc<str>)>,
}

impl Duplicates {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, until: HashMap::new(), order: VecDeque::new() }
    }

    /// Exact: Service Bus tells ids apart by case.
    pub(super) fn knows(&self, id: &str, now: Millis) -> bool {
        self.until.get(id).is_some_and(|until| *until > now)
    }

    /// Remembers an id from now on, and says until when.
    pub(super) fn remember(&mut self, id: &str, now: Millis) -> Millis {
        let until = now.plus(self.window);
        self.insert(id.into(), until);
        until
    }

    /// Remembers ids that were read back, which must come in the order of their ends.
    pub(super) fn insert(&mut self, id: Arc<str>, until: Millis) {
        self.until.insert(Arc::clone(&id), until);
        self.order.push_back((until, id));
    }

    /// Lets go of what lies outside the window.
    pub(super) fn forget(&mut self, now: Millis) {
        while let Some((until, id)) = self.order.pop_front_if(|(until, _)| *until <= now) {
            if self.until.get(&id) == Some(&until) {
                self.until.remove(&id);
            }
        }
    }
}
