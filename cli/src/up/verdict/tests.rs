use super::*;
use crate::up::{
    ledger::{JUDGED, Totals, tests::served},
    real::Edge,
};

fn ledger(sign_ups: &[SignUp]) -> Ledger {
    Ledger { sign_ups: sign_ups.to_vec(), totals: Totals::default() }
}

fn consumer(name: &str) -> Consumer {
    Consumer::named(name).unwrap()
}

fn letter(user: &str) -> Letter {
    Letter {
        sequence_number: 7,
        enqueued_at: "2026-01-01T00:00:00Z".to_owned(),
        reason: "StripeRejected".to_owned(),
        description: "status=400 code=email_invalid".to_owned(),
        event_id: "e1".to_owned(),
        user_id: Some(user.to_owned()),
        trace_id: None,
    }
}

fn problems(sign_ups: &[SignUp], letters: &[(Consumer, Letter)]) -> Vec<String> {
    let bus = OnTheBus { letters: letters.to_vec(), ..OnTheBus::default() };
    Verdict::on(&ledger(sign_ups), bus, &Edges::default()).problems
}

/// As above, where there is to be just one.
fn problem(sign_up: SignUp, letters: &[(Consumer, Letter)]) -> String {
    let problems = problems(&[sign_up], letters);
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    problem.clone()
}

#[test]
fn whoever_has_all_of_it_once_counts_for_every_consumer() {
    let left = served("u2").but("email", Expected::Unsubscribed, Compared::Exact);
    let verdict = Verdict::on(&ledger(&[served("u1"), left]), OnTheBus::default(), &Edges::default());
    assert!(verdict.is_good(), "{:?}", verdict.problems);
    assert_eq!(verdict.signed_up, 2);
    let counts = [
        (consumer("billing"), Expected::One, 2),
        (consumer("email"), Expected::Subscribed, 1),
        (consumer("email"), Expected::Unsubscribed, 1),
        (consumer("birthrights"), Expected::Granted, 2),
        (consumer("upn"), Expected::Changed, 2),
        (consumer("crm"), Expected::One, 2),
        (consumer("sql"), Expected::One, 2),
        (consumer("webhook"), Expected::One, 2),
    ];
    let counts = counts.map(|(consumer, expected, count)| ((consumer, expected), count));
    assert_eq!(verdict.as_expected, BTreeMap::from(counts));
}

#[test]
fn whatever_is_not_exact_is_a_problem_of_the_consumer_at_fault() {
    for (compared, said) in [
        (Compared::Pending, "upn has not done"),
        (Compared::Doubled, "upn had its effect more than once"),
        (Compared::Unwanted, "upn had an effect that it must not have"),
        (Compared::Mismatched, "upn left something"),
        (Compared::Rewritten, "upn wrote different values"),
    ] {
        let problem = problem(served("u1").but("upn", Expected::Changed, compared), &[]);
        assert!(problem.starts_with("user u1: ") && problem.contains(said), "{problem}");
    }
}

#[test]
fn a_welcomed_administrator_is_a_problem() {
    let admin = |compared| served("u1").but("billing", Expected::Nothing, compared);
    assert!(problem(admin(Compared::Unwanted), &[]).contains("billing had an effect that it must not have"));
    assert!(problem(admin(Compared::Exact), &[(consumer("upn"), letter("u1"))]).contains("a dead letter"));
    assert!(problems(&[admin(Compared::Exact)], &[]).is_empty());
}

#[test]
fn a_refused_sign_up_is_one_dead_letter_with_a_reason() {
    let refused = || served("u1").but("email", Expected::Refused, Compared::Exact);
    let dead = (consumer("email"), letter("u1"));
    let bus = OnTheBus { letters: vec![dead.clone()], ..OnTheBus::default() };
    let verdict = Verdict::on(&ledger(&[refused()]), bus, &Edges::default());
    assert!(verdict.is_good() && verdict.refused.len() == 1, "{:?}", verdict.problems);

    assert!(problem(refused(), &[]).contains("no dead letter"));
    assert!(problem(refused(), &[dead.clone(), dead.clone()]).contains("2 dead letters"));
    let silent = Letter { description: String::new(), ..letter("u1") };
    assert!(problem(refused(), &[(consumer("email"), silent)]).contains("does not say why"));
    let served_all_the_same = served("u1").but("email", Expected::Refused, Compared::Unwanted);
    assert!(problem(served_all_the_same, &[dead]).contains("must not have"));
}

