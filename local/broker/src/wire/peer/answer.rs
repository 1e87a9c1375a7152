//! What goes out to a peer: answers that the store has caught up with, and messages from the queues.

use bytes::BytesMut;

use super::{PUMP_BELOW, Peer};
use crate::{
    store::Progress,
    wire::{
        link::{Link, Reply},
        session::{Session, Taken},
        work::{Answer, Place, Ranges},
    },
};

impl Peer {
    pub(super) fn run_work(&mut self) {
        if self.work.is_empty() {
            return;
        }
        let work = std::mem::take(&mut self.work);
        let (answers, ticket) = self
            .hub
            .transact(|machine, now| work.into_iter().map(|work| work.run(machine, now)).collect::<Vec<_>>());
        self.waiting_answers += answers.len();
        self.waiting.push_back((ticket, answers));
    }

    /// Gives the answers whose effects are on disk.
    pub(crate) fn answer(&mut self, progress: &Progress, out: &mut BytesMut) {
        let mut ranges = Ranges::default();
        let mut any = false;
        while self.waiting.front().is_some_and(|(ticket, _)| progress.covers(*ticket)) {
            let (_, answers) = self.waiting.pop_front().unwrap_or_default();
            self.waiting_answers -= answers.len();
            answers.into_iter().for_each(|answer| self.give(answer, &mut ranges, out));
            any = true;
        }
        ranges.write(out);
        if any {
            self.replenish(out);
        }
    }

    fn give(&mut self, answer: Answer, ranges: &mut Ranges, out: &mut BytesMut) {
        match answer {
            Answer::Sent(sent, outcome) => {
                self.waiting_bytes -= sent.bytes;
                let Some(session) = self.at(sent.place) else { return };
                if let Some(Link::Incoming(link)) = session.links.get_mut(&sent.handle) {
                    link.answered();
                }
                if !sent.settled {
                    ranges.add(out, sent.place.channel, true, sent.id, outcome);
                }
            }
            Answer::Settled { place, id, outcome } => {
                if self.at(place).is_some() {
                    ranges.add(out, place.channel, false, id, outcome);
                }
            }
            Answer::Reply { place, handle, message } => {
                if let Some(Link::Outgoing(link)) =
                    self.at(place).and_then(|session| session.links.get_mut(&handle))
                {
                    link.reply(Reply { tag: uuid::Uuid::new_v4().into_bytes(), message });
                }
            }
            Answer::Silence => {}
        }
    }

    fn at(&mut self, place: Place) -> Option<&mut Session> {
        self.sessions.get_mut(&place.channel).filter(|session| session.serial == place.serial)
    }

    fn replenish(&mut self, out: &mut BytesMut) {
        for session in self.sessions.values_mut() {
            let flows: Vec<_> = session
                .links
                .iter_mut()
                .filter_map(|(handle, link)| match link {
                    Link::Incoming(link) => link.replenish().then(|| link.flow(*handle)),
                    Link::Outgoing(_) => None,
                })
                .collect();
            flows.into_iter().for_each(|flow| session.write_flow(out, Some(flow)));
        }
    }

    /// Sends what the peer has credit and window for, as much as fits into a turn.
    pub(crate) fn pump(&mut self, out: &mut BytesMut) {
        if out.len() >= PUMP_BELOW {
            return;
        }
        let max_frame = self.max_frame();
        self.sessions.values_mut().for_each(|session| session.send_waiting(out, max_frame));
        if self.sessions.values().any(Session::is_hungry) {
            for taken in self.take() {
                if let Some(session) = self.sessions.get_mut(&taken.channel) {
                    session.deliver(&taken, out, &mut self.scratch, max_frame);
                }
            }
            self.sessions.values_mut().for_each(|session| session.finish_drains(out));
        }
    }

    fn take(&mut self) -> Vec<Taken> {
        let mut taken = Vec::new();
        let sessions = &mut self.sessions;
        self.hub.transact(|machine, now| {
            sessions.values_mut().for_each(|session| session.take(machine, now, &mut taken));
        });
        taken
    }
}
