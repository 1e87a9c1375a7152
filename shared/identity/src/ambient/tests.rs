use super::*;
use crate::{
    CertificateError,
    signing::testing::{ANOTHER, CERTIFICATE},
};

fn kind(variables: &[(&str, &str)]) -> Kind {
    Kind::from_environment(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn each_platform_is_recognised_by_the_variables_it_sets() {
    let kubernetes = [("AZURE_FEDERATED_TOKEN_FILE", "/token"), ("AZURE_CLIENT_ID", "c")];
    assert_eq!(kind(&kubernetes), Kind::Workload);
    assert_eq!(kind(&[("IDENTITY_ENDPOINT", "http://x")]), Kind::Managed { client: None });
    assert_eq!(kind(&[("AZURE_CLIENT_ID", "c")]), Kind::Managed { client: Some("c".into()) });
    let secret = [("AZURE_CLIENT_ID", "c"), ("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_SECRET", "s")];
    assert!(matches!(kind(&secret), Kind::ClientSecret { .. }));
    assert_eq!(kind(&[]), Kind::Developer);
}

#[test]
fn the_sdks_own_variable_settles_what_the_platform_leaves_open() {
    assert_eq!(kind(&[("AZURE_TOKEN_CREDENTIALS", "prod")]), Kind::Managed { client: None });
    assert_eq!(kind(&[("AZURE_TOKEN_CREDENTIALS", "dev"), ("AZURE_CLIENT_ID", "c")]), Kind::Developer);
}

#[test]
fn a_certificate_signs_for_the_authority_that_is_asked() {
    let app =
        [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_CERTIFICATE_PATH", "/app.pem")];
    let assertion = |authority| FileAssertion::new(authority, "t", "c", "/app.pem".to_owned(), None);
    let signing = |assertion| Kind::Certificate { tenant: "t".into(), client: "c".into(), assertion };
    assert_eq!(kind(&app), signing(assertion("https://login.microsoftonline.com")));
    let elsewhere = [&app[..], &[("AZURE_AUTHORITY_HOST", "https://127.0.0.1:1/")]].concat();
    assert_eq!(kind(&elsewhere), signing(assertion("https://127.0.0.1:1")));
}

#[test]
fn a_certificate_that_cannot_sign_is_found_out_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.pem");
    let problem = || {
        let assertion = FileAssertion::new(AUTHORITY, "t", "c", file.to_str().unwrap().to_owned(), None);
        let kind = Kind::Certificate { tenant: "t".into(), client: "c".into(), assertion };
        make(kind, ClientOptions::default()).map(drop).unwrap_err()
    };
    let missing = CertificateError::Unreadable(std::io::ErrorKind::NotFound);
    assert_eq!(problem(), IdentityError::Certificate(missing));
    assert_eq!(problem().setting(), Some("AZURE_CLIENT_CERTIFICATE_PATH"));
    let (key, _) = CERTIFICATE.split_at(CERTIFICATE.find("-----BEGIN CERTIFICATE").unwrap());
    std::fs::write(&file, key.to_owned() + ANOTHER).unwrap();
    assert_eq!(problem(), IdentityError::Certificate(CertificateError::Mismatch));
}
