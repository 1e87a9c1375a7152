//! The ledger judges whoever runs, and each by what should come of a sign-up.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use std::collections::BTreeSet;

use http::{Method, Request};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use support::{Edge, prompt};
use usher_sandbox::{
    BUSINESS_GROUP_ID, CONTROL_URL, CUSTOM_DOMAIN, CrmExpected, Crowd, Effect, EmailExpected, Expected,
    GOOGLE_GROUP_ID, GRAPH_URL, Judged, Kind, MAILCHIMP_WELCOME_TAG, MEMBERS_GROUP_ID, MemberStatus,
    NewSignUp, PORTAL_RESOURCE_ID, PORTAL_ROLE_ID, RULES, SIGN_UP_APP_ID, SalesforcePast, UpnExpected,
    Verdict, company_type_attribute, stripe_customer_id_attribute,
};
use uuid::Uuid;

/// Those whose effects are brought about here by hand.
const FOUR: [Judged; 4] = [Judged::Billing, Judged::Email, Judged::Birthrights, Judged::Upn];

fn judging(consumers: impl IntoIterator<Item = Judged>) -> Edge {
    let mut settings = prompt();
    settings.consumers = consumers.into_iter().collect();
    Edge::new(settings)
}

/// Ada, a business customer who signs in with Google, agrees to mail and was not asked what to be called.
fn ada() -> NewSignUp {
    NewSignUp {
        email: Some("ada.l@example.com".into()),
        display_name: Some("unknown".into()),
        given_name: Some("Ada".into()),
        surname: Some("Lovelace".into()),
        marketing_consent: Some(true),
        identity_provider: Some("google.com".into()),
        company_type: Some("business".into()),
        ..NewSignUp::default()
    }
}

/// What each consumer does, by hand.
impl support::Edge {
    async fn bill(&self, user: Uuid) {
        let customer = self.create_customer(None, &[("metadata[user]", &user.to_string())]).await.body;
        self.patch(user, json!({stripe_customer_id_attribute(): customer["id"]})).await;
    }

    async fn subscribe(&self, email: &str) {
        let digest = Md5::digest(email);
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let member = json!({"email_address": email, "status_if_new": "pending"});
        self.mailchimp(Method::PUT, &format!("/members/{hash}"), Some(member)).await;
        let tags = json!({"tags": [{"name": MAILCHIMP_WELCOME_TAG, "status": "active"}]});
        self.mailchimp(Method::POST, &format!("/members/{hash}/tags"), Some(tags)).await;
    }

    async fn add_to(&self, group: Uuid, user: Uuid) {
        let member = json!({"@odata.id": format!("{GRAPH_URL}/v1.0/directoryObjects/{user}")});
        self.graph(Method::POST, &format!("/groups/{group}/members/$ref"), Some(member)).await;
    }

    async fn assign(&self, user: Uuid) {
        let body =
            json!({"principalId": user, "resourceId": PORTAL_RESOURCE_ID, "appRoleId": PORTAL_ROLE_ID});
        self.graph(Method::POST, &format!("/users/{user}/appRoleAssignments"), Some(body)).await;
    }

