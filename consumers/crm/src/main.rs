//! `usher-crm`: one Salesforce record for every sign-up.

fn main() -> std::process::ExitCode {
    usher_subscriber::main::<usher_crm::Crm>()
}
