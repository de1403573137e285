//! Metrics: one struct, whose field docs are the help texts.
//!
//! Frequent events are counted where they happen, with atomics. Present values are read when metrics are requested
//! (`http/metrics`).

mod histogram;
pub mod labels;
mod meter;
mod process;

pub use histogram::{Bounds, Count, Histogram, Seconds, Tally};
use labels::{Answered, Build, Closed, Job, Pooled, Protocol, Ran, Refused, Route};
pub use meter::{Calls, Durations, Meter, Outcome};
pub use process::Process;
use prometheus_client::metrics::counter::Counter as Whole;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge as Level;
use prometheus_client::registry::Registry;

use crate::clock::Clock;

/// A number that only grows.
pub type Counter = Whole<u64>;
/// A number that grows by parts, such as seconds.
pub type Seconded = Whole<f64, std::sync::atomic::AtomicU64>;
/// A number that goes up and down.
pub type Gauge = Level<i64>;
pub type Latency = Histogram<Seconds>;

/// The description of one metric, for the documents.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// The name in queries; of a histogram without `_bucket`, `_count` and `_sum`.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    pub labels: &'static str,
    pub help: &'static str,
}

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $type:ty, $kind:ident $name:literal [$($label:ident),*];)*) => {
        /// Every metric. Clones of a field count together.
        #[derive(Default, Debug)]
        pub struct Metrics { $($(#[doc = $help])+ pub $field: $type,)* }

        impl Metrics {
            /// All of them, in order.
            pub const ALL: &[Described] = &[$(Described {
                name: $name,
                kind: stringify!($kind),
                labels: stringify!($($label),*),
                help: concat!($($help),+),
            },)*];

            /// All of them, to be written out.
            fn registry(&self) -> Registry {
                let mut registry = Registry::default();
                $(registry.register(
                    $name.trim_end_matches("_total"),
                    concat!($($help),+).trim().trim_end_matches('.'),
                    self.$field.clone(),
                );)*
                registry
            }
        }
    };
}

metrics! {
    /// The running version; always 1.
    build_info: Family<Build, Gauge>, gauge "tagalong_build_info" [version];
    /// Open WebSockets and long-poll sessions.
    connections: Family<Protocol, Gauge>, gauge "tagalong_connections" [protocol, version];
    /// WebSockets and long-poll sessions opened.
    connections_opened: Family<Protocol, Counter>, counter "tagalong_connections_opened_total" [protocol, version];
    /// WebSockets and long-poll sessions closed; code 0 without a close frame.
    connections_closed: Family<Closed, Counter>, counter "tagalong_connections_closed_total" [reason, code];
    /// Sessions in the memory of this node.
    rooms: Gauge, gauge "tagalong_rooms" [];
    /// Participants of these sessions, connected or not.
    participants: Gauge, gauge "tagalong_participants" [];
    /// Connections of watchers in these sessions.
    watchers: Gauge, gauge "tagalong_watchers" [];
    /// Control events queued for all connections.
    control_queue_depth: Gauge, gauge "tagalong_control_queue_depth" [];
    /// The most control events queued for one connection; at 320 it is closed as a slow consumer.
    control_queue_depth_max: Gauge, gauge "tagalong_control_queue_depth_max" [];
    /// Positions received from clients of this node.
    positions_received: Counter, counter "tagalong_positions_received_total" [];
    /// Positions delivered, counted once per connection.
    positions_delivered: Counter, counter "tagalong_positions_delivered_total" [];
    /// Positions dropped before delivery because a newer one of the same participant replaced them.
    positions_superseded: Counter, counter "tagalong_positions_superseded_total" [];
    /// Messages rejected, by the reason in the answer.
    messages_refused: Family<Refused, Counter>, counter "tagalong_messages_refused_total" [reason];
    /// Time from receiving a position to writing it to another connection of the same node.
    delivery_latency: Latency, histogram "tagalong_delivery_latency_seconds" [];
    /// Frames per write; the count is the number of writes.
    frames_per_write: Histogram<Count>, histogram "tagalong_frames_per_write" [];
    /// HTTP answers.
    http_requests: Family<Answered, Counter>, counter "tagalong_http_requests_total" [method, route, status];
    /// Time from the head of a request to the head of its answer.
    http_request_duration: Family<Route, Latency>, histogram "tagalong_http_request_duration_seconds" [method, route];
    /// Calls to the database: ok, refused (rejected by a rule), or failed (no valid answer).
    store_calls: Calls, counter "tagalong_store_calls_total" [call, outcome];
    /// Duration of calls to the database, including the wait for a connection.
    store_call_duration: Durations, histogram "tagalong_store_call_duration_seconds" [call];
    /// Open connections to the database.
    store_pool_connections: Family<Pooled, Gauge>, gauge "tagalong_store_pool_connections" [state];
    /// Maximum number of connections to the database.
    store_pool_connections_max: Gauge, gauge "tagalong_store_pool_connections_max" [];
    /// Calls to Redis; none without REDIS_URL.
    bus_calls: Calls, counter "tagalong_bus_calls_total" [call, outcome];
    /// Duration of calls to Redis.
    bus_call_duration: Durations, histogram "tagalong_bus_call_duration_seconds" [call];
    /// Connection to other nodes: 1 if up, 0 if down; always 1 without REDIS_URL.
    bus_connected: Gauge, gauge "tagalong_bus_connected" [];
    /// Runs of background jobs.
    job_runs: Family<Ran, Counter>, counter "tagalong_job_runs_total" [job, outcome];
    /// End of the last run of a background job, in seconds since 1970.
    job_last_run: Family<Job, Gauge>, gauge "tagalong_job_last_run_timestamp_seconds" [job];
    /// Spans accepted by the trace collector; none without OTEL_EXPORTER_OTLP_ENDPOINT.
    spans_sent: Counter, counter "tagalong_spans_sent_total" [];
    /// Spans dropped because the trace collector rejected them or was unavailable for too long.
    spans_dropped: Counter, counter "tagalong_spans_dropped_total" [];
    /// Resident memory, in bytes.
    process_resident_memory: Gauge, gauge "process_resident_memory_bytes" [];
    /// Open files and sockets.
    process_open_fds: Gauge, gauge "process_open_fds" [];
    /// Maximum number of open files and sockets.
    process_max_fds: Gauge, gauge "process_max_fds" [];
    /// Threads.
    process_threads: Gauge, gauge "process_threads" [];
    /// Processor time, in seconds.
    process_cpu: Seconded, counter "process_cpu_seconds_total" [];
    /// Worker threads of the runtime.
    tokio_workers: Gauge, gauge "tokio_workers" [];
    /// Unfinished tasks.
    tokio_alive_tasks: Gauge, gauge "tokio_alive_tasks" [];
    /// Tasks waiting for a worker thread.
    tokio_global_queue_depth: Gauge, gauge "tokio_global_queue_depth" [];
    /// Busy time of all worker threads together, in seconds.
    tokio_busy: Seconded, counter "tokio_busy_seconds_total" [];
}

impl Metrics {
    /// Counts and times calls to the database.
    pub fn store_meter(&self, clock: Clock) -> Meter {
        Meter::new("store", self.store_calls.clone(), self.store_call_duration.clone(), clock)
    }

    /// Counts and times calls to the bus.
    pub fn bus_meter(&self, clock: Clock) -> Meter {
        Meter::new("bus", self.bus_calls.clone(), self.bus_call_duration.clone(), clock)
    }

    /// All metrics as OpenMetrics text.
    ///
    /// # Errors
    /// Never, in practice: encoding into a string does not fail.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry())?;
        Ok(text)
    }
}

/// Sets a counter to a total that is counted elsewhere.
pub fn set(counter: &Counter, total: u64) {
    counter.inner().store(total, std::sync::atomic::Ordering::Relaxed);
}

/// Sets a counter of seconds to a total that is counted elsewhere.
pub fn set_seconds(counter: &Seconded, total: f64) {
    counter.inner().store(total.to_bits(), std::sync::atomic::Ordering::Relaxed);
}

/// A gauge's value, clamped to its range.
pub fn level(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

/// Counts an open WebSocket until it is dropped.
#[derive(Debug)]
pub struct Open(Gauge);

impl Metrics {
    /// Counts a WebSocket as open until the result is dropped.
    pub fn open(&self, protocol: Protocol) -> Open {
        self.connections_opened.get_or_create(&protocol).inc();
        let open = self.connections.get_or_create_owned(&protocol);
        open.inc();
        Open(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_written_with_its_name_type_and_help() {
        let metrics = Metrics::default();
        metrics.build_info.get_or_create(&Build { version: "1" }).set(1);
        let text = metrics.text().unwrap();
        for described in Metrics::ALL.iter().filter(|described| described.labels.is_empty()) {
            let family = described.name.trim_end_matches("_total");
            assert!(text.contains(&format!("# TYPE {family} {}\n", described.kind)), "{family}\n{text}");
            let help = described.help.trim().trim_end_matches('.');
            assert!(text.contains(&format!("# HELP {family} {help}.\n")), "{family}\n{text}");
        }
        assert!(text.contains("tagalong_build_info{version=\"1\"} 1\n"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
