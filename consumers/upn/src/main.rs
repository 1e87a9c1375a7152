//! `usher-upn`: a readable userPrincipalName and display name for every sign-up.

fn main() -> std::process::ExitCode {
    usher_subscriber::main::<usher_upn::Upn>()
}
