//! The bounded queue of ended spans for the collector. Ending a span never waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::Context;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use parking_lot::Mutex;
use prost::Message;

use super::Counters;
use super::collector::Unsent;

/// Most spans that wait, besides one batch on its way; further ones are dropped. About 4 MiB.
const SPANS_WAITING_MAX: usize = 8192;
/// Spans in one request to the collector.
const BATCH_SPANS_MAX: usize = 512;

/// Spans on their way, encoded.
pub(super) struct SpanBatch {
    pub(super) body: Bytes,
    spans: u64,
}

/// Ended spans.
pub(super) struct Queue {
    resource: ResourceAttributesWithSchema,
    counters: Counters,
    waiting: Mutex<VecDeque<SpanData>>,
    /// The batch to retry.
    again: Mutex<Option<SpanBatch>>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl Queue {
    pub(super) fn new(resource: &Resource, counters: Counters) -> Self {
        Self { resource: resource.into(), counters, waiting: Mutex::default(), again: Mutex::default() }
    }

    fn put(&self, span: SpanData) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < SPANS_WAITING_MAX {
            waiting.push_back(span);
        } else {
            self.counters.dropped.inc();
        }
    }

    /// The next batch: the one to retry, then the oldest spans.
    pub(super) fn take(&self) -> Option<SpanBatch> {
        if let Some(again) = self.again.lock().take() {
            return Some(again);
        }
        let spans: Vec<_> = {
            let mut waiting = self.waiting.lock();
            let count = waiting.len().min(BATCH_SPANS_MAX);
            waiting.drain(..count).collect()
        };
        if spans.is_empty() {
            return None;
        }
        let count = spans.len() as u64;
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec().into();
        Some(SpanBatch { body, spans: count })
    }

    /// Counts a batch as sent or dropped, or keeps it for a retry.
    pub(super) fn settle(&self, batch: SpanBatch, answer: &Result<(), Unsent>) {
        match answer {
            Ok(()) => _ = self.counters.sent.inc_by(batch.spans),
            Err(unsent) if unsent.is_for_good() => _ = self.counters.dropped.inc_by(batch.spans),
            Err(_) => *self.again.lock() = Some(batch),
        }
    }
}

/// Puts ended spans into the queue. The library's own processor has a thread, and does not count dropped spans.
#[derive(Debug)]
pub(super) struct Keep(pub(super) Arc<Queue>);

impl SpanProcessor for Keep {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.put(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status};

    use super::*;

    fn span() -> SpanData {
        SpanData {
            span_context: SpanContext::empty_context(),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Server,
            name: "one".into(),
            start_time: std::time::UNIX_EPOCH,
            end_time: std::time::UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("tagalong").build(),
        }
    }

    #[test]
    fn the_queue_is_bounded_and_dropped_spans_are_counted() {
        let counters = Counters { sent: Default::default(), dropped: Default::default() };
        let queue = Queue::new(&Resource::builder_empty().build(), counters.clone());
        (0..SPANS_WAITING_MAX + 7).for_each(|_| queue.put(span()));
        assert_eq!(counters.dropped.get(), 7);
        let batch = queue.take().unwrap();
        queue.settle(batch, &Err(Unsent::Late));
        let mut batches = 0;
        while let Some(batch) = queue.take() {
            queue.settle(batch, &Ok(()));
            batches += 1;
        }
        assert_eq!(batches, SPANS_WAITING_MAX / BATCH_SPANS_MAX);
        assert_eq!((counters.sent.get(), counters.dropped.get()), (SPANS_WAITING_MAX as u64, 7));
    }
}
