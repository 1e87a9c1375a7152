//! Reading along on the stream, for the two answers of the broker that `fe2o3-amqp` keeps to itself.
//!
//! A receiver in settle mode *second* sends a disposition and the broker answers with its own, settled: only that
//! says whether the lock still held. And a drained link is told so by a flow. The library takes note of both and
//! shows neither, so a tap on the incoming bytes reads them too. A connection carries one session, which makes the
//! delivery id alone the key.
//!
//! The tap also knows when the connection is over, whoever ended it. The library leaves those unanswered who wait for
//! the outcome of a send just then, for as long as the sender lives.

use std::{
    collections::HashMap,
    fmt, io,
    pin::{Pin, pin},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use fe2o3_amqp_types::{
    definitions::Role,
    messaging::DeliveryState,
    performatives::{Disposition, Flow},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{Notify, oneshot},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::transport::Stream;
use crate::BusError;

/// The length of a frame's header, and of the protocol header that comes before any frame.
const HEADER: usize = 8;
/// The encoded descriptors of the performatives that we look for: `0x00`, small ulong, code.
const FLOW: [u8; 3] = [0x00, 0x53, 0x13];
const DISPOSITION: [u8; 3] = [0x00, 0x53, 0x15];
const END: [u8; 3] = [0x00, 0x53, 0x17];
const CLOSE: [u8; 3] = [0x00, 0x53, 0x18];

/// How long what the broker said last may be on its way through the library.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// Who waits for which answer on one connection.
#[derive(Default)]
pub(crate) struct Answers {
    waiting: Mutex<HashMap<u32, oneshot::Sender<DeliveryState>>>,
    drained: Notify,
    over: CancellationToken,
}

impl Answers {
    /// Registers for the broker's answer to the settlement of a delivery; to be called before settling.
    pub(crate) fn expect(&self, delivery: u32, answer: oneshot::Sender<DeliveryState>) {
        self.waiting().insert(delivery, answer);
    }

    /// Waits until the broker has said that the link asked to drain is drained.
    pub(crate) async fn drained(&self) {
        self.drained.notified().await;
    }

    /// What `answer` comes to, unless the connection is over before.
    pub(crate) async fn while_connected<T>(
        &self,
        answer: impl Future<Output = Result<T, BusError>>,
    ) -> Result<T, BusError> {
        let mut answer = pin!(answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            () = self.over.cancelled() => {
                let broke = || Err(BusError::Unavailable("the connection broke".to_owned()));
                timeout(LAST_WORDS, answer).await.unwrap_or_else(|_| broke())
            }
        }
    }

    /// Lets everyone who waits know that no answer will come.
    pub(crate) fn end(&self) {
        self.over.cancel();
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u32, oneshot::Sender<DeliveryState>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_disposition(&self, disposition: Disposition) {
        let (Role::Sender, true, Some(state)) = (disposition.role, disposition.settled, disposition.state)
        else {
            return;
        };
        let mut waiting = self.waiting();
        for delivery in disposition.first..=disposition.last.unwrap_or(disposition.first) {
            if let Some(answer) = waiting.remove(&delivery) {
                let _gone = answer.send(state.clone()); // whoever asked may have given up
            }
        }
    }

    fn on_flow(&self, flow: &Flow) {
        if flow.handle.is_some() && flow.drain {
            self.drained.notify_one();
        }
    }

    fn on_frame(&self, frame: &[u8]) {
        let body = frame.get(usize::from(frame[4]) * 4..).unwrap_or_default();
        // What can't be decoded here can't be decoded by the library either, which then ends the connection.
        if body.starts_with(&DISPOSITION) {
            if let Ok(disposition) = serde_amqp::from_slice(body) {
                self.on_disposition(disposition);
            }
        } else if body.starts_with(&FLOW)
            && let Ok(flow) = serde_amqp::from_slice(body)
        {
            self.on_flow(&flow);
        } else if body.starts_with(&END) || body.starts_with(&CLOSE) {
            self.end();
        }
    }
}

/// Cuts incoming bytes into frames.
#[derive(Default)]
struct Frames(BytesMut);

impl Frames {
    fn feed(&mut self, bytes: &[u8], mut on_frame: impl FnMut(&[u8])) {
        self.0.extend_from_slice(bytes);
        while let Some(header) = self.0.first_chunk::<HEADER>() {
            if header.starts_with(b"AMQP") {
                self.0.advance(HEADER);
                continue;
            }
            let [a, b, c, d, ..] = *header;
            let size = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX).max(HEADER);
            if self.0.len() < size {
                break;
            }
            on_frame(&self.0[..size]);
            self.0.advance(size);
        }
    }
}

/// A stream that is read along, and that can be cut: reads then report its end and writes fail.
pub(crate) struct Tap {
    stream: Box<dyn Stream>,
    frames: Frames,
    answers: std::sync::Arc<Answers>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Tap {
    pub(crate) fn new(
        stream: Box<dyn Stream>,
        answers: std::sync::Arc<Answers>,
        cut: WaitForCancellationFutureOwned,
    ) -> Self {
        Self { stream, frames: Frames::default(), answers, cut: Box::pin(cut) }
    }

    fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        self.cut.as_mut().poll(cx).is_ready()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.answers.end();
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.is_cut(cx) {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        let answers = &this.answers;
        this.frames.feed(&buffer.filled()[before..], |frame| answers.on_frame(frame));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_cut(cx) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::{
        definitions::Handle,
        messaging::Accepted,
        performatives::{Close, End},
    };

    use super::*;

    fn frame(body: &impl serde_amqp::serde::Serialize) -> Vec<u8> {
        let body = serde_amqp::to_vec(body).unwrap();
        let size = u32::try_from(HEADER + body.len()).unwrap();
        [&size.to_be_bytes()[..], &[2, 0, 0, 0], &body].concat()
    }

    fn disposition(role: Role, settled: bool) -> Vec<u8> {
        let state = Some(DeliveryState::Accepted(Accepted {}));
        frame(&Disposition { role, first: 7, last: Some(8), settled, state, batchable: false })
    }

    fn expecting(answers: &Answers, delivery: u32) -> oneshot::Receiver<DeliveryState> {
        let (sender, receiver) = oneshot::channel();
        answers.expect(delivery, sender);
        receiver
    }

    /// Feeds the bytes in pieces of every size that could split a frame badly.
    fn feed(answers: &Answers, bytes: &[u8]) {
        let mut frames = Frames::default();
        for piece in bytes.chunks(3) {
            frames.feed(piece, |frame| answers.on_frame(frame));
        }
    }

    #[test]
    fn a_settled_disposition_of_the_sender_answers_every_delivery_in_its_range() {
        let answers = Answers::default();
        let (mut seven, mut eight, mut nine) =
            (expecting(&answers, 7), expecting(&answers, 8), expecting(&answers, 9));
        feed(&answers, &[&b"AMQP\x00\x01\x00\x00"[..], &disposition(Role::Sender, true)].concat());
        assert!(seven.try_recv().is_ok());
        assert!(eight.try_recv().is_ok());
        assert!(nine.try_recv().is_err());
    }

    #[test]
    fn an_unsettled_disposition_and_one_for_our_own_sends_answer_nothing() {
        let answers = Answers::default();
        let mut seven = expecting(&answers, 7);
        feed(&answers, &[disposition(Role::Sender, false), disposition(Role::Receiver, true)].concat());
        assert_eq!(seven.try_recv(), Err(oneshot::error::TryRecvError::Empty));
    }

    #[tokio::test]
    async fn a_flow_with_drain_says_that_the_link_is_drained() {
        let answers = Answers::default();
        let flow = Flow {
            next_incoming_id: Some(1),
            incoming_window: 1,
            next_outgoing_id: 1,
            outgoing_window: 1,
            handle: Some(Handle(0)),
            delivery_count: Some(5),
            link_credit: Some(0),
            available: Some(0),
            drain: true,
            echo: false,
            properties: None,
        };
        feed(&answers, &frame(&flow));
        tokio::time::timeout(std::time::Duration::from_secs(1), answers.drained()).await.unwrap();
    }

    #[tokio::test]
    async fn after_the_end_nobody_waits_in_vain() {
        let close = frame(&Close { error: None });
        for end in [&close[..], &frame(&End { error: None })] {
            let answers = Answers::default();
            let mut seven = expecting(&answers, 7);
            feed(&answers, end);
            assert_eq!(seven.try_recv(), Err(oneshot::error::TryRecvError::Closed));
            let waiting = answers.while_connected(std::future::pending::<Result<(), BusError>>());
            assert!(matches!(waiting.await, Err(BusError::Unavailable(_))));
        }
    }
}
