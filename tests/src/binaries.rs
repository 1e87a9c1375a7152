//! Where the programs are that the tests run as processes.

use std::path::PathBuf;

/// The path of one of our binaries, built with the profile of the test that asks: beside the test executable, one
/// directory up.
///
/// # Panics
/// If it has not been built.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it runs from");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("cargo puts tests under PROFILE/deps");
    let path = profile.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    path
}
