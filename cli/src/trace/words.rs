//! What a line of the picture says.

use super::{
    span::{Link, Settled, Span},
    tree::What,
};

/// What stands in for a span that is not here.
const NOT_HERE: &str = "(not ended yet, or lost)";

/// What it was.
pub(crate) fn name(what: What<'_>) -> String {
    match what {
        What::Span(span) => with_failure(span, span_name(span)),
        What::Wait { .. } => "waits".to_owned(),
        What::Missing { .. } => NOT_HERE.to_owned(),
    }
}

/// What else has to do with it, a line each.
pub(crate) fn links(what: What<'_>) -> Vec<String> {
    let What::Span(span) = what else { return Vec::new() };
    span.links.iter().map(|link| said_of(span, link)).collect()
}

fn span_name(span: &Span) -> String {
    if let Some(attempt) = span.attempt() {
        return format!("attempt {attempt}");
    }
    if let Some(consumer) = span.consumer() {
        let again = if span.is_replay() { " (replay)" } else { "" };
        return format!("process {consumer}{again}");
    }
    if let Some(method) = span.text("http.request.method") {
        return call(span, &method);
    }
    match span.settled() {
        Some(Settled::Completed) => "settle: complete".to_owned(),
        Some(Settled::DeadLettered(reason)) => format!("settle: dead-letter, {reason}"),
        Some(Settled::GivenBack) => "settle: give back".to_owned(),
        None => span.name.clone(),
    }
}

/// `POST stripe 400`; where the other side has no name, `POST api.stripe.com:443 400`.
fn call(span: &Span, method: &str) -> String {
    let after = |sign: char, name| span.text(name).map(|it| format!("{sign}{it}")).unwrap_or_default();
    let whom = span.text("service.peer.name").unwrap_or_else(|| {
        format!("{}{}", span.text("server.address").unwrap_or_default(), after(':', "server.port"))
    });
    format!("{method} {whom}{}", after(' ', "http.response.status_code"))
}

/// A failure is marked, and says why unless that stands there already.
fn with_failure(span: &Span, name: String) -> String {
    match span.why() {
        _ if !span.failed() => name,
        why if why.is_empty() || name.contains(&why) => format!("{name} ✗"),
        why => format!("{name} ✗ {why}"),
    }
}

fn said_of(span: &Span, link: &Link) -> String {
    let Link { trace_id, span_id, .. } = link;
    let elsewhere = match *trace_id == span.trace_id {
        true => String::new(),
        false => format!(", usher trace {trace_id}"),
    };
    let what = if span.is_replay() { "replays the dead letter of what was sent as" } else { "see also" };
    format!("↳ {what} span {span_id}{elsewhere}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{
        span::Kind,
        testing::{TRACE, span},
    };

    fn said(span: &Span) -> String {
        name(What::Span(span))
    }

    #[test]
    fn a_call_says_whom_it_called_and_what_came_of_it() {
        let call = span("1", None, "usher-billing", "POST", 0..1)
            .with("http.request.method", "POST")
            .with("server.address", "api.stripe.com")
            .with("http.response.status_code", 400)
            .with("error.type", "400");
        assert_eq!(said(&call), "POST api.stripe.com 400");
        let named = call.with("service.peer.name", "stripe");
        assert_eq!(said(&named.which_failed("")), "POST stripe 400 ✗");
        let nobody = span("1", None, "usher-billing", "POST", 0..1)
            .with("http.request.method", "POST")
            .with("server.address", "127.0.0.1")
            .with("server.port", "4711")
            .which_failed("no connection");
        assert_eq!(said(&nobody), "POST 127.0.0.1:4711 ✗ no connection");
    }

    #[test]
    fn how_a_delivery_ended_is_said_in_words() {
        let settle =
            |how: &str| span("1", None, "usher-crm", "settle", 0..1).with("messaging.operation.name", how);
        assert_eq!(said(&settle("complete")), "settle: complete");
        let dead = settle("dead_letter").with("usher.dead_letter.reason", "SalesforceRejected");
        assert_eq!(said(&dead), "settle: dead-letter, SalesforceRejected");
        assert_eq!(said(&settle("abandon")), "settle: give back");
    }

    #[test]
    fn a_link_says_what_it_leads_to_and_how_to_get_there() {
        let replay = span("1", None, "usher-crm", "process user-signups", 0..1).of_kind(Kind::Consumer);
        let here = replay.with("usher.replay", true).linked_to(TRACE, "7");
        assert_eq!(said(&here), "process crm (replay)");
        assert_eq!(
            links(What::Span(&here)),
            ["↳ replays the dead letter of what was sent as span 0000000000000007"]
        );
        let elsewhere = span("1", None, "usher-producer", "enrich", 0..1).linked_to("abcd", "7");
        assert_eq!(links(What::Span(&elsewhere)), ["↳ see also span 0000000000000007, usher trace abcd"]);
    }
}
