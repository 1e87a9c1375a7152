//! `usher-__name__`: __about__.

use usher___snake__::__Pascal__;

fn main() -> std::process::ExitCode {
    usher_subscriber::main::<__Pascal__>()
}
