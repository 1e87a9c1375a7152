//! `usher-sql`: one row in a SQL table for every sign-up.

fn main() -> std::process::ExitCode {
    usher_subscriber::main::<usher_sql::Sql>()
}
