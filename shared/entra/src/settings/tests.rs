use std::fs;

use bytes::Bytes;
use clap::Parser;
use time::{OffsetDateTime, macros::datetime};
use usher_http::TransportError;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    entra: EntraSettings,
}

const ID: &str = "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d";
const CERTIFICATE: &str = include_str!("../../../identity/testdata/certificate.pem");
const JUNE: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

fn parse(more: &[&str]) -> Result<EntraSettings, String> {
    let needed = ["", "--entra-tenant-id", ID, "--entra-client-id", ID];
    let cli = Cli::try_parse_from(needed.iter().chain(more));
    cli.map(|cli| cli.entra).map_err(|error| error.to_string())
}

fn with_secret(more: &[&str]) -> Result<EntraSettings, String> {
    parse(&[&["--entra-client-secret", "hush"][..], more].concat())
}

/// What becomes of these flags at that moment.
fn graph_at(now: OffsetDateTime, flags: &[&str]) -> Result<(), EntraSettingsError> {
    let nobody = tower::service_fn(|_: http::Request<Bytes>| async {
        Err::<usher_http::Response, _>(TransportError::Connect)
    });
    parse(flags).unwrap().graph(HttpClient::new(nobody), Clock::starting_at(now)).map(drop)
}

fn refused(flags: &[&str]) -> (&'static str, String) {
    let error = graph_at(JUNE, flags).unwrap_err();
    (error.setting(), error.to_string())
}

#[test]
fn the_authority_must_be_https_even_on_loopback() {
    assert!(with_secret(&["--entra-authority-host", "https://127.0.0.1:1"]).is_ok());
    let problem = with_secret(&["--entra-authority-host", "http://127.0.0.1:1"]).unwrap_err();
    assert!(problem.contains("--entra-authority-host") && problem.contains("must be https"), "{problem}");
}

#[test]
fn the_secret_is_not_in_debug_output() {
    assert!(!format!("{:?}", with_secret(&[]).unwrap()).contains("hush"));
}

#[tokio::test]
async fn without_a_proof_the_settings_that_would_give_one_are_named() {
    for none in [&[][..], &["--entra-client-secret", ""]] {
        let (setting, problem) = refused(none);
        assert_eq!(setting, "ENTRA_CLIENT_SECRET");
        assert!(problem.starts_with("is missing"), "{problem}");
        for other in ["ENTRA_CLIENT_CERTIFICATE_PATH", "ENTRA_KEYVAULT_CERTIFICATE", "ENTRA_CREDENTIAL"] {
            assert!(problem.contains(other), "{problem}");
        }
    }
}

#[tokio::test]
async fn of_two_proofs_both_are_named() {
    let vault = "https://contoso.vault.azure.net/certificates/usher";
    let given = [
        ("ENTRA_CLIENT_SECRET", ["--entra-client-secret", "hush"]),
        ("ENTRA_CLIENT_SECRET_FILE", ["--entra-client-secret-file", "/hush"]),
        ("ENTRA_CLIENT_CERTIFICATE_PATH", ["--entra-client-certificate-path", "/hush"]),
        ("ENTRA_KEYVAULT_CERTIFICATE", ["--entra-keyvault-certificate", vault]),
        ("ENTRA_CREDENTIAL", ["--entra-credential", "managed-identity"]),
    ];
    for (i, (first, one)) in given.iter().enumerate() {
        for (second, other) in &given[i + 1..] {
            let (setting, problem) = refused(&[&one[..], &other[..]].concat());
            assert_eq!(setting, *second);
            assert_eq!(problem, format!("can't be given together with {first}: remove one"));
        }
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_named_with_the_day() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.pem");
    fs::write(&file, CERTIFICATE).unwrap();
    let flags = ["--entra-client-certificate-path", file.to_str().unwrap()];
    assert_eq!(graph_at(JUNE, &flags), Ok(()));
    let late = graph_at(datetime!(2027-03-01 0:00 UTC), &flags).unwrap_err();
    assert_eq!(late.setting(), "ENTRA_CLIENT_CERTIFICATE_PATH");
    assert!(late.to_string().contains("expired on 2027-01-01: make a new one"), "{late}");
    let early = graph_at(datetime!(2025-12-31 0:00 UTC), &flags).unwrap_err();
    assert!(early.to_string().contains("is not valid before 2026-01-01"), "{early}");
}

#[tokio::test]
async fn what_names_no_file_is_named() {
    let missing = "/no/such/file";
    for (flags, setting) in [
        (["--entra-client-secret-file", missing], "ENTRA_CLIENT_SECRET_FILE"),
        (["--entra-client-certificate-path", missing], "ENTRA_CLIENT_CERTIFICATE_PATH"),
    ] {
        let (named, problem) = refused(&flags);
        assert_eq!(named, setting);
        assert!(problem.contains("the file can't be read: entity not found"), "{problem}");
        assert!(!problem.contains(missing), "{problem}");
    }
    let workload = ["--entra-credential", "workload-identity", "--azure-federated-token-file", missing];
    assert_eq!(refused(&workload).0, "ENTRA_CREDENTIAL");
    assert_eq!(refused(&workload[..2]).0, "AZURE_FEDERATED_TOKEN_FILE");
}
