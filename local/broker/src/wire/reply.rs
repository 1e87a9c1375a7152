//! The answers of the request-and-answer nodes, encoded.

use super::codec::{fault::Fault, message::section, write};

/// An encoded null: the body of an answer that has nothing to show.
pub(crate) const NULL: &[u8] = &[0x40];

/// An answer of a `$management` node. A failure is named in words and by its condition, which the SDKs read.
pub(crate) fn management(id: &[u8], status: i32, result: Result<&str, Fault>, body: &[u8]) -> Vec<u8> {
    let mut message = correlated(id);
    let (description, condition) = match result {
        Ok(description) => (description, None),
        Err(fault) => (fault.description, Some(fault.condition)),
    };
    let entries = if condition.is_some() { 6 } else { 4 };
    write::section_map(&mut message, section::APPLICATION_PROPERTIES, entries, |out| {
        write::text(out, "statusCode");
        write::int(out, status);
        write::text(out, "statusDescription");
        write::text(out, description);
        if let Some(condition) = condition {
            write::text(out, "errorCondition");
            write::symbol(out, condition);
        }
    });
    with_body(message, body)
}

/// An answer of the `$cbs` node, which spells its properties otherwise.
pub(crate) fn cbs(id: &[u8], status: i32, description: &str) -> Vec<u8> {
    let mut message = correlated(id);
    write::section_map(&mut message, section::APPLICATION_PROPERTIES, 4, |out| {
        write::text(out, "status-code");
        write::int(out, status);
        write::text(out, "status-description");
        write::text(out, description);
    });
    with_body(message, NULL)
}

/// Begins a message whose CorrelationId is the id given, as it was encoded.
fn correlated(id: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    write::composite(&mut message, section::PROPERTIES, 6, |out| {
        (0..5).for_each(|_| write::null(out));
        out.extend_from_slice(id);
    });
    message
}

fn with_body(mut message: Vec<u8>, body: &[u8]) -> Vec<u8> {
    message.extend_from_slice(&[0x00, 0x53, section::VALUE]);
    message.extend_from_slice(body);
    message
}
