//! `usher sandbox`: has something happen to the stand-ins of a run that goes on: vendors break and are repaired, people
//! sign up, a customer corrects an address.

mod edge;

use std::{
    io::{Write, stderr, stdout},
    num::NonZeroU32,
    path::PathBuf,
};

use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;
use serde_json::{Value, json};
use usher_service::{Failure, Shutdown};
use uuid::Uuid;

use self::edge::{Edge, How};
use crate::{
    local::{self, RunAddresses},
    up::Client,
};

/// Arguments of `usher sandbox`.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct SandboxArgs {
    #[command(subcommand)]
    command: SandboxCommand,
    /// Folder of the run
    #[arg(long, default_value = local::LAST_RUN, value_name = "DIR", global = true)]
    data: PathBuf,
}

const HELP: &str = "\
The run is the one that goes on here: `usher up --keep` starts one. Nothing real is touched.

Examples:
  usher sandbox break stripe                  and `usher status` shows billing's circuit open
  usher sandbox break mailchimp --how slow
  usher sandbox repair stripe
  usher sandbox sign-up 6                     six people sign up; their ids are printed
  usher sandbox sign-up --refused-by stripe   one whom Stripe refuses: a dead letter
  usher sandbox mend-email 5b0f8a52-7d86-4d4b-9a53-0f9c7c1b2f11
                                              their address is a good one now: usher dlq replay billing";

#[derive(Subcommand)]
enum SandboxCommand {
    /// Break a vendor until it is repaired
    Break(BreakArgs),
    /// Repair a vendor
    Repair(RepairArgs),
    /// Have people sign up, now
    SignUp(SignUpArgs),
    /// Have a customer correct their address
    MendEmail(MendEmailArgs),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  usher sandbox break stripe
  usher sandbox break entra --how 429")]
struct BreakArgs {
    /// The vendor
    vendor: Edge,
    /// How
    #[arg(long, default_value = "down")]
    how: How,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  usher sandbox repair stripe
  usher sandbox repair           all of them")]
struct RepairArgs {
    /// The vendor; all of them if left out
    vendor: Option<Edge>,
}

#[derive(Args)]
#[command(after_help = "\
The ids of the users go to standard output, a line each. The audit log shows a sign-up some seconds later.

Examples:
  usher sandbox sign-up 6
  USER_ID=$(usher sandbox sign-up) && usher trace \"$USER_ID\"
  usher sandbox sign-up --refused-by stripe")]
struct SignUpArgs {
    /// How many people
    #[arg(default_value = "1")]
    count: NonZeroU32,
    /// One of them is refused by this vendor
    #[arg(long, value_name = "VENDOR")]
    refused_by: Option<Refuses>,
}

/// A vendor that may refuse somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Refuses {
    Stripe,
    Mailchimp,
    Salesforce,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  usher sandbox mend-email 5b0f8a52-7d86-4d4b-9a53-0f9c7c1b2f11
  usher sandbox mend-email 5b0f8a52-7d86-4d4b-9a53-0f9c7c1b2f11 ada@example.com")]
struct MendEmailArgs {
    /// The user's object id
    user_id: Uuid,
    /// The address; one of their own at example.com unless given
    email: Option<String>,
}

/// Does what the command line says.
pub(crate) async fn run(args: SandboxArgs, shutdown: Shutdown) -> Result<(), Failure> {
    let run = RunAddresses::of(&args.data)?;
    if let Some(edge) = args.command.stand_in().filter(|edge| run.is_real(edge.name())) {
        let why = format!("{} is real in this run: its stand-in has no part in it", edge.name());
        return Err(Failure::Negative(why));
    }
    let orders = Orders { client: Client::new()?, control: run.control };
    tokio::select! {
        biased;
        () = shutdown.requested() => Err(Failure::Negative("stopped".to_owned())),
        done = orders.carry_out(args.command) => done,
    }
}

impl SandboxCommand {
    /// The vendor that it is about. People sign up in Entra.
    fn stand_in(&self) -> Option<Edge> {
        match self {
            Self::Break(args) => Some(args.vendor),
            Self::Repair(args) => args.vendor,
            Self::SignUp(_) | Self::MendEmail(_) => Some(Edge::Entra),
        }
    }
}

/// The way to the stand-ins' controls.
struct Orders {
    client: Client,
    control: String,
}

/// What the stand-ins answer.
#[derive(Deserialize)]
struct Done {
    #[serde(default)]
    user_ids: Vec<Uuid>,
}

impl Orders {
    async fn carry_out(&self, command: SandboxCommand) -> Result<(), Failure> {
        match command {
            SandboxCommand::Break(args) => self.break_down(&args).await,
            SandboxCommand::Repair(args) => self.repair(&args).await,
            SandboxCommand::SignUp(args) => self.sign_up(&args).await,
            SandboxCommand::MendEmail(args) => self.mend_email(args).await,
        }
    }

