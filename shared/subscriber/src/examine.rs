//! What is wrong with a consumer's settings and with what they name: the command `probe`, which `usher doctor` reads.
//!
//! Everything is looked at with the consumer's own secrets, by its own binary, and nothing is changed: the subscription
//! is attached to without credit, the destination is asked what the circuit asks it.

use usher_bus::{Bus, BusError, Entity, Rule, RuleFilter, ServiceBus};
use usher_clock::Clock;
use usher_entra::Graph;
use usher_finding::{Finding, Findings};
use usher_http::FailureClass;
use usher_service::Failure;

use crate::{Consumer, Ports, SubscriberSettings, circuit};

/// How a consumer uses Graph, if it does.
pub struct GraphUse<'a> {
    /// Graph, asked as the consumer's app registration.
    pub graph: &'a Graph,
    /// The application permissions that it needs, and no others.
    pub permissions: Vec<&'static str>,
}

/// Looks at everything and prints what it found.
///
/// # Errors
/// [`Failure::Setting`] if there is no consumer to look with.
pub(crate) async fn probe<C: Consumer>(
    settings: SubscriberSettings,
    own: C::Settings,
) -> Result<(), Failure> {
    let http = settings.http.client().map_err(|e| Failure::setting("USHER_EXTRA_CA_FILE", e))?;
    let consumer = C::new(own, Ports { http, clock: Clock::system() })?;
    let mut findings = vec![Finding::ok("settings", "all there")];
    if let Some(GraphUse { graph, permissions }) = consumer.graph() {
        findings.extend(graph.examine(&permissions).await);
    }
    findings.push(destination(&consumer).await);
    findings.extend(subscription::<C>(&settings).await);
    Findings { findings }.print();
    Ok(())
}

async fn destination<C: Consumer>(consumer: &C) -> Finding {
    const CHECK: &str = "destination";
    let Err(down) = circuit::probe(consumer).await else {
        return Finding::ok(CHECK, "is there, and takes our credentials");
    };
    let mend = match down.failure.class {
        FailureClass::Unauthorized | FailureClass::Refused => format!("mend {}", down.setting),
        _ => "wait until it is back, or check the network; nothing is lost meanwhile".to_owned(),
    };
    Finding::wrong(CHECK, down.to_string(), mend)
}

async fn subscription<C: Consumer>(settings: &SubscriberSettings) -> Vec<Finding> {
    let name = settings.subscription.as_deref().unwrap_or(C::NAME);
    let bus = match ServiceBus::connect(&settings.bus, settings.http.extra_ca_file.as_deref()) {
        Ok(bus) => bus,
        Err(error) => {
            return vec![Finding::wrong(
                "subscription",
                error.to_string(),
                format!("mend {}", error.setting()),
            )];
        }
    };
    let entity = Entity::subscription(settings.bus.topic(), name);
    let mut findings = vec![reached(settings, bus.receiver(&entity).await.map(drop), &entity)];
    if findings[0].mend.is_none() {
        findings.push(rules(bus.rules(&entity).await, &entity));
        findings.push(delivery_limit(settings, &entity));
    }
    bus.close().await;
    findings
}

fn reached(settings: &SubscriberSettings, opened: Result<(), BusError>, entity: &Entity) -> Finding {
    const CHECK: &str = "subscription";
    let Err(error) = opened else { return Finding::ok(CHECK, format!("{entity} lets us listen")) };
    let mend = match error {
        BusError::NotFound { .. } => format!(
            "az servicebus topic subscription create {} --max-delivery-count {} --lock-duration PT1M; or mend \
             SERVICEBUS_TOPIC or SERVICEBUS_SUBSCRIPTION",
            azure(entity, "-n"),
            settings.limits.delivery_limit
        ),
        BusError::Unauthorized { .. } => {
            format!("{} must be one that may listen", settings.bus.credential_setting())
        }
        _ => "check SERVICEBUS_CONNECTION_STRING or SERVICEBUS_NAMESPACE, and the network".to_owned(),
    };
    Finding::wrong(CHECK, error.to_string(), mend)
}

