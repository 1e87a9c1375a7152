//! `usher-month`: a month of a tenant's life for Usher and for the usual approach, under simulated time; prints what came
//! of each as a table in Markdown. `make month` runs it; `docs/month.md` holds what it printed.

use usher_tests::month::{SEED, play_all, table};

fn main() -> anyhow::Result<()> {
    let months = play_all(SEED).map_err(anyhow::Error::msg)?;
    print!("{}", table(&months));
    Ok(())
}
