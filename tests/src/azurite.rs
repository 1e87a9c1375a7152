//! Azurite, Microsoft's own stand-in for Azure Storage, which judges how the checkpoint is kept in a blob.
//!
//! It is installed into `.sdk/azurite` at the workspace's root the first time, which takes Node.js, npm and a package
//! registry.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use tokio::process::Child;
use usher_http::{HttpClient, HttpSettings};

use crate::{
    judges::succeeds,
    processes::{eventually, send_signal},
};

/// The version that we wrote against, or the newest of its kind.
const PACKAGE: &str = r#"{ "private": true, "dependencies": { "azurite": "^3.35.0" } }"#;
/// None of the packages has a script that has to run when it is installed.
const INSTALL: [&str; 5] = ["install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"];
/// Written last: an installation that was interrupted is made again.
const INSTALLED: &str = "installed.json";
/// The program within the folder where it is installed.
const PROGRAM: &str = "node_modules/azurite/dist/src/blob/main.js";
/// Loaded before it: Azurite then ends with whoever started it, however that ends.
const ENDS_WITH_PARENT: &str =
    "process.stdin.on('end', () => process.exit(0)).resume();\nprocess.stdin.unref();\n";

/// Azurite's one account, and its key, which everybody knows.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// The protocol that we ask in, and that a signature is made for.
const VERSION: &str = "2025-11-05";
/// When a signature expires: not while a test runs.
const EXPIRES: &str = "2099-01-01T00:00:00Z";
/// What Azurite says, and its address behind it.
const LISTENS: &str = "successfully listens on ";

/// Azurite's program, which is installed if it isn't there yet.
///
/// # Errors
/// Why it can't be had, in a few words.
pub fn azurite() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sdk/azurite");
    for program in ["node", "npm"] {
        if !succeeds(Command::new(program).arg("--version")) {
            return Err(format!("{program} is not installed"));
        }
    }
    let installed = fs::read_to_string(folder.join(INSTALLED));
    if !installed.is_ok_and(|installed| installed == PACKAGE) {
        install(&folder)?;
    }
    Ok(folder.join(PROGRAM))
}

fn install(folder: &Path) -> Result<(), String> {
    let unwritable = |error| format!("{} can't be written: {error}", folder.display());
    fs::create_dir_all(folder).map_err(unwritable)?;
    fs::write(folder.join("package.json"), PACKAGE).map_err(unwritable)?;
    if !succeeds(Command::new("npm").args(INSTALL).current_dir(folder)) {
        return Err("azurite can't be installed: no package registry".to_owned());
    }
    fs::write(folder.join(INSTALLED), PACKAGE).map_err(unwritable)
}

/// A storage account on this machine. Dropping it ends it.
pub struct Azurite {
    program: PathBuf,
    home: PathBuf,
    /// Certificate and key, if it speaks TLS, and then it takes bearer tokens too.
    tls: Option<[PathBuf; 2]>,
    child: Child,
    /// Such as `http://127.0.0.1:10000`.
    url: String,
    http: HttpClient,
}

impl Azurite {
    /// Starts it, with its data in the folder `home`.
    pub async fn start(program: &Path, home: &Path) -> Self {
        Self::launch(program, home, None).await
    }

    /// The same over TLS with this certificate and key (PEM files).
    pub async fn start_with_tls(program: &Path, home: &Path, certificate: &Path, key: &Path) -> Self {
        Self::launch(program, home, Some([certificate.to_owned(), key.to_owned()])).await
    }

    async fn launch(program: &Path, home: &Path, tls: Option<[PathBuf; 2]>) -> Self {
        let extra_ca_file = tls.as_ref().map(|[certificate, _]| certificate.clone());
        let http = HttpSettings { extra_ca_file }.client().expect("the certificate is good");
        let child = spawn(program, home, tls.as_ref(), "0");
        let url = listens(home).await;
        Self { program: program.to_owned(), home: home.to_owned(), tls, child, url, http }
    }

    /// Stops it as an operator would, and waits until it has written what it holds.
    ///
    /// # Panics
    /// If it had ended before.
    pub async fn stop(&mut self) {
        send_signal(self.child.id().expect("it runs"), "TERM").await;
        // Not `wait`, which would close its standard input, and Azurite would end before it has written all.
        eventually("Azurite ends", async || {
            self.child.try_wait().expect("a child of ours can be asked").map(drop)
        })
        .await;
    }

    /// Starts it again after [`Azurite::stop`], on the same port and with the same data.
    pub async fn restart(&mut self) {
        let port = self.url.rsplit(':').next().unwrap_or_default().to_owned();
        self.child = spawn(&self.program, &self.home, self.tls.as_ref(), &port);
        assert_eq!(listens(&self.home).await, self.url);
    }

