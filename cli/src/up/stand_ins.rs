//! What the stand-ins of a run are told: who signs up, who is refused, and whose work they judge.

use std::path::{Path, PathBuf};

use super::{
    UpArgs,
    real::{Edge, Edges},
};
use crate::{child::Plan, consumers::Consumer, local::Variables};

/// For so many sign-ups one more is made whose user is deleted within minutes.
const SIGN_UPS_PER_SHORT_LIVED: u32 = 20;

/// How many more sign up whose users are deleted within minutes. None where something is real: it would keep half of what
/// was to be done for them.
pub(crate) fn short_lived(args: &UpArgs, edges: &Edges) -> u32 {
    if edges.is_empty() { args.signups.get() / SIGN_UPS_PER_SHORT_LIVED } else { 0 }
}

/// Where the consumer sql writes, and the stand-ins' ledger reads.
pub(crate) fn sql_database(folder: &Path) -> PathBuf {
    folder.join("signups.db")
}

/// The stand-ins. Of those whom one refuses there are some only where that is asked, and where their dead letters can be
/// looked at.
pub(crate) fn sandbox_plan(folder: &Path, args: &UpArgs, seed: u64, edges: &Edges) -> Plan {
    let asked = |edge| !edges.contains(edge);
    let refusing = |edge| asked(edge) && asked(Edge::Servicebus);
    let judged = judged(edges).join(",");
    let flags = [
        (true, format!("--ca-file={}", folder.join("ca.pem").display())),
        (true, format!("--seed={seed}")),
        (!judged.is_empty(), format!("--consumers={judged}")),
        (asked(Edge::Sql), format!("--sql-database={}", sql_database(folder).display())),
    ];
    let people = [
        (true, format!("--signups={}", args.signups)),
        (true, format!("--rate={}", args.rate)),
        (true, format!("--short-lived={}", short_lived(args, edges))),
        (refusing(Edge::Stripe), "--refused-email".to_owned()),
        (refusing(Edge::Mailchimp), "--refused-by-mailchimp=1".to_owned()),
        (asked(Edge::Mailchimp), "--unsubscribed=1".to_owned()),
        (refusing(Edge::Salesforce), "--refused-by-salesforce=1".to_owned()),
    ];
    let people = people.into_iter().filter(|_| !edges.people_are_real());
    let args = flags.into_iter().chain(people).filter_map(|(holds, flag)| holds.then_some(flag));
    Plan { program: "usher-sandbox".to_owned(), args: args.collect(), environment: Variables::default() }
}

/// The consumers that run here and that the ledger judges.
fn judged(edges: &Edges) -> Vec<&'static str> {
    Consumer::all().into_iter().filter(|it| edges.can_judge(*it)).map(Consumer::name).collect()
}

#[cfg(test)]
mod tests {
    use clap::{Parser, ValueEnum};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        up: UpArgs,
    }

    /// What the stand-ins are told with these edges real.
    fn flags(edges: &[Edge]) -> Vec<String> {
        let Line { up } = Line::parse_from(["up", "--signups", "40"]);
        sandbox_plan(Path::new("run"), &up, 7, &edges.iter().copied().collect()).args
    }

    #[test]
    fn without_a_real_edge_stand_ins_see_and_refuse_people_of_all_kinds() {
        let flags = flags(&[]);
        for flag in [
            "--consumers=billing,email,birthrights,upn,crm,sql,webhook",
            "--sql-database=run/signups.db",
            "--signups=40",
            "--short-lived=2",
            "--refused-email",
            "--refused-by-mailchimp=1",
            "--unsubscribed=1",
            "--refused-by-salesforce=1",
        ] {
            assert!(flags.iter().any(|it| it == flag), "{flag}: {flags:?}");
        }
    }

    #[test]
    fn nobody_is_refused_by_a_stand_in_that_is_not_asked_or_left_half_done_at_somebody_real() {
        let said = flags(&[Edge::Stripe, Edge::Sql]).join(" ");
        assert!(said.contains("--consumers=email,birthrights,upn,crm,webhook --signups=40"), "{said}");
        assert!(said.contains("--short-lived=0 --refused-by-mailchimp=1"), "{said}");
        let said = flags(&[Edge::Servicebus]).join(" ");
        assert!(said.contains("--unsubscribed=1") && !said.contains("--refused"), "{said}");
    }

    #[test]
    fn where_people_are_real_none_are_made_up() {
        for edges in [&[Edge::Entra][..], Edge::value_variants()] {
            let flags = flags(edges);
            assert!(
                flags.iter().all(|it| it.starts_with("--ca-file")
                    || it.starts_with("--seed")
                    || it.starts_with("--sql-database")),
                "{flags:?}"
            );
        }
    }
}
