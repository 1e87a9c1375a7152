//! `usher-webhook`: every sign-up goes to an endpoint of anybody's, signed.

fn main() -> std::process::ExitCode {
    usher_subscriber::main::<usher_webhook::Webhook>()
}
