//! Links: which are let in, and what is done with what arrives on them.

use bytes::BytesMut;

use super::{Peer, Refusal};
use crate::{
    machine::{MAX_MESSAGE_BYTES, QueueId, Target, address_key},
    wire::{
        codec::{
            fault::Fault,
            incoming::{Attach, Transfer},
            message::{Sections, admit},
            outgoing::{self, Outcome},
        },
        link::{Arrival, Incoming, Inlet, Link, Outgoing, Outlet},
        management::{self, Request},
        reply,
        session::HANDLE_MAX,
        work::{Answer, Place, Sent, Work},
    },
};

const CBS: &str = "$cbs";
const MANAGEMENT: &str = "/$management";
/// The sender settle mode of receive-and-delete.
const SETTLED: u32 = 1;
/// The most links of a connection.
const MOST_LINKS: usize = 1024;

/// The one node that is there to ask for access.
pub(super) fn is_open_to_all(address: &str) -> bool {
    address_key(address) == CBS
}

impl Peer {
    /// Answers an attach: with the link's mirror image, or with one that is detached at once and says why.
    pub(super) fn on_attach(
        &mut self,
        channel: u16,
        attach: &Attach<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Refusal> {
        self.check_handle(channel, attach.handle)?;
        let link = self.link_for(attach);
        // The bound is on what we take. A page of peeked messages is larger than any of them: to a peer that receives
        // we promise none, which is what 0 says.
        let bound = if attach.peer_receives { 0 } else { MAX_MESSAGE_BYTES as u64 };
        outgoing::attach(out, channel, attach, bound, link.is_err());
        let link = match link {
            Ok(link) => link,
            Err(fault) => {
                outgoing::detach(out, channel, attach.handle, true, Some(fault));
                return Ok(());
            }
        };
        let session = self.session(channel)?;
        if let Link::Incoming(link) = &link {
            session.write_flow(out, Some(link.flow(attach.handle)));
        }
        let queue = queue_of(&link);
        session.links.insert(attach.handle, link);
        if let Some(queue) = queue {
            self.hub.wake_on(queue, &self.wake);
        }
        Ok(())
    }

    fn check_handle(&mut self, channel: u16, handle: u32) -> Result<(), Refusal> {
        let links: usize = self.sessions.values().map(|session| session.links.len()).sum();
        if self.session(channel)?.links.contains_key(&handle) {
            return Err(Refusal::Session(Fault::HANDLE_IN_USE));
        }
        if handle > HANDLE_MAX || links >= MOST_LINKS {
            Err(Refusal::Session(Fault::TOO_MANY))
        } else {
            Ok(())
        }
    }

    fn link_for(&self, attach: &Attach<'_>) -> Result<Link, Fault> {
        let (theirs, ours) = if attach.peer_receives {
            (attach.target, attach.source)
        } else {
            (attach.source, attach.target)
        };
        let address = ours.address.ok_or(Fault::INVALID_FIELD)?;
        let inlet = self.node(address)?;
        if !attach.peer_receives {
            return Ok(Link::Incoming(Incoming::new(
                address.to_owned(),
                inlet,
                attach.initial_delivery_count,
            )));
        }
        let outlet = match inlet {
            Inlet::Entity(Target::Queue(queue)) => Outlet::Queue(queue),
            Inlet::Entity(Target::Topic(_)) => return Err(Fault::NOT_ALLOWED),
            Inlet::Cbs | Inlet::Management(_) => Outlet::Replies,
        };
        let reply_to = theirs.address.map(str::to_owned);
        Ok(Link::Outgoing(Outgoing::new(
            address.to_owned(),
            outlet,
            reply_to,
            attach.snd_settle_mode == SETTLED,
        )))
    }

    /// What stands at an address, if the peer may touch it. Whether it exists is only told to those who may.
    fn node(&self, address: &str) -> Result<Inlet, Fault> {
        if is_open_to_all(address) {
            return Ok(Inlet::Cbs);
        }
        let path = address_key(address);
        let entity = path.strip_suffix(MANAGEMENT);
        self.access.check(entity.unwrap_or(&path), self.hub.now())?;
        let target = self.hub.find(entity.unwrap_or(&path)).ok_or(Fault::NOT_FOUND)?;
        Ok(if entity.is_some() { Inlet::Management(target) } else { Inlet::Entity(target) })
    }

    /// Takes in a frame of a delivery, and the delivery when it is complete.
    pub(super) fn on_transfer(
        &mut self,
        channel: u16,
        transfer: &Transfer<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Refusal> {
        let session = self.session(channel)?;
        session.count_incoming(out);
        let place = Place { channel, serial: session.serial };
        // Frames that were underway when we detached the link find none: they are no fault.
        let Some(Link::Incoming(link)) = session.links.get_mut(&transfer.handle) else { return Ok(()) };
        let Some(arrival) = link.take_in(transfer).map_err(|fault| Refusal::Link(transfer.handle, fault))?
        else {
            return Ok(());
        };
        match link.inlet {
            Inlet::Entity(to) => self.accept(place, transfer.handle, to, &arrival),
            inlet => {
                let node = link.address.clone();
                self.accept_request(place, transfer.handle, &node, inlet, &arrival);
            }
        }
        Ok(())
    }

    fn accept(&mut self, place: Place, handle: u32, to: Target, arrival: &Arrival) {
        let Arrival { id, settled, format, ref message } = *arrival;
        let sent = Sent { place, handle, id, settled, bytes: message.len() };
        let messages = admit(message, format).map_err(Fault::from);
        self.push(Work::Send { sent, to, messages });
    }

    fn accept_request(&mut self, place: Place, handle: u32, node: &str, inlet: Inlet, arrival: &Arrival) {
        let sent = Sent { place, handle, id: arrival.id, settled: arrival.settled, bytes: 0 };
        let outcome = match self.request(place, node, inlet, &arrival.message) {
            Ok(()) => Outcome::Accepted,
            Err(fault) => Outcome::Rejected(Some(fault)),
        };
        self.push(Work::Answer(Answer::Sent(sent, outcome)));
    }

    /// A request to `$cbs` or to a `$management` node: answered on a link that receives from the same node.
    fn request(&mut self, from: Place, link: &str, inlet: Inlet, message: &[u8]) -> Result<(), Fault> {
        let sections = Sections::of(message)?;
        let reply_to = management::reply_to(&sections)?;
        let (place, handle) = self.reply_link(from, link, reply_to).ok_or(Fault::NOT_FOUND)?;
        if let Inlet::Management(node) = inlet {
            let request = Request::decode(&sections, node)?;
            self.push(Work::Manage { place, handle, request });
            return Ok(());
        }
        let message = self.put_token(&sections)?;
        self.push(Work::Answer(Answer::Reply { place, handle, message }));
        Ok(())
    }

    /// The link whose target is named by `reply-to`. The Python SDK names none and means the one in its session.
    fn reply_link(&self, from: Place, node: &str, reply_to: Option<&str>) -> Option<(Place, u32)> {
        let node = address_key(node);
        let links = self.sessions.iter().flat_map(|(channel, session)| {
            let place = Place { channel: *channel, serial: session.serial };
            session.links.iter().map(move |(handle, link)| (place, *handle, link))
        });
        let candidates = links.filter_map(|(place, handle, link)| match link {
            Link::Outgoing(link) if link.outlet == Outlet::Replies && address_key(&link.address) == node => {
                let named = reply_to.is_some() && link.reply_to.as_deref() == reply_to;
                Some(((named, place == from), (place, handle)))
            }
            _ => None,
        });
        candidates.max_by_key(|(fitness, _)| *fitness).map(|(_, found)| found)
    }

    /// The `put-token` operation of `$cbs`: the body is a token, which says itself what it opens.
    fn put_token(&mut self, sections: &Sections<'_>) -> Result<Vec<u8>, Fault> {
        let id = management::request_id(sections)?;
        if management::property(sections, "operation")? != Some("put-token") {
            return Ok(reply::cbs(&id, 501, Fault::NOT_IMPLEMENTED.description));
        }
        let now = self.hub.now();
        let grant = management::token(sections)?.and_then(|token| self.key.verify(token, now));
        Ok(match grant.map(|grant| self.access.add(grant, now)) {
            Some(true) => reply::cbs(&id, 202, "Accepted"),
            Some(false) => reply::cbs(&id, 403, "The connection holds too many tokens."),
            None => reply::cbs(
                &id,
                401,
                "InvalidSignature: the token is not signed with the broker's key, or has expired.",
            ),
        })
    }
}

fn queue_of(link: &Link) -> Option<QueueId> {
    match link {
        Link::Outgoing(Outgoing { outlet: Outlet::Queue(queue), .. }) => Some(*queue),
        _ => None,
    }
}
