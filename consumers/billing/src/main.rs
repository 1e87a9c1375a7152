//! `usher-billing`: a Stripe customer for every sign-up, its id back on the Entra user.

fn main() -> std::process::ExitCode {
    usher_subscriber::main::<usher_billing::Billing>()
}
