//! `usher up --real`: what is named is real, and nothing else is touched, whatever the environment holds. Other stand-ins
//! than the run's, and another broker, are the real ones here.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use usher_sandbox::{CLIENT_ID, CLIENT_SECRET, Effects, Judged, Verdict};
use usher_tests::processes::{Options, Output, Process, Program, World, eventually};

/// A run of a few sign-ups takes seconds, a debug build on a busy machine a minute or two.
const A_RUN: Duration = Duration::from_secs(3 * 60);
/// What a run says once it has nothing more to say.
const STAYS_UP: &str = "Staying up until Ctrl-C.";

/// Where everything is real: a broker and vendors that are none of the run's.
async fn outside() -> World {
    World::start(Options { consumers: Judged::ALL.into(), ..Options::default() }).await
}

/// The command as somebody gives it who has the settings of every real edge in the environment.
fn usher(outside: &World, home: &TempDir, line: &str) -> Program {
    let consumers = Judged::ALL.map(|consumer| outside.consumer(consumer));
    let services = [outside.producer()].into_iter().chain(consumers);
    let settings: Vec<_> = services.flat_map(|service| service.variables().clone()).collect();
    Program::new("usher", home.path())
        .args(line.split_whitespace())
        .with_all(&settings)
        .with("ENTRA_CLIENT_ID", CLIENT_ID.to_string())
        .with("ENTRA_CLIENT_SECRET", CLIENT_SECRET)
        .without("START_FROM")
}

async fn until_it_stays_up(up: &mut Process) {
    eventually("the run stays up", async || {
        assert!(up.runs(), "{}{}", up.stdout(), up.stderr());
        up.stdout().contains(STAYS_UP).then_some(())
    })
    .await;
}

/// What the run's own stand-ins hold.
async fn at_stand_ins(outside: &World, home: &TempDir) -> Effects {
    let run: serde_json::Value = serde_json::from_str(&in_run(home, "run.json")).unwrap();
    outside.control.get_json(&format!("{}/_effects", run["control"].as_str().unwrap())).await
}

/// A file of the run.
fn in_run(home: &TempDir, file: &str) -> String {
    fs::read_to_string(home.path().join(".usher/last").join(file)).unwrap()
}

/// Which vendors were called.
fn called(effects: &Effects) -> Vec<&str> {
    let mut vendors: Vec<_> = effects.totals.calls.keys().filter_map(|call| call.split('.').next()).collect();
    vendors.dedup();
    vendors
}

fn is_green(output: &Output) {
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    let verdict = "Every effect at a stand-in shows exactly once.";
    assert!(output.stdout.contains(verdict), "{}", output.stdout);
}

#[tokio::test]
async fn what_is_named_is_real_and_everything_else_is_a_stand_in() {
    let (outside, home) = (outside().await, tempfile::tempdir().unwrap());
    let line = "up --real stripe --signups 6 --rate 6 --seed 7 --keep";
    let mut up = usher(&outside, &home, line).spawn();
    until_it_stays_up(&mut up).await;

    let real = outside.control.effects().await;
    assert_eq!((real.totals.customers, real.totals.strangers), (6, 6), "whom that tenant does not know");
    assert_eq!(called(&real), ["stripe"], "nobody else out there hears of it");
    assert!(!outside.checkpoint().exists(), "a producer out there may work with it");

    let stand_ins = at_stand_ins(&outside, &home).await;
    assert_eq!(stand_ins.totals.customers, 0);
    assert!(!called(&stand_ins).contains(&"stripe"), "{:?}", called(&stand_ins));
    for sign_up in &stand_ins.sign_ups {
        for consumer in Judged::ALL.into_iter().filter(|consumer| *consumer != Judged::Billing) {
            assert_eq!(sign_up.verdict_of(consumer), Verdict::Exact, "{consumer:?}");
        }
    }

    let billing = in_run(&home, "billing.env");
    assert!(!billing.contains("STRIPE_SECRET_KEY") && billing.contains("STRIPE_MODE='test'"), "{billing}");
    let broken = usher(&outside, &home, "sandbox break stripe").run().await;
    assert!(broken.code == Some(1) && broken.stderr.contains("real in this run"), "{broken:?}");

    let output = up.terminate().await;
    is_green(&output);
    for said in [
        "stripe is real: 6 made-up people (addresses at example domains) will be created there, in test mode",
        "billing          6  done, by its own count; real: look for yourself, e.g. `usher reconcile billing`",
        "usher sandbox break mailchimp",
    ] {
        assert!(output.stdout.contains(said), "{said}: {}", output.stdout);
    }
}

