use std::{
    collections::VecDeque,
    io::Write,
    iter,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, http::HeaderMap, response::Redirect, routing};
use reqwest::dns::{Addrs, Name, Resolving};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::{HttpSettings, HttpSettingsError};

fn client() -> HttpClient {
    HttpSettings::default().client().unwrap()
}

async fn get(client: &HttpClient, url: &str) -> Result<Response, TransportError> {
    client.send(http::Request::get(url).body(Bytes::new()).unwrap()).await
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn an_answer_comes_back_whole_and_we_say_who_we_are() {
    let echo = |headers: HeaderMap| async move { headers["user-agent"].to_str().unwrap().to_owned() };
    let address = serve(Router::new().route("/", routing::get(echo))).await;
    let answer = get(&client(), &format!("http://{address}/")).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.body(), USER_AGENT.as_bytes());
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_never_followed() {
    let elsewhere = || async { Redirect::temporary("https://evil.example/") };
    let address = serve(Router::new().route("/", routing::get(elsewhere))).await;
    let answer = get(&client(), &format!("http://{address}/")).await.unwrap();
    assert_eq!(answer.status(), 307);
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let large = || async { vec![0; LARGEST_ANSWER + 1] };
    let full = || async { vec![0; LARGEST_ANSWER] };
    let router = Router::new().route("/large", routing::get(large)).route("/full", routing::get(full));
    let address = serve(router).await;
    let answer = get(&client(), &format!("http://{address}/large")).await;
    assert_eq!(answer.unwrap_err(), TransportError::TooLarge);
    let answer = get(&client(), &format!("http://{address}/full")).await;
    assert_eq!(answer.unwrap().body().len(), LARGEST_ANSWER);
}

#[tokio::test]
async fn nobody_listening_and_hanging_up_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hang_up = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 16];
        socket.read_exact(&mut request).await.unwrap();
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
    });
    let url = format!("http://{address}/");
    assert_eq!(get(&client(), &url).await.unwrap_err(), TransportError::Broken);
    hang_up.await.unwrap();
    assert_eq!(get(&client(), &url).await.unwrap_err(), TransportError::Connect);
}

#[tokio::test]
async fn plain_http_goes_nowhere_but_to_loopback() {
    let answer = get(&client(), "http://graph.microsoft.com/").await;
    assert_eq!(answer.unwrap_err(), TransportError::Connect);
}

#[tokio::test]
async fn a_certificate_counts_only_if_its_authority_is_trusted() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(certified.cert.pem().as_bytes()).unwrap();
    let url = format!("https://localhost:{}/", serve_tls(certified).await.port());

    let trusting = HttpSettings { extra_ca_file: Some(file.path().to_owned()) }.client().unwrap();
    assert_eq!(get(&trusting, &url).await.unwrap().body(), "hello");
    assert_eq!(get(&client(), &url).await.unwrap_err(), TransportError::Connect);
}

#[test]
fn a_file_without_certificates_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let settings = HttpSettings { extra_ca_file: Some(file.path().to_owned()) };
    let problem = settings.client().err().unwrap();
    assert!(matches!(problem, HttpSettingsError::NoCertificate { file: named } if named == file.path()));
    let settings = HttpSettings { extra_ca_file: Some("/nowhere".into()) };
    assert_eq!(settings.client().err().unwrap().to_string(), "/nowhere can't be read: entity not found");
}

/// Answers every connection with "hello", over TLS.
async fn serve_tls(certified: rcgen::CertifiedKey<rcgen::KeyPair>) -> SocketAddr {
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // A client that doesn't trust us breaks off the handshake.
            let Ok(mut tls) = acceptor.accept(socket).await else { continue };
            let mut request = [0; 16];
            tls.read_exact(&mut request).await.unwrap();
            tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
            tls.shutdown().await.unwrap();
        }
    });
    address
}

/// Public addresses and no others.
fn guarded() -> HttpClient {
    client().guarded(Guard::default())
}

#[tokio::test]
async fn a_guarded_call_reaches_nobody_on_this_machine_by_address_or_by_name() {
    let reached = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = reached.clone();
    let count = move || async move { counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst).to_string() };
    let address = serve(Router::new().route("/", routing::get(count))).await;
    let port = address.port();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "localhost"] {
        let answer = get(&guarded(), &format!("http://{host}:{port}/")).await;
        assert_eq!(answer.unwrap_err(), TransportError::Forbidden, "{host}");
    }
    assert_eq!(reached.load(std::sync::atomic::Ordering::SeqCst), 0);
    let allowed = client().guarded("127.0.0.0/8".parse().unwrap());
    assert_eq!(get(&allowed, &format!("http://localhost:{port}/")).await.unwrap().status(), 200);
    assert_eq!(reached.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_redirect_to_this_machine_reaches_nobody() {
    let secret = serve(Router::new().route("/", routing::get(async || "secret"))).await;
    let to_secret = move || async move { Redirect::temporary(&format!("http://{secret}/")) };
    let public = serve(Router::new().route("/", routing::get(to_secret))).await;
    let only_that = client().guarded("127.0.0.1".parse().unwrap());
    let answer = get(&only_that, &format!("http://{public}/")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().len()), (307, 0));
}

/// Says where a name leads, elsewhere each time.
struct Fickle(Mutex<VecDeque<&'static str>>);

impl Resolve for Fickle {
    fn resolve(&self, _: Name) -> Resolving {
        let next = self.0.lock().unwrap().pop_front().expect("it is asked no more often").parse().unwrap();
        Box::pin(async move { Ok(Box::new(iter::once(SocketAddr::new(next, 0))) as Addrs) })
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_next_time_leads_nowhere() {
    // Closed after each answer, so that the name is asked for each connection.
    let once = || async { ([("connection", "close")], "hello") };
    let port = serve(Router::new().route("/", routing::get(once))).await.port();
    let fickle = Fickle(Mutex::new(VecDeque::from(["127.0.0.1", "169.254.169.254", "127.0.0.2"])));
    let sockets = HttpSettings::default().client().map(|_| Sockets::new(Vec::new()).unwrap()).unwrap();
    let client = Sockets { resolver: Arc::new(fickle), ..sockets }.into_client();
    let client = client.guarded("127.0.0.1".parse().unwrap());
    let url = format!("http://hooks.localhost:{port}/");

    assert_eq!(get(&client, &url).await.unwrap().status(), 200, "allowed, in a public one's place");
    for moved in ["to the metadata service", "to a neighbour"] {
        assert_eq!(get(&client, &url).await.unwrap_err(), TransportError::Forbidden, "{moved}");
    }
}

#[tokio::test]
async fn a_guarded_call_is_answered_by_its_status_however_much_is_said_beside_it() {
    let large = || async { vec![0; LARGEST_ANSWER + 1] };
    let address = serve(Router::new().route("/", routing::get(large))).await;
    let allowed = client().guarded("127.0.0.1".parse().unwrap());
    let answer = get(&allowed, &format!("http://{address}/")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 0));
}

#[tokio::test]
async fn a_guarded_call_waits_for_no_answer_that_never_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endless = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.read_exact(&mut [0; 16]).await.unwrap();
        socket.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
        // Until the other side has had enough.
        while socket.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
    });
    let allowed = client().guarded("127.0.0.1".parse().unwrap());
    assert_eq!(get(&allowed, &format!("http://{address}/")).await.unwrap().status(), 202);
    endless.await.unwrap();
}
