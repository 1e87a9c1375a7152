//! One suite, two brokers: what the port promises holds over the wire and in memory alike.
//!
//! Every check runs against the Service Bus adapter speaking to a real `usher-broker` process, and against the same
//! state machine held in memory, on which the simulations run. What only a network can do to us is in `adapter`.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

mod adapter;
mod broker;
mod checks;
mod messages;
mod proxy;
mod world;

macro_rules! conformance {
    ($($check:ident)+) => {
        mod over_the_wire {
            $(#[tokio::test] async fn $check() { super::checks::$check(&super::world::over_the_wire().await).await })+
        }
        mod in_memory {
            $(#[tokio::test] async fn $check() { super::checks::$check(&super::world::in_memory()).await })+
        }
    };
}

conformance! {
    what_is_published_is_received_whole_and_completing_removes_it
    a_large_batch_arrives_once_and_in_order
    a_duplicate_is_swallowed
    abandoning_counts_as_a_delivery
    releasing_costs_no_delivery
    an_expired_lock_counts_as_a_delivery_and_settling_under_it_is_an_error
    a_lock_settles_once
    a_renewed_lock_outlives_its_first_term
    renewing_many_locks_names_the_lost_one
    credit_is_a_bound
    withdrawn_credit_brings_nothing
    withdrawing_credit_loses_nothing_that_had_arrived
    peeking_shows_pages_and_locks_nothing
    a_dead_letter_keeps_everything_and_gains_its_reason
    too_many_failed_deliveries_dead_letter_a_message
    a_dead_letter_stays_until_it_is_completed
    an_unknown_topic_or_subscription_is_not_found
    after_closing_everything_is_closed
}
