//! Traces: spans of requests, of their calls to the database and Redis, of jobs, and of WebSockets as a whole, never of
//! a single message or position. Off unless a collector is set.
//!
//! Nothing is global and nothing waits: a span that ends goes into a bounded queue, which a job sends. The current span
//! is in the library's context, which belongs to the task's current poll.

mod collector;
mod queue;
mod settings;

use std::future::Future;
use std::sync::Arc;

use opentelemetry::context::FutureExt;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
pub use opentelemetry::trace::SpanKind;
use opentelemetry::trace::{SpanBuilder, SpanId, Status, TraceContextExt, TraceId, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{IdGenerator, SdkTracer, SdkTracerProvider};
use prometheus_client::metrics::counter::Counter;

pub use self::collector::{Collector, Unsent};
use self::queue::{Keep, Queue};
pub use self::settings::headers;
pub use self::settings::{Sampling, Settings};
use crate::clock::Clock;
use crate::entropy::{Entropy, NoEntropy};

/// Counters of spans.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Accepted by the collector.
    pub sent: Counter,
    /// Rejected by the collector, or dropped because the queue was full.
    pub dropped: Counter,
}

/// The tracer. Clones share it; the default makes no spans.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<On>>);

struct On {
    clock: Clock,
    tracer: SdkTracer,
    queue: Arc<Queue>,
    collector: Collector,
}

impl Traces {
    /// Traces as the settings say.
    ///
    /// # Errors
    /// When the operating system has no randomness for this server's id in traces.
    pub fn new(
        settings: Settings,
        clock: Clock,
        entropy: Entropy,
        counters: Counters,
    ) -> Result<Self, NoEntropy> {
        let instance = entropy.bytes()?;
        let resource = Resource::builder_empty()
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_service_name(settings.service)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new(
                "service.instance.id",
                format!("{:032x}", u128::from_be_bytes(instance)),
            ))
            .build();
        let queue = Arc::new(Queue::new(&resource, counters));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Keep(Arc::clone(&queue)))
            .with_id_generator(Ids(entropy))
            .with_sampler(settings.sampler)
            .with_resource(resource)
            .build();
        let tracer = provider.tracer_with_scope(InstrumentationScope::builder("tagalong").build());
        Ok(Self(Some(Arc::new(On { clock, tracer, queue, collector: settings.collector }))))
    }

    /// Whether there is a collector.
    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a trace, or continues that of `parent`, in the form of W3C's `traceparent`.
    ///
    /// A parent decides whether the trace is recorded, so it must come from a trusted proxy.
    pub fn begin(&self, kind: SpanKind, name: impl FnOnce() -> String, parent: Option<&str>) -> Span {
        let Some(on) = &self.0 else { return Span::default() };
        let parent = parent.map_or_else(Context::new, |traceparent| {
            TraceContextPropagator::new().extract_with_context(&Context::new(), &Traceparent(traceparent))
        });
        Span::start(on, kind, name(), &parent)
    }

    /// Sends the waiting spans, until `given_up`. Spans after a retryable error are kept.
    ///
    /// # Errors
    /// When the collector did not accept them.
    pub async fn send(&self, given_up: impl Future<Output = ()>) -> Result<(), Unsent> {
        let Some(on) = &self.0 else { return Ok(()) };
        let mut given_up = std::pin::pin!(given_up);
        while let Some(batch) = on.queue.take() {
            let answer = tokio::select! {
                answer = on.collector.post(batch.body.clone()) => answer,
                () = given_up.as_mut() => Err(Unsent::Late),
            };
            on.queue.settle(batch, &answer);
            answer?;
        }
        Ok(())
    }
}

/// Makes the ids of traces and spans. Without randomness an id is invalid, and its span is not recorded.
#[derive(Debug)]
struct Ids(Entropy);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        self.0.bytes().map_or(TraceId::INVALID, TraceId::from_bytes)
    }

    fn new_span_id(&self) -> SpanId {
        self.0.bytes().map_or(SpanId::INVALID, SpanId::from_bytes)
    }
}

/// The only header of a parent that is read.
struct Traceparent<'a>(&'a str);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// A span, which ends when it is dropped. The default is no span, and costs nothing.
#[derive(Default)]
pub struct Span(Option<Box<Open>>);

struct Open {
    context: Context,
    on: Arc<On>,
}

/// The tracer in a context, so that a child can begin without a tracer as an argument.
#[derive(Clone)]
struct Begun(Arc<On>);

impl Span {
    fn start(on: &Arc<On>, kind: SpanKind, name: String, parent: &Context) -> Self {
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_start_time(on.clock.system_time());
        let span = on.tracer.build_with_context(builder, parent);
        let context = parent.with_span(span).with_value(Begun(Arc::clone(on)));
        Self(Some(Box::new(Open { context, on: Arc::clone(on) })))
    }

    /// A child of the current span; no span if there is none.
    pub fn child(kind: SpanKind, name: impl FnOnce() -> String) -> Self {
        let parent = Context::current();
        let Some(Begun(on)) = parent.get::<Begun>() else { return Self::default() };
        Self::start(on, kind, name(), &parent)
    }

    /// Sets an attribute. Never a place, a name, an address, a token or a session's id.
    pub fn set(&self, key: &'static str, value: impl Into<Value>) {
        if let Some(open) = &self.0 {
            open.context.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// Marks the span as failed, with the kind of error.
    pub fn fail(&self, kind: &'static str) {
        if let Some(open) = &self.0 {
            open.context.span().set_status(Status::error(""));
            self.set("error.type", kind);
        }
    }

    /// Runs work under the span.
    pub fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let context = self.0.as_ref().map(|open| open.context.clone());
        async move {
            match context {
                Some(context) => work.with_context(context).await,
                None => work.await,
            }
        }
    }
}

/// Takes the current span along into another task.
pub fn along<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    work.with_current_context()
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(Open { context, on }) = self.0.as_deref() {
            context.span().end_with_timestamp(on.clock.system_time());
        }
    }
}
