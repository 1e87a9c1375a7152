//! Dead letters removed for good: what `expire` and `drop` have in common.
//!
//! First the queue is looked through, so that the question says how many they are and the walk knows where to end.
//! Then the letters are received from the front and completed. Service Bus hands out none but those at the front: what
//! does not match is held meanwhile, and goes back.

use std::sync::Arc;

use usher_bus::Peeked;
use usher_service::{Failure, Shutdown};
use usher_subscriber::dead_letters::{Complete, Fate, Matcher, Outcomes, Survey, Tempo, Walk, highest};

use super::{Whose, bus::DeadLetters, failure, letter::time, stopped};

/// What it means that nobody has agreed.
pub(super) const NOT_REMOVED: &str = "nothing was removed";

/// What is to be removed, and how it is told.
pub(super) struct Removal<'a> {
    pub(super) whose: &'a Whose,
    pub(super) matcher: Matcher,
    pub(super) dry_run: bool,
    pub(super) json: bool,
    pub(super) shutdown: &'a Shutdown,
}

impl Removal<'_> {
    /// Removes, once `confirm` has agreed to what it is told.
    ///
    /// # Errors
    /// It was not confirmed or did not get to its end, or the broker is not there.
    pub(super) async fn run(
        self,
        confirm: impl AsyncFnOnce(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let letters = DeadLetters::open(self.whose, self.shutdown).await?;
        let removed = self.on(&letters, confirm).await;
        letters.close().await;
        removed
    }

    async fn on(
        &self,
        letters: &DeadLetters,
        confirm: impl AsyncFnOnce(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.dry_run {
            return self.foresee(letters).await;
        }
        let survey = self.survey(letters, &mut |_, _| {}).await?;
        let (Some(last), Some(what)) = (survey.last, self.describe(&survey)) else {
            return Err(nothing(self.whose));
        };
        confirm(&what).await?;
        let walk = Walk {
            receiver: letters.receiver(),
            work: Arc::new(Complete),
            matcher: self.matcher.clone(),
            last,
            tempo: Tempo::default(),
        };
        let mut outcomes = Outcomes::new("removed", self.json);
        let summary = walk.run(self.shutdown, &mut |fate| outcomes.tell(fate)).await.map_err(failure)?;
        outcomes.conclude(&summary);
        summary.verdict().map_err(|why| Failure::Negative(why.to_owned()))
    }

    async fn foresee(&self, letters: &DeadLetters) -> Result<(), Failure> {
        let mut outcomes = Outcomes::new("would be removed", self.json);
        let last = highest(&*letters.receiver()).await.map_err(failure)?;
        let last = last.map(|last| last.min(self.matcher.last()));
        let tell = &mut |peeked: &Peeked, within_reach| {
            if within_reach {
                outcomes.tell(&Fate::as_if_done(peeked, last.unwrap_or(peeked.sequence_number)));
            }
        };
        let summary = self.survey(letters, tell).await?.as_summary(last);
        outcomes.conclude(&summary);
        summary.verdict().map_err(|why| Failure::Negative(why.to_owned()))
    }

    async fn survey(
        &self,
        letters: &DeadLetters,
        on_match: &mut (dyn FnMut(&Peeked, bool) + Send),
    ) -> Result<Survey, Failure> {
        let receiver = letters.receiver();
        tokio::select! {
            biased;
            () = self.shutdown.requested() => Err(stopped()),
            survey = Survey::of(&receiver, &self.matcher, on_match) => survey.map_err(failure),
        }
    }

    /// What the operator is asked about.
    fn describe(&self, survey: &Survey) -> Option<String> {
        let (oldest, newest) = survey.accepted?;
        let (count, consumer) = (survey.matched, self.whose.consumer.name());
        let out_of_reach = survey.matched - survey.within_reach;
        let reach = match out_of_reach {
            0 => String::new(),
            more => format!(" ({more} of them lie too deep behind others to be reached in one go)"),
        };
        Some(format!(
            "{count} dead letters of {consumer}, accepted between {} and {}, are removed for good{reach}.",
            time(oldest),
            time(newest)
        ))
    }
}

fn nothing(whose: &Whose) -> Failure {
    let consumer = whose.consumer.name();
    Failure::Negative(format!("nothing matches: `usher dlq group {consumer}` says what there is"))
}
