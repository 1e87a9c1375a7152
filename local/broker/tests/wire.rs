//! A server in this process, spoken to byte by byte: what a well-behaved client never sends.

use std::time::Duration;

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use usher_broker::{
    topology::Topology,
    wire::{Options, RunError, SasKey, Server},
};
use usher_clock::Clock;

const AMQP: &[u8] = b"AMQP\x00\x01\x00\x00";
const SASL: &[u8] = b"AMQP\x03\x01\x00\x00";
/// An open with a container id and nothing else.
const OPEN: &[u8] = &[0, 0, 0, 17, 2, 0, 0, 0, 0, 0x53, 0x10, 0xc0, 4, 1, 0xa1, 1, b'c'];
const CLOSE: &[u8] = &[0, 0, 0, 12, 2, 0, 0, 0, 0, 0x53, 0x18, 0x45];
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

struct Broker {
    address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), RunError>>,
    _data: TempDir,
}

impl Broker {
    async fn start() -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let options = Options {
            topology: Topology::usher(),
            data: data.path().to_owned(),
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
            key: SasKey::new("name", "key".into()),
            tls: None,
        };
        let server = Server::open(options, Clock::system()).await.expect("a broker that listens");
        let (stop, stopped) = oneshot::channel::<()>();
        let address = server.address();
        let running = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { address, stop: Some(stop), running, _data: data }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a broker that listens")
    }

    /// All that the broker answers to these bytes until it hangs up.
    async fn answer_to(&self, bytes: &[&[u8]]) -> Vec<u8> {
        let mut stream = self.connect().await;
        for part in bytes {
            stream.write_all(part).await.expect("a broker that reads");
        }
        until_end(&mut stream).await
    }
}

async fn until_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it hangs up").expect("without a reset");
    answer
}

fn contains(answer: &[u8], text: &str) -> bool {
    answer.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_malformed_frame_is_answered_with_decode_error() {
    let broker = Broker::start().await;
    let garbage: &[u8] = &[0, 0, 0, 12, 2, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef];
    let answer = broker.answer_to(&[AMQP, OPEN, garbage]).await;
    assert!(contains(&answer, "amqp:decode-error"), "{answer:?}");
}

#[tokio::test]
async fn a_frame_larger_than_agreed_is_answered_with_framing_error() {
    let broker = Broker::start().await;
    let answer = broker.answer_to(&[AMQP, OPEN, &[0x7f, 0xff, 0xff, 0xff, 2, 0, 0, 0]]).await;
    assert!(contains(&answer, "amqp:connection:framing-error"), "{answer:?}");
}

#[tokio::test]
async fn a_frame_before_open_is_answered_with_illegal_state() {
    let broker = Broker::start().await;
    let begin: &[u8] = &[0, 0, 0, 18, 2, 0, 0, 0, 0, 0x53, 0x11, 0xc0, 5, 4, 0x40, 0x43, 0x43, 0x43];
    let answer = broker.answer_to(&[AMQP, begin]).await;
    assert!(contains(&answer, "amqp:illegal-state"), "{answer:?}");
}

#[tokio::test]
async fn another_protocol_is_answered_with_ours() {
    let broker = Broker::start().await;
    assert_eq!(broker.answer_to(&[b"AMQP\x00\x00\x09\x01"]).await, AMQP);
}

#[tokio::test]
async fn a_login_with_a_wrong_password_is_refused() {
    let broker = Broker::start().await;
    let init = [
        &[0, 0, 0, 30, 2, 1, 0, 0, 0, 0x53, 0x41, 0xc0, 17, 2, 0xa3, 5][..],
        b"PLAIN",
        &[0xa0, 7],
        b"\0name\0x",
    ];
    let mut frame = init.concat();
    frame[3] = u8::try_from(frame.len()).unwrap();
    let answer = broker.answer_to(&[SASL, &frame]).await;
    let refused: &[u8] = &[0x50, 1];
    assert!(answer.ends_with(refused), "{answer:?}");
}

#[tokio::test]
async fn a_web_page_is_not_served() {
    let broker = Broker::start().await;
    let request = "GET /index.html HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let answer = broker.answer_to(&[request.as_bytes()]).await;
    assert!(answer.starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn closing_is_answered_with_close_and_the_end_of_the_stream() {
    let broker = Broker::start().await;
    let answer = broker.answer_to(&[AMQP, OPEN, CLOSE]).await;
    assert!(contains(&answer, "\x00\x53\x18"), "{answer:?}");
    assert!(!contains(&answer, "amqp:"), "{answer:?}");
}

#[tokio::test]
async fn a_broker_that_stops_says_so_to_whoever_is_connected() {
    let mut broker = Broker::start().await;
    let mut stream = broker.connect().await;
    stream.write_all(&[AMQP, OPEN].concat()).await.unwrap();
    let mut greeting = [0; 16];
    stream.read_exact(&mut greeting).await.unwrap();
    broker.stop.take().unwrap().send(()).unwrap();
    let farewell = until_end(&mut stream).await;
    assert!(contains(&farewell, "amqp:connection:forced"), "{farewell:?}");
    drop(stream);
    timeout(PATIENCE, broker.running).await.expect("it ends").unwrap().unwrap();
}