#[tokio::test]
async fn all_vendors_can_be_real_at_once_while_the_people_are_made_up() {
    let (outside, home) = (outside().await, tempfile::tempdir().unwrap());
    let line = "up --real stripe,mailchimp,salesforce,sql,webhook --yes --signups 10 --rate 10 --seed 7";
    let up = usher(&outside, &home, line).run_within(A_RUN).await;
    is_green(&up);
    for edge in ["mailchimp", "salesforce", "sql", "webhook"] {
        assert!(up.stdout.contains(&format!("{edge} is real: 10 made-up people")), "{edge}: {}", up.stdout);
    }
    let totals = outside.control.effects().await.totals;
    assert_eq!((totals.customers, totals.unknown_records), (10, 10));
    assert_eq!((totals.unknown_rows, totals.unknown_deliveries), (10, 10));
    assert!(totals.unknown_members > 0 && totals.misuses.is_empty(), "{totals:?}");
    assert!(!home.path().join(".usher/last/signups.db").exists(), "the table is elsewhere");
}

#[tokio::test]
async fn a_real_broker_brings_the_messages_and_none_is_started() {
    let (outside, home) = (outside().await, tempfile::tempdir().unwrap());
    let line = "up --real servicebus --yes --signups 6 --rate 6 --seed 7";
    let up = usher(&outside, &home, line).run_within(A_RUN).await;
    is_green(&up);
    assert!(up.stdout.contains("servicebus is real: 6 sign-ups of made-up people are published there"));
    assert!(up.stdout.contains("billing          6  have one Stripe customer"), "{}", up.stdout);
    assert!(!home.path().join(".usher/last/broker").exists());
    assert!(called(&outside.control.effects().await).is_empty());
}

#[tokio::test]
async fn who_signs_up_in_a_real_tenant_from_now_on_is_brought_to_the_stand_ins() {
    let (outside, home) = (outside().await, tempfile::tempdir().unwrap());
    let earlier = outside.control.sign_up().await;
    let mut up = usher(&outside, &home, "up --real entra --yes").spawn();
    until_it_stays_up(&mut up).await;
    let user = outside.control.sign_up().await;

    let customer = eventually("billing is done with them", async || {
        outside.control.effects().await.of(user).unwrap().customer_id.clone()
    })
    .await;
    assert!(customer.starts_with("cus_"), "{customer}");
    eventually("all seven are done with them", async || {
        let said = up.stdout();
        Judged::ALL
            .iter()
            .all(|it| {
                said.contains(&format!("{}: 1 seen, 1 done", it.name()))
                    || said.contains(&format!("{}: 1 seen, 0 done, 1 skipped", it.name()))
            })
            .then_some(())
    })
    .await;
    let real = outside.control.effects().await;
    assert_eq!(real.of(earlier).unwrap().customer_id, None, "they were there before");
    assert_eq!(called(&real), ["graph", "login"], "no vendor out there hears of it");
    let stand_ins = at_stand_ins(&outside, &home).await;
    assert_eq!((stand_ins.totals.customers, stand_ins.sign_ups.len()), (1, 0), "nobody is made up");
    assert!(!outside.checkpoint().exists() && home.path().join(".usher/last/checkpoint.json").exists());
    for service in ["producer", "billing", "upn"] {
        assert!(!in_run(&home, &format!("{service}.env")).contains(CLIENT_SECRET), "{service}");
    }
    let signed_up = usher(&outside, &home, "sandbox sign-up").run().await;
    assert!(signed_up.code == Some(1) && signed_up.stderr.contains("entra is real"), "{signed_up:?}");

    let output = up.terminate().await;
    assert_eq!(output.code, Some(0), "{output:?}");
    for said in [
        "entra is real: whoever signs up there from now on is changed there",
        "real: look for yourself, e.g. `usher reconcile upn`",
        "`usher reconcile billing --consumer-env .usher/last/billing.env`",
        "The people are real: there is no verdict.",
    ] {
        assert!(output.stdout.contains(said), "{said}: {}", output.stdout);
    }
}

/// Nobody who is called by mistake: it counts who comes.
struct Trap {
    address: String,
    calls: Arc<AtomicUsize>,
    _accepting: AbortOnDropHandle<()>,
}