    async fn break_down(&self, BreakArgs { vendor, how }: &BreakArgs) -> Result<(), Failure> {
        self.all(vendor.broken(*how)).await?;
        let name = vendor.name();
        say(&format!(
            "{name} {}: `usher status` shows what becomes of it, `usher sandbox repair {name}` ends it",
            how.said()
        ));
        Ok(())
    }

    async fn repair(&self, RepairArgs { vendor }: &RepairArgs) -> Result<(), Failure> {
        let which = vendor.map_or(Edge::ALL.to_vec(), |vendor| vec![vendor]);
        for vendor in which {
            self.all(vendor.repaired()).await?;
            say(&format!("{} is well", vendor.name()));
        }
        Ok(())
    }

    async fn sign_up(&self, args: &SignUpArgs) -> Result<(), Failure> {
        let Done { user_ids } = self.client.ask(&self.control, &order(args)).await?;
        say(&user_ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join("\n"));
        if let Some(user) = user_ids.first() {
            // Beside the ids, which a script may be reading.
            let _ = writeln!(
                stderr(),
                "signed up; seen through all services in some seconds: usher trace {user}"
            );
        }
        Ok(())
    }

    async fn mend_email(&self, MendEmailArgs { user_id, email }: MendEmailArgs) -> Result<(), Failure> {
        let email = email.unwrap_or_else(|| format!("mended-{user_id}@example.com"));
        self.all(vec![json!({ "mend_email": { "user": user_id, "email": email } })]).await?;
        say(&format!("{user_id} has a good address now: `usher dlq replay billing --user {user_id}`"));
        Ok(())
    }

    async fn all(&self, orders: Vec<Value>) -> Result<(), Failure> {
        for order in orders {
            let _: Done = self.client.ask(&self.control, &order).await?;
        }
        Ok(())
    }
}

/// Those who sign up, and nobody beside them.
fn order(args: &SignUpArgs) -> Value {
    let refused = |by: Refuses| args.refused_by == Some(by);
    json!({ "sign_ups": {
        "count": args.count,
        "refused_email": refused(Refuses::Stripe),
        "refused_by_mailchimp": u8::from(refused(Refuses::Mailchimp)),
        "refused_by_salesforce": u8::from(refused(Refuses::Salesforce)),
        "bystanders": 0,
        "short_lived": 0,
    } })
}

/// A reader that has gone away has seen enough.
fn say(what: &str) {
    let _ = writeln!(stdout(), "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_up_is_refused_by_one_vendor_at_most() {
        let count = NonZeroU32::new(6).unwrap();
        let order = |refused_by| order(&SignUpArgs { count, refused_by })["sign_ups"].clone();
        let plain = order(None);
        assert_eq!((&plain["count"], &plain["refused_email"]), (&json!(6), &json!(false)));
        assert_eq!((&plain["bystanders"], &plain["short_lived"]), (&json!(0), &json!(0)));
        assert_eq!(order(Some(Refuses::Stripe))["refused_email"], true);
        assert_eq!(order(Some(Refuses::Salesforce))["refused_by_salesforce"], 1);
        assert_eq!(order(Some(Refuses::Salesforce))["refused_by_mailchimp"], 0);
    }
}
