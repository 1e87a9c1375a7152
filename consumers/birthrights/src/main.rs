//! `usher-birthrights`: groups and app roles for every sign-up, by rule.

fn main() -> std::process::ExitCode {
    usher_subscriber::main::<usher_birthrights::Birthrights>()
}
