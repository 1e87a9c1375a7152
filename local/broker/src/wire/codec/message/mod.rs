//! Messages as they travel (AMQP 1.0, part 3.2): kept encoded, looked into once, spliced on delivery.
//!
//! The body is never decoded. [`admit`] takes what a sender sent and finds what the machine looks at;
//! [`deliver`] puts the broker's own header, annotations and dead-letter properties around the same bytes.

mod admit;
mod deliver;
mod facets;
mod sections;

pub(crate) use admit::admit;
pub(crate) use deliver::{Stamp, deliver};
pub(crate) use sections::Sections;

/// The descriptors of sections.
pub(crate) mod section {
    pub(crate) const HEADER: u8 = 0x70;
    pub(crate) const DELIVERY_ANNOTATIONS: u8 = 0x71;
    pub(crate) const MESSAGE_ANNOTATIONS: u8 = 0x72;
    pub(crate) const PROPERTIES: u8 = 0x73;
    pub(crate) const APPLICATION_PROPERTIES: u8 = 0x74;
    pub(crate) const DATA: u8 = 0x75;
    pub(crate) const SEQUENCE: u8 = 0x76;
    pub(crate) const VALUE: u8 = 0x77;
    pub(crate) const FOOTER: u8 = 0x78;
}

/// The annotations that are the broker's to give: what a sender puts there is dropped.
pub(crate) mod annotation {
    pub(crate) const SEQUENCE_NUMBER: &str = "x-opt-sequence-number";
    pub(crate) const ENQUEUED_TIME: &str = "x-opt-enqueued-time";
    pub(crate) const LOCKED_UNTIL: &str = "x-opt-locked-until";
    pub(crate) const DEAD_LETTER_SOURCE: &str = "x-opt-deadletter-source";
    /// A delivery annotation: some clients need it, and others ignore it.
    pub(crate) const LOCK_TOKEN: &str = "x-opt-lock-token";

    pub(crate) fn is_ours(key: &str) -> bool {
        [SEQUENCE_NUMBER, ENQUEUED_TIME, LOCKED_UNTIL, DEAD_LETTER_SOURCE, LOCK_TOKEN].contains(&key)
    }
}
