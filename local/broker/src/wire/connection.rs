//! A connection: one task that reads, writes, waits for the store and for messages, and keeps time.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::{Notify, watch},
    time::{Instant, Interval, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    access::Access,
    codec::{fault::Fault, frame, outgoing},
    hub::Hub,
    peer::{IDLE_MILLIS, Peer},
    sas::SasKey,
    transport::Stream,
};
use crate::store::Progress;

/// How much is read at once, at most.
const READ: usize = 64 << 10;
/// How often idle times and expired tokens are looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How long the answers under way, and the peer's own farewell, are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Why a conversation ends.
#[derive(Debug)]
enum End {
    /// The peer is gone: nobody is left to say anything to.
    Gone,
    /// The peer closed.
    Closed,
    /// We close.
    Fault(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

pub(crate) struct Connection {
    reader: ReadHalf<Stream>,
    writer: WriteHalf<Stream>,
    input: BytesMut,
    output: BytesMut,
    /// Something was written that a layer in between may still hold.
    unflushed: bool,
    peer: Peer,
    wake: Arc<Notify>,
    progress: watch::Receiver<Progress>,
    heard: Instant,
    spoke: Instant,
    stop: CancellationToken,
}

impl Connection {
    /// A connection that has shaken hands; `input` is what came after that.
    pub(crate) fn new(
        stream: Stream,
        input: BytesMut,
        hub: Arc<Hub>,
        key: SasKey,
        access: Access,
        stop: CancellationToken,
    ) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let (wake, progress) = (Arc::new(Notify::new()), hub.progress());
        let peer = Peer::new(hub, key, access, Arc::clone(&wake));
        let now = Instant::now();
        let output = BytesMut::new();
        Self {
            reader,
            writer,
            input,
            output,
            unflushed: false,
            peer,
            wake,
            progress,
            heard: now,
            spoke: now,
            stop,
        }
    }

    /// Talks until one side has had enough, and takes leave properly.
    pub(crate) async fn run(mut self) {
        let end = match self.converse().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        if let End::Fault(fault) = &end {
            tracing::debug!(condition = fault.condition, "closing a connection");
        }
        // A peer that is not there any more can't be told so.
        let _ = timeout(FAREWELL, self.take_leave(end)).await;
    }

    async fn converse(&mut self) -> Result<std::convert::Infallible, End> {
        let mut housekeeping = housekeeping();
        self.peer.turn(&mut self.input, &mut self.output)?;
        loop {
            let writes = self.unflushed || !self.output.is_empty();
            tokio::select! {
                () = self.stop.cancelled() => return Err(Fault::STOPPING.into()),
                written = write(&mut self.writer, &mut self.output, &mut self.unflushed), if writes => {
                    written?;
                    self.spoke = Instant::now();
                }
                read = read(&mut self.reader, &mut self.input), if self.peer.may_read(self.output.len()) => {
                    read?;
                    self.heard = Instant::now();
                    self.peer.turn(&mut self.input, &mut self.output)?;
                }
                () = self.wake.notified() => {}
                _ = self.progress.changed(), if self.peer.is_waiting() => {}
                _ = housekeeping.tick() => self.keep_house()?,
            }
            self.catch_up()?;
            if self.peer.is_closed() {
                return Err(End::Closed);
            }
            self.peer.pump(&mut self.output);
        }
    }

    /// Gives the answers that the store has caught up with.
    fn catch_up(&mut self) -> Result<(), Fault> {
        let progress = self.progress.borrow_and_update();
        self.peer.answer(&progress, &mut self.output);
        if progress.failed.is_some() { Err(Fault::STORE_FAILED) } else { Ok(()) }
    }

    fn keep_house(&mut self) -> Result<(), Fault> {
        if self.heard.elapsed() > Duration::from_millis(IDLE_MILLIS.into()) {
            return Err(Fault::SILENT);
        }
        let patience = self.peer.patience().map(|millis| Duration::from_millis(millis.into()));
        if patience.is_some_and(|patience| self.spoke.elapsed() + HOUSEKEEPING >= patience / 2) {
            frame::write_empty(&mut self.output);
        }
        self.peer.enforce_access(&mut self.output);
        Ok(())
    }

    /// Gives the last answers, says goodbye, and waits until the peer has hung up: if we hung up on bytes not yet
    /// read, the system would take back what was said last.
    async fn take_leave(mut self, end: End) -> Result<(), End> {
        let fault = match end {
            End::Gone => return Ok(()),
            End::Closed => None,
            End::Fault(fault) => Some(fault),
        };
        while self.peer.is_waiting() && self.catch_up().is_ok() {
            if self.peer.is_waiting() && self.progress.changed().await.is_err() {
                break;
            }
        }
        outgoing::close(&mut self.output, fault);
        write(&mut self.writer, &mut self.output, &mut self.unflushed).await?;
        self.writer.shutdown().await?;
        loop {
            self.input.clear();
            read(&mut self.reader, &mut self.input).await?;
        }
    }
}

fn housekeeping() -> Interval {
    let mut housekeeping = interval(HOUSEKEEPING);
    housekeeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    housekeeping
}

/// Writes all of it. Cancelled, it has taken out of `output` what was written and not a byte more.
async fn write(
    writer: &mut WriteHalf<Stream>,
    output: &mut BytesMut,
    unflushed: &mut bool,
) -> io::Result<()> {
    while !output.is_empty() {
        *unflushed = true;
        if writer.write_buf(output).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    writer.flush().await?;
    *unflushed = false;
    Ok(())
}

/// Reads what there is. Cancelled, it has read nothing.
async fn read(reader: &mut ReadHalf<Stream>, input: &mut BytesMut) -> io::Result<()> {
    input.reserve(READ);
    match reader.read_buf(input).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