#[test]
fn a_dead_letter_of_somebody_to_be_served_or_of_nobody_is_a_problem() {
    for consumer in JUDGED.map(consumer) {
        assert!(
            problem(served("u1"), &[(consumer, letter("u1"))]).contains("has a dead letter: StripeRejected")
        );
    }
    assert_eq!(
        problems(&[], &[(consumer("upn"), letter("u2"))]),
        ["upn's dead letter 7 belongs to nobody here"]
    );
}

#[test]
fn of_a_consumer_that_the_stand_ins_know_nothing_of_only_what_it_has_not_done_is_a_problem() {
    for other in Consumer::all().into_iter().filter(|it| !JUDGED.contains(&it.name())) {
        let dead = vec![(other, letter("u1")), (other, letter("nobody"))];
        assert!(problems(&[served("u1")], &dead).is_empty(), "{other}");
        let bus = OnTheBus { queued: vec![(other, letter("u1"))], ..OnTheBus::default() };
        assert_eq!(
            Verdict::on(&ledger(&[served("u1")]), bus, &Edges::default()).problems.len(),
            1,
            "{other}"
        );
    }
}

#[test]
fn whoever_is_deleted_soon_after_may_be_a_dead_letter_and_nothing_twice() {
    let deleted = |compared| served("u1").but("billing", Expected::AtMostOne, compared);
    assert!(problems(&[deleted(Compared::Exact)], &[(consumer("birthrights"), letter("u1"))]).is_empty());
    assert!(problem(deleted(Compared::Doubled), &[]).contains("more than once"));
}

#[test]
fn what_is_nobodys_and_what_must_never_be_done_are_problems() {
    let misuses = BTreeMap::from([("status-of-member".to_owned(), 1)]);
    let totals = Totals { strangers: 1, unknown_members: 2, unknown_rows: 3, misuses, ..Totals::default() };
    let ledger = Ledger { totals, ..ledger(&[served("u1")]) };
    let problems = Verdict::on(&ledger, OnTheBus::default(), &Edges::default()).problems;
    assert_eq!(
        problems,
        [
            "1 Stripe customers belong to nobody here",
            "2 Mailchimp members belong to nobody here",
            "3 rows of the table belong to nobody here",
            "status-of-member: 1 times, and never allowed",
        ]
    );
}

#[test]
fn what_is_left_in_a_queue_is_a_problem_unless_it_waits_for_somebody_who_was_deleted() {
    let mut gone = served("u1");
    gone.deleted = true;
    let left = |letters: &[Letter]| {
        let queued = letters.iter().map(|letter| (consumer("upn"), letter.clone())).collect();
        let bus = OnTheBus { queued, ..OnTheBus::default() };
        Verdict::on(&ledger(&[gone.clone(), served("u2")]), bus, &Edges::default()).problems
    };
    assert!(left(&[letter("u1")]).is_empty());
    let another = "upn is not through with 1 messages, the first of them about user u2, who was not deleted";
    assert_eq!(left(&[letter("u2")]), [another], "though as many are left as were deleted");
    assert_eq!(left(&[letter("u1"), letter("u2")]), [another]);
    assert_eq!(left(&[Letter { user_id: None, ..letter("u1") }]).len(), 1);
}

#[test]
fn of_a_consumer_whose_edge_is_real_nobody_can_judge_the_effects_but_everybody_sees_what_is_left() {
    let edges: Edges = [Edge::Stripe].into_iter().collect();
    let unknown = served("u1").but("billing", Expected::One, Compared::Pending);
    let letters = vec![(consumer("billing"), letter("u1"))];
    let bus = OnTheBus { letters, ..OnTheBus::default() };
    let verdict = Verdict::on(&ledger(&[unknown]), bus, &edges);
    assert!(verdict.is_good(), "{:?}", verdict.problems);
    assert!(verdict.refused.is_empty() && verdict.signed_up == 1);
    assert!(verdict.as_expected.keys().all(|(consumer, _)| consumer.name() != "billing"));

    let wrong = served("u1").but("upn", Expected::Changed, Compared::Pending);
    let queued = vec![(consumer("billing"), letter("u1"))];
    let bus = OnTheBus { queued, ..OnTheBus::default() };
    assert_eq!(Verdict::on(&ledger(&[wrong]), bus, &edges).problems.len(), 2);
}