    /// The address of a blob, for `CHECKPOINT`.
    pub fn blob_url(&self, container: &str, blob: &str) -> String {
        format!("{}/{ACCOUNT}/{container}/{blob}", self.url)
    }

    /// A signature for a container that allows this, such as `rw`, for `CHECKPOINT_SAS`.
    ///
    /// <https://learn.microsoft.com/rest/api/storageservices/create-service-sas>
    pub fn sas(&self, container: &str, allows: &str) -> String {
        let resource = format!("/blob/{ACCOUNT}/{container}");
        let fields = [allows, "", EXPIRES, &resource, "", "", "", VERSION, "c", "", "", "", "", "", "", ""];
        query(&[("sv", VERSION), ("sr", "c"), ("sp", allows), ("se", EXPIRES)], &fields.join("\n"))
    }

    /// Makes a container.
    pub async fn create_container(&self, name: &str) {
        let (status, answer) = self.ask("PUT", &format!("{name}?restype=container&"), "", &[]).await;
        assert_eq!(status, 201, "{answer}");
    }

    /// Puts something into a blob.
    pub async fn put(&self, container: &str, blob: &str, content: &str) {
        // Said by hand, since an empty body would go without.
        let length = content.len().to_string();
        let block = [("x-ms-blob-type", "BlockBlob"), ("content-length", &*length)];
        let (status, answer) = self.ask("PUT", &format!("{container}/{blob}?"), content, &block).await;
        assert_eq!(status, 201, "{answer}");
    }

    /// What a blob holds; `None` if there is none.
    pub async fn get(&self, container: &str, blob: &str) -> Option<String> {
        let (status, answer) = self.ask("GET", &format!("{container}/{blob}?"), "", &[]).await;
        (status == 200).then_some(answer)
    }

    /// Asks as the account's owner.
    async fn ask(&self, method: &str, what: &str, body: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let url = format!("{}/{ACCOUNT}/{what}{}", self.url, owners_sas());
        let mut request = http::Request::builder().method(method).uri(url).header("x-ms-version", VERSION);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body.to_owned())).expect("a request of ours");
        let answer = self.http.send(request).await.expect("Azurite answers");
        (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
    }
}

/// A signature that allows everything with all blobs.
///
/// <https://learn.microsoft.com/rest/api/storageservices/create-account-sas>
fn owners_sas() -> String {
    let (allows, services, types) = ("rwdlac", "b", "sco");
    let fields = [ACCOUNT, allows, services, types, "", EXPIRES, "", "", VERSION, "", ""];
    let shown = [("sv", VERSION), ("ss", services), ("srt", types), ("sp", allows), ("se", EXPIRES)];
    query(&shown, &fields.join("\n"))
}

fn query(shown: &[(&str, &str)], signed: &str) -> String {
    let key = BASE64_STANDARD.decode(KEY).expect("the key that everybody knows");
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    let signature = BASE64_STANDARD.encode(signature);
    let pair =
        |(name, value): &(&str, &str)| format!("{name}={}&", utf8_percent_encode(value, NON_ALPHANUMERIC));
    let shown: String = shown.iter().map(pair).collect();
    format!("{shown}sig={}", utf8_percent_encode(&signature, NON_ALPHANUMERIC))
}

fn said(home: &Path) -> PathBuf {
    home.join("azurite.out")
}

fn spawn(program: &Path, home: &Path, tls: Option<&[PathBuf; 2]>, port: &str) -> Child {
    let data = home.join("azurite");
    fs::create_dir_all(&data).expect("the test's folder can be written");
    let preload = home.join("ends-with-parent.cjs");
    fs::write(&preload, ENDS_WITH_PARENT).expect("the test's folder can be written");
    let out = File::create(said(home)).expect("the test's folder can be written");
    let err = out.try_clone().expect("a file can be had twice");
    let mut azurite = tokio::process::Command::new("node");
    azurite.arg("--require").arg(preload).arg(program);
    azurite.args([
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        port,
        "--silent",
        "--disableTelemetry",
        "--location",
    ]);
    azurite.arg(data);
    if let Some([certificate, key]) = tls {
        azurite.arg("--cert").arg(certificate).arg("--key").arg(key).args(["--oauth", "basic"]);
    }
    azurite.stdin(Stdio::piped()).stdout(out).stderr(err).kill_on_drop(true);
    azurite.spawn().expect("node is there")
}

/// The address on which it listens.
async fn listens(home: &Path) -> String {
    eventually("Azurite listens", async || {
        let said = fs::read_to_string(said(home)).unwrap_or_default();
        let (_, address) = said.split_once(LISTENS)?;
        address.split_once('\n').map(|(address, _)| address.trim().to_owned())
    })
    .await
}