impl Trap {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let accepting = AbortOnDropHandle::new(tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        }));
        Self { address, calls, _accepting: accepting }
    }

    /// The environment of somebody whose every vendor is here.
    fn settings(&self) -> Vec<(String, String)> {
        let at = &self.address;
        let bus = format!(
            "Endpoint=sb://{at};SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true;"
        );
        let settings = [
            ("ENTRA_TENANT_ID", "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d".to_owned()),
            ("ENTRA_CLIENT_ID", "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9e".to_owned()),
            ("ENTRA_CLIENT_SECRET", "hush".to_owned()),
            ("ENTRA_AUTHORITY_HOST", format!("https://{at}")),
            ("GRAPH_ENDPOINT", format!("http://{at}")),
            ("SERVICEBUS_CONNECTION_STRING", bus),
            ("STRIPE_SECRET_KEY", "sk_test_hush".to_owned()),
            ("STRIPE_API_BASE", format!("http://{at}")),
            ("MAILCHIMP_API_KEY", "0123abcd-us1".to_owned()),
            ("MAILCHIMP_API_BASE", format!("http://{at}")),
            ("SALESFORCE_LOGIN_URL", format!("http://{at}")),
            ("SQL_DATABASE_URL", format!("postgres://ada:hush@{at}/usher")),
            ("WEBHOOK_URL", format!("http://{at}/in")),
            ("HTTPS_PROXY", format!("http://{at}")),
            ("HTTP_PROXY", format!("http://{at}")),
        ];
        settings.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

#[tokio::test]
async fn unless_it_is_named_nothing_real_is_called_whatever_the_environment_holds() {
    let (trap, home) = (Trap::open().await, tempfile::tempdir().unwrap());
    let line = "up --signups 6 --rate 6 --seed 7";
    let up = Program::new("usher", home.path()).args(line.split(' ')).with_all(&trap.settings());
    let up = up.run_within(A_RUN).await;
    assert_eq!(up.code, Some(0), "{}{}", up.stdout, up.stderr);
    assert!(up.stdout.contains("Every effect shows exactly once."), "{}", up.stdout);
    assert_eq!(trap.calls.load(Ordering::SeqCst), 0, "somebody followed the environment");
    // That it would have been noticed.
    drop(tokio::net::TcpStream::connect(&trap.address).await.unwrap());
    eventually("a call is counted", async || (trap.calls.load(Ordering::SeqCst) == 1).then_some(())).await;
}

/// What ends with 64 before anything is started, and what it must name.
struct Refused {
    line: &'static str,
    set: &'static [(&'static str, &'static str)],
    names: &'static [&'static str],
}

const REFUSED: &[Refused] = &[
    Refused {
        line: "up --real stripe",
        set: &[],
        names: &["STRIPE_SECRET_KEY: missing", "--real stripe", "STRIPE_ACCOUNTS"],
    },
    Refused { line: "up --real entra", set: &[], names: &["ENTRA_TENANT_ID: missing", "--real entra"] },
    Refused {
        line: "up --real entra",
        set: &[
            ("ENTRA_TENANT_ID", "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d"),
            ("ENTRA_CLIENT_ID", "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9e"),
        ],
        names: &["ENTRA_CLIENT_SECRET: missing", "ENTRA_KEYVAULT_CERTIFICATE", "ENTRA_CREDENTIAL"],
    },
    Refused {
        line: "up --real webhook,sql --yes",
        set: &[("SQL_DATABASE_URL", "sqlite://hush.db"), ("WEBHOOK_URL", "https://hooks.example/hush")],
        names: &["WEBHOOK_SECRET: missing", "--real webhook"],
    },
    Refused {
        line: "up --real stripe",
        set: &[("STRIPE_SECRET_KEY", "sk_live_hush")],
        names: &["STRIPE_SECRET_KEY: holds a live key", "--real entra"],
    },
    Refused {
        line: "up --real stripe --yes",
        set: &[("STRIPE_SECRET_KEY", "rk_live_hush")],
        names: &["STRIPE_SECRET_KEY: holds a live key"],
    },
    Refused {
        line: "up --real sql",
        set: &[("SQL_DATABASE_URL", "sqlite://hush.db")],
        names: &["--yes: is not given", "nothing was started"],
    },
    Refused {
        line: "up --real stripe --chaos",
        set: &[("STRIPE_SECRET_KEY", "sk_test_hush")],
        names: &["--chaos", "--real"],
    },
    Refused {
        line: "up --real stripe --env-dir nowhere",
        set: &[("STRIPE_SECRET_KEY", "sk_test_hush")],
        names: &["--env-dir: nowhere is no folder"],
    },
    Refused { line: "up --real shoes", set: &[], names: &["shoes", "servicebus"] },
    Refused { line: "up --yes", set: &[], names: &["--real"] },
];

#[tokio::test]
async fn what_must_not_be_is_named_before_anything_is_started() {
    for Refused { line, set, names } in REFUSED {
        let home = tempfile::tempdir().unwrap();
        let program = Program::new("usher", home.path()).args(line.split(' '));
        let program = set.iter().fold(program, |program, (name, value)| program.with(name, *value));
        let output = program.run().await;
        assert_eq!(output.code, Some(64), "{line}: {output:?}");
        for name in *names {
            assert!(output.stderr.contains(name), "{line}: {name}: {}", output.stderr);
        }
        assert!(!output.stderr.contains("hush") && !output.stdout.contains("hush"), "{line}: {output:?}");
        assert!(!home.path().join(".usher").exists(), "{line}: something was started");
    }
}

#[tokio::test]
async fn each_service_may_have_settings_of_its_own_in_a_folder() {
    let (outside, home) = (outside().await, tempfile::tempdir().unwrap());
    let key = outside.billing().variables()["STRIPE_SECRET_KEY"].clone();
    fs::create_dir(home.path().join("deploy")).unwrap();
    fs::write(home.path().join("deploy/billing.env"), format!("STRIPE_SECRET_KEY='{key}'\n")).unwrap();
    let line = "up --real stripe --env-dir deploy --signups 3 --rate 3 --seed 7";
    let up = usher(&outside, &home, line).with("STRIPE_SECRET_KEY", "sk_test_of_nobody");
    is_green(&up.run_within(A_RUN).await);
    assert_eq!(outside.control.effects().await.totals.customers, 3);
}
