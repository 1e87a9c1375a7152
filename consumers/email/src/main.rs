//! `usher-email`: whoever agreed at the sign-up joins a Mailchimp list and is welcomed once.

fn main() -> std::process::ExitCode {
    usher_subscriber::main::<usher_email::Email>()
}
