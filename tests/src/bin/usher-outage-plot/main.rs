//! `usher-outage-plot`: plays an hour without each vendor under simulated time, and writes to standard output, as SVG,
//! who fell behind and how all was caught up. `make plot` makes `docs/outage.svg` of it.

mod panel;
mod plot;
mod svg;

use usher_sandbox::Vendor;
use usher_tests::simulation::outage;

/// As in a tenant of a million and a half sign-ups a year.
const SIGN_UPS_AN_HOUR: usize = 180;

/// Whoever is down for an hour, one after the other. The token endpoint is not: tokens last longer than that.
const VENDORS: [Vendor; 6] =
    [Vendor::Stripe, Vendor::Mailchimp, Vendor::Graph, Vendor::Salesforce, Vendor::Database, Vendor::Webhook];

fn main() -> anyhow::Result<()> {
    let hours = VENDORS
        .map(|vendor| outage(vendor, SIGN_UPS_AN_HOUR))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map_err(anyhow::Error::msg)?;
    println!("{}", plot::draw(&hours, SIGN_UPS_AN_HOUR));
    Ok(())
}