    async fn patch(&self, user: Uuid, changes: Value) {
        let reply = self.graph(Method::PATCH, &format!("/users/{user}"), Some(changes)).await;
        assert_eq!(reply.status, 204, "{reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_is_exact_once_all_who_run_have_done_their_part() {
    let edge = judging(FOUR);
    let user = edge.sandbox.sign_up(ada());
    let pending = |line: &Effect| FOUR.map(|consumer| line.verdict_of(consumer) == Verdict::Pending);
    assert_eq!(pending(&edge.effect(user)), [true; 4]);

    edge.bill(user).await;
    assert_eq!(pending(&edge.effect(user)), [false, true, true, true]);
    edge.subscribe("ada.l@example.com").await;
    assert_eq!(pending(&edge.effect(user)), [false, false, true, true]);
    for group in [MEMBERS_GROUP_ID, BUSINESS_GROUP_ID, GOOGLE_GROUP_ID] {
        edge.add_to(group, user).await;
    }
    edge.assign(user).await;
    assert_eq!(pending(&edge.effect(user)), [false, false, false, true]);
    edge.patch(user, json!({"userPrincipalName": format!("ada.lovelace@{CUSTOM_DOMAIN}")})).await;
    assert!(!edge.effect(user).upn.display_name_ok, "the name is known and not shown");
    edge.patch(user, json!({"displayName": "Ada Lovelace"})).await;

    let line = edge.effect(user);
    assert_eq!((pending(&line), line.verdict), ([false; 4], Verdict::Exact));
    assert!(edge.sandbox.effects().all_exact());
    assert_eq!((line.email.member, line.email.welcomed), (Some(MemberStatus::Pending), 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_run_is_not_judged() {
    let edge = judging([Judged::Billing]);
    let user = edge.sandbox.sign_up(ada());
    edge.bill(user).await;
    assert!(edge.sandbox.effects().all_exact());
    edge.sandbox.change(|settings| settings.consumers = BTreeSet::from(Judged::ALL));
    assert_eq!(edge.effect(user).verdict, Verdict::Pending);
    edge.sandbox.change(|settings| settings.consumers.clear());
    assert_eq!(edge.effect(user).verdict, Verdict::Exact);
}

#[tokio::test(start_paused = true)]
async fn the_worst_verdict_is_the_lines() {
    let edge = judging(Judged::ALL);
    let user = edge.sandbox.sign_up(NewSignUp { marketing_consent: Some(false), ..ada() });
    assert_eq!(edge.effect(user).email.expected, EmailExpected::NoConsent);
    edge.subscribe("ada.l@example.com").await;
    let line = edge.effect(user);
    assert_eq!((line.email.verdict, line.verdict), (Verdict::Unwanted, Verdict::Unwanted));
    assert_eq!(edge.sandbox.effects().wrong().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_members_of_one_person_are_one_too_many() {
    let edge = judging([Judged::Email]);
    let user = edge.sandbox.sign_up(ada());
    edge.subscribe("ada.l@example.com").await;
    edge.sandbox.mend_email(user, "ada@example.org");
    assert_eq!(edge.effect(user).verdict, Verdict::Exact);
    edge.subscribe("ada@example.org").await;
    let line = edge.effect(user);
    assert_eq!((line.verdict, line.email.members, line.email.welcomed), (Verdict::Doubled, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_member_whom_nobody_here_knows_spoils_the_ledger() {
    let edge = judging([Judged::Email]);
    edge.subscribe("nobody@example.com").await;
    assert_eq!(edge.sandbox.effects().totals.unknown_members, 1);
    assert!(!edge.sandbox.effects().all_exact());
}

#[tokio::test(start_paused = true)]
async fn a_birthright_too_many_is_unwanted() {
    let edge = judging([Judged::Birthrights]);
    let user = edge.sandbox.sign_up(NewSignUp { company_type: Some("private".into()), ..ada() });
    edge.add_to(BUSINESS_GROUP_ID, user).await;
    assert_eq!(edge.effect(user).verdict, Verdict::Unwanted);
    let staff = edge.sandbox.sign_up(NewSignUp { kind: Kind::AdminMade, ..ada() });
    assert_eq!(edge.effect(staff).verdict, Verdict::Exact);
    edge.add_to(MEMBERS_GROUP_ID, staff).await;
    assert_eq!(edge.effect(staff).verdict, Verdict::Unwanted);
}

#[tokio::test(start_paused = true)]
async fn a_principal_name_that_changes_twice_or_shows_the_address_is_wrong() {
    let edge = judging([Judged::Upn]);
    let rename = async |user, name: &str| edge.patch(user, json!({"userPrincipalName": name})).await;
    let twice = edge.sandbox.sign_up(NewSignUp::default());
    rename(twice, "ada@seats.example").await;
    rename(twice, "ada.1@seats.example").await;
    assert_eq!(edge.effect(twice).verdict, Verdict::Rewritten);

    let telling = edge.sandbox.sign_up(ada());
    rename(telling, "ada.l_example.com#EXT#@seats.example").await;
    assert_eq!(edge.effect(telling).verdict, Verdict::Mismatched);
    assert!(!edge.effect(telling).upn.valid);
}

#[tokio::test(start_paused = true)]
async fn a_principal_name_that_somebody_chose_and_a_name_that_is_shown_stay() {
    let edge = judging([Judged::Upn]);
    let chosen = NewSignUp { user_principal_name: Some("countess@seats.example".into()), ..ada() };
    let chosen = edge.sandbox.sign_up(chosen);
    assert_eq!(edge.effect(chosen).upn.expected, UpnExpected::Kept);
    assert_eq!(edge.effect(chosen).verdict, Verdict::Exact);
    edge.patch(chosen, json!({"userPrincipalName": "ada@seats.example"})).await;
    assert_eq!(edge.effect(chosen).verdict, Verdict::Unwanted);

    let shown = edge.sandbox.sign_up(NewSignUp { display_name: Some("Countess".into()), ..ada() });
    edge.patch(shown, json!({"userPrincipalName": "ada.2@seats.example", "displayName": "Ada"})).await;
    let line = edge.effect(shown);
    assert_eq!((line.verdict, line.upn.display_name_ok), (Verdict::Mismatched, false));
}

#[tokio::test(start_paused = true)]
async fn of_a_user_who_is_gone_nothing_more_is_expected() {
    let edge = judging([Judged::Email, Judged::Birthrights, Judged::Upn]);
    let user = edge.sandbox.sign_up(ada());
    assert_eq!(edge.effect(user).verdict, Verdict::Pending);
    edge.sandbox.delete_user(user);
    assert_eq!(edge.effect(user).verdict, Verdict::Exact);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_has_as_many_of_each_kind_as_ordered() {
    let edge = judging(Judged::ALL);
    let crowd = Crowd {
        refused_by_mailchimp: 3,
        unsubscribed: 2,
        refused_by_salesforce: 4,
        ..Crowd::of(25).with_refused_email()
    };
    let ids = edge.sandbox.generate(&crowd);
    let effects = edge.sandbox.effects();
    let lines: Vec<_> = ids.iter().map(|id| effects.of(*id).unwrap()).collect();
    let count = |expected| lines.iter().filter(|line| line.email.expected == expected).count();
    assert_eq!((count(EmailExpected::Refused), count(EmailExpected::Unsubscribed)), (3, 2));
    let refused = lines.iter().find(|line| line.expected == Expected::Refused).unwrap();
    assert_eq!(refused.email.expected, EmailExpected::NoConsent);
    let by_salesforce = lines
        .iter()
        .filter(|line| matches!(line.crm.expected, CrmExpected::Refused | CrmExpected::Ambiguous));
    assert_eq!(by_salesforce.count(), 4);
    assert_eq!(refused.crm.expected, CrmExpected::One);

    let usual = judging(Judged::ALL);
    usual.sandbox.generate(&Crowd::of(200).with_refused_email());
    let effects = usual.sandbox.effects();
    assert!(effects.sign_ups.iter().all(|line| line.email.expected != EmailExpected::Refused));
}

#[tokio::test(start_paused = true)]
async fn a_seed_makes_the_same_people_whoever_is_refused_by_salesforce_or_known_to_stripe() {
    let people = |refused_by_salesforce, existing| {
        let mut settings = prompt();
        settings.stripe.existing = existing;
        let edge = Edge::new(settings);
        edge.sandbox.generate(&Crowd { refused_by_salesforce, ..Crowd::of(40) });
        let mut people = edge.sandbox.people();
        people.iter_mut().for_each(|person| person.salesforce = SalesforcePast::None);
        people
    };
    let usual = people(0, 0.0);
    assert!(usual == people(7, 0.0) && usual == people(0, 0.5));
}

#[tokio::test(start_paused = true)]
async fn people_have_what_the_consumers_stumble_over() {
    let edge = judging(Judged::ALL);
    edge.sandbox.generate(&Crowd::of(1_000));
    let people = edge.sandbox.people();
    let some = |what: &dyn Fn(&usher_sandbox::Person) -> bool| people.iter().any(what);
    assert!(some(&|p| p.display_name.is_empty() && p.given_name.is_some()));
    assert!(some(&|p| p.display_name == "unknown" && p.given_name.is_some()));
    assert!(some(&|p| p.display_name == "unknown" && p.given_name.is_none()));
    assert!(
        some(&|p| p.display_name.contains("DROP TABLE")) && some(&|p| p.display_name.contains('\u{202E}'))
    );
    assert!(
        some(&|p| p.display_name.len() == 256 && p.surname.as_ref().is_some_and(|name| name.len() == 64))
    );
    assert!(people.iter().all(|p| p.display_name.chars().count() <= 256));
    let twins =
        |p: &usher_sandbox::Person| people.iter().filter(|q| q.display_name == p.display_name).count();
    assert!(some(&|p| p.surname.is_some() && twins(p) > 1));
    let kinds: BTreeSet<_> = people.iter().map(|person| person.company_type.as_deref()).collect();
    assert_eq!(kinds, BTreeSet::from([None, Some("business"), Some("private")]));
}

#[tokio::test(start_paused = true)]
async fn what_mailchimp_and_the_portal_need_can_be_ordered_from_behind_a_socket() {
    let edge = judging(Judged::ALL);
    let control = async |order: Value| {
        edge.send(Request::post(format!("{CONTROL_URL}/_control")), order.to_string()).await.unwrap()
    };
    let order = json!({"sign_up": {
        "email": "ada.l@example.com", "marketing_consent": true, "mailchimp": "forgotten",
        "company_type": "business", "user_principal_name": "countess@seats.example",
    }});
    let user: Uuid = serde_json::from_value(control(order).await.body["user_ids"][0].clone()).unwrap();
    let line = edge.effect(user);
    assert_eq!((line.email.expected, line.upn.expected), (EmailExpected::Refused, UpnExpected::Kept));
    assert!(line.birthrights.expected.groups.contains(&BUSINESS_GROUP_ID));
    control(json!({"mend_email": {"user": user, "email": "ada@example.org"}})).await;
    assert_eq!(edge.effect(user).email.expected, EmailExpected::AtMostOne);

    assert_eq!(control(json!({"unsubscribe": user})).await.status, 404);
    edge.subscribe("ada@example.org").await;
    assert_eq!(control(json!({"unsubscribe": user})).await.status, 200);
    assert_eq!(edge.effect(user).email.member, Some(MemberStatus::Unsubscribed));
    assert_eq!(control(json!({"delete_group": BUSINESS_GROUP_ID})).await.status, 200);
    assert_eq!(control(json!({"delete_group": BUSINESS_GROUP_ID})).await.status, 404);
    let made = control(json!({"sign_ups": {"count": 9, "refused_by_mailchimp": 2, "unsubscribed": 1}})).await;
    assert_eq!(made.body["user_ids"].as_array().unwrap().len(), 9);
    let of =
        |expected| edge.sandbox.effects().sign_ups.iter().filter(|l| l.email.expected == expected).count();
    assert_eq!((of(EmailExpected::Refused), of(EmailExpected::Unsubscribed)), (2, 2));
}

#[test]
fn the_rules_grant_what_the_ledger_expects() {
    let rules: toml::Table = RULES.parse().unwrap();
    let rule = |name: &str| {
        let all = rules["rule"].as_array().unwrap();
        all.iter().find(|rule| rule["name"].as_str() == Some(name)).unwrap().clone()
    };
    let group = |name: &str| rule(name)["groups"][0].as_str().unwrap().parse::<Uuid>().unwrap();
    assert_eq!(rules["rule"].as_array().unwrap().len(), 4);
    assert_eq!(group("members"), MEMBERS_GROUP_ID);
    assert!(rule("members").get("when").is_none());
    assert_eq!(group("business customers"), BUSINESS_GROUP_ID);
    let when = &rule("business customers")["when"];
    assert_eq!(when["attribute"].as_str(), Some(company_type_attribute().as_str()));
    assert_eq!(when["equals"].as_str(), Some("business"));
    assert_eq!(group("google sign-ins"), GOOGLE_GROUP_ID);
    assert_eq!(rule("google sign-ins")["when"]["identity_provider"].as_str(), Some("google.com"));
    let portal = rule("portal customers");
    let id = |value: &toml::Value| value.as_str().unwrap().parse::<Uuid>().unwrap();
    let role = &portal["app_roles"][0];
    assert_eq!((id(&role["resource"]), id(&role["role"])), (PORTAL_RESOURCE_ID, PORTAL_ROLE_ID));
    assert_eq!(id(&portal["when"]["app_id"]), SIGN_UP_APP_ID);
}
