//! What the processes of a world have said, and what must not be in it.

use std::fs;

use usher_sandbox::{CLIENT_SECRET, IDENTITY_CLIENT_SECRET, IDENTITY_HEADER};
use usher_tests::processes::World;

/// How JWTs begin, which tokens and assertions are: `{"alg":` or `{"typ":`, in base64.
const JWTS: [&str; 2] = ["eyJhbGciOi", "eyJ0eXAiOi"];
/// So long are the lines of a key that are searched for: the last one may be a few letters, which are found anywhere.
const LINE: usize = 32;

/// No key, no token and no secret is in anything that any process wrote. (The password of the PKCS#12 file is a
/// program's name: it can't be looked for.)
pub(crate) fn nothing_secret_is_said(world: &World) {
    let needles = needles(world);
    assert!(needles.len() > 20, "there is not much that is looked for");
    let mut searched = 0;
    for entry in fs::read_dir(world.home()).unwrap() {
        let path = entry.unwrap().path();
        if !path.extension().is_some_and(|extension| extension == "out" || extension == "err") {
            continue;
        }
        let said = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        searched += said.len();
        let found: Vec<_> = needles.iter().filter(|needle| said.contains(needle.as_str())).collect();
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
    assert!(searched > 10_000, "nobody has said much");
}

fn needles(world: &World) -> Vec<String> {
    let read = |name: &str| fs::read_to_string(world.identity(name)).unwrap();
    let pem = read("producer.pem");
    let (_, key) = pem.split_once("-----BEGIN PRIVATE KEY-----").unwrap();
    let lines = key.lines().filter(|line| line.len() >= LINE).map(str::to_owned);
    let constants = [CLIENT_SECRET, IDENTITY_CLIENT_SECRET, IDENTITY_HEADER, "client_assertion="];
    let constants = constants.into_iter().chain(JWTS).map(str::to_owned);
    lines.chain(constants).chain([read("client-secret")]).collect()
}