/// Each subscription takes what is meant for all and what is meant for it: with another rule beside that, consumers
/// would act on corrections that are meant for one of them; with none of the kind, corrections get lost.
fn rules(told: Result<Vec<Rule>, BusError>, entity: &Entity) -> Finding {
    const CHECK: &str = "rules";
    let told = match told {
        Ok(told) => told,
        Err(error) => {
            let shown_by = format!(
                "az servicebus topic subscription rule list {}",
                azure(entity, "--subscription-name")
            );
            return Finding::skipped(
                CHECK,
                error.to_string(),
                format!("{shown_by} must show {}", ours(entity)),
            );
        }
    };
    let of_one = azure(entity, "--subscription-name");
    if let Some(rule) = told.iter().find(|rule| rule.takes_everything()) {
        let what =
            format!("the rule {} takes everything, corrections for other consumers included", rule.name);
        let create = format!(
            "az servicebus topic subscription rule create {of_one} -n usher --filter-sql-expression \"{}\"",
            ours(entity)
        );
        let delete = format!("az servicebus topic subscription rule delete {of_one} -n '{}'", rule.name);
        return Finding::wrong(CHECK, what, format!("{create}, then: {delete}"));
    }
    if told.iter().any(|rule| is_ours(rule, entity)) {
        return Finding::ok(CHECK, ours(entity));
    }
    let mend = format!(
        "az servicebus topic subscription rule create {of_one} -n usher --filter-sql-expression \"{}\"",
        ours(entity)
    );
    Finding::wrong(CHECK, "none of them is Usher's", mend)
}

/// The rule as it should be.
fn ours(entity: &Entity) -> String {
    format!("replayTo IS NULL OR replayTo = '{}'", entity.subscription)
}

/// Whether a rule is ours, however it is spaced and cased.
fn is_ours(rule: &Rule, entity: &Entity) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<String>().to_ascii_lowercase();
    matches!(&rule.filter, RuleFilter::Sql(text) if plain(text) == plain(&ours(entity)))
}

/// Over AMQP nobody tells it.
fn delivery_limit(settings: &SubscriberSettings, entity: &Entity) -> Finding {
    let shown_by = format!(
        "az servicebus topic subscription show {} --query \"[maxDeliveryCount,lockDuration]\" must say {} and PT1M",
        azure(entity, "-n"),
        settings.limits.delivery_limit
    );
    Finding::skipped("delivery limit", "a key that may listen can't see it", shown_by)
}

/// The subscription as Azure's command line is told it.
fn azure(entity: &Entity, named_by: &str) -> String {
    format!(
        "-g GROUP --namespace-name NAMESPACE --topic-name {} {named_by} {}",
        entity.topic, entity.subscription
    )
}

#[cfg(test)]
mod tests {
    use usher_finding::State;

    use super::*;

    fn judged(told: Vec<Rule>) -> Finding {
        rules(Ok(told), &Entity::subscription("user-signups", "billing"))
    }

    fn sql(text: &str) -> Rule {
        Rule { name: "usher".to_owned(), filter: RuleFilter::Sql(text.to_owned()) }
    }

    #[test]
    fn the_one_rule_is_well_and_the_default_beside_it_or_another_is_not() {
        let ours = sql("replayto is null  OR replayTo='billing'");
        assert_eq!(judged(vec![ours.clone()]).state, State::Ok);

        let default = Rule { name: Rule::DEFAULT.to_owned(), filter: RuleFilter::Everything };
        let beside = judged(vec![ours, default]);
        assert_eq!(beside.state, State::Wrong);
        assert!(beside.mend.is_some_and(|mend| mend.contains("rule delete") && mend.contains("$Default")));

        let anothers = judged(vec![sql("replayTo IS NULL OR replayTo = 'email'")]);
        assert_eq!(anothers.state, State::Wrong);
        assert!(anothers.mend.is_some_and(|mend| mend.contains("replayTo = 'billing'")));
    }

    #[test]
    fn what_the_broker_does_not_tell_is_skipped_with_the_command_that_does() {
        let entity = Entity::subscription("user-signups", "billing");
        let finding = rules(Err(BusError::Refused("amqp:not-implemented".to_owned())), &entity);
        assert_eq!(finding.state, State::Skipped);
        assert!(finding.mend.is_some_and(|mend| mend.starts_with("az servicebus")));
    }
}
