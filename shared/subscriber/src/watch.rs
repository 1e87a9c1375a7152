//! What can be read of a consumer at any time: its quotas, and of Graph, if it speaks to it, the pace of writes and when our
//! credential expires.

use usher_http::QuotaUse;
use usher_service::Metrics;

use crate::{Consumer, GraphUse};

/// Has the consumer's quotas measured from now on, and its credential's time.
pub(crate) fn quotas<C: Consumer>(consumer: &C, metrics: &Metrics) {
    let graph = consumer.graph().map(|GraphUse { graph, .. }| graph.writes_quota());
    for quota in consumer.quotas().into_iter().chain(graph) {
        watch(quota, metrics);
    }
    if let Some(GraphUse { graph, .. }) = consumer.graph() {
        let metrics = metrics.clone();
        graph.watch_credential(move |expiry| metrics.credential_expires(expiry.kind.setting(), expiry.at));
    }
}

fn watch(quota: QuotaUse, metrics: &Metrics) {
    let waiting = quota.clone();
    metrics.quota(quota.resource(), move || quota.used(), move || waiting.wait());
}
