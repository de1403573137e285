//! What an operator sees from outside: one struct, whose field docs are the help texts.
//!
//! What happens often is counted where it happens, with atomics. What can be looked at is looked at when
//! somebody asks (`http/metrics`).

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
/// Time, as it was spread.
pub type Latency = Histogram<Seconds>;

/// One metric, as it stands in the documents.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// Its name, as it is queried; of a histogram without `_bucket`, `_count` and `_sum`.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it is told apart by.
    pub labels: &'static str,
    /// What it says.
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
    /// Which version runs; always 1.
    build_info: Family<Build, Gauge>, gauge "tagalong_build_info" [version];
    /// Open WebSockets and sessions of long polls.
    connections: Family<Protocol, Gauge>, gauge "tagalong_connections" [protocol, version];
    /// WebSockets and sessions of long polls that were opened.
    connections_opened: Family<Protocol, Counter>, counter "tagalong_connections_opened_total" [protocol, version];
    /// WebSockets and sessions of long polls that ended; code 0 where no close frame was sent.
    connections_closed: Family<Closed, Counter>, counter "tagalong_connections_closed_total" [reason, code];
    /// Sessions that this node has in memory.
    rooms: Gauge, gauge "tagalong_rooms" [];
    /// Participants of these sessions, connected or not.
    participants: Gauge, gauge "tagalong_participants" [];
    /// Connections in these sessions that only see.
    watchers: Gauge, gauge "tagalong_watchers" [];
    /// Membership and session events that wait to be written, over all connections.
    control_queue_depth: Gauge, gauge "tagalong_control_queue_depth" [];
    /// The most that wait for one connection. At 320 it is closed.
    control_queue_depth_max: Gauge, gauge "tagalong_control_queue_depth_max" [];
    /// Positions that were taken in from clients of this node.
    positions_received: Counter, counter "tagalong_positions_received_total" [];
    /// Positions that were handed out, once for each connection.
    positions_delivered: Counter, counter "tagalong_positions_delivered_total" [];
    /// Positions that a connection was owed when a newer one took their place.
    positions_superseded: Counter, counter "tagalong_positions_superseded_total" [];
    /// Messages that were not taken, by the reason that the client was given.
    messages_refused: Family<Refused, Counter>, counter "tagalong_messages_refused_total" [reason];
    /// From taking in a position to writing it to another connection of the same node.
    delivery_latency: Latency, histogram "tagalong_delivery_latency_seconds" [];
    /// Frames that left in one write; the count is the number of writes.
    frames_per_write: Histogram<Count>, histogram "tagalong_frames_per_write" [];
    /// Answers.
    http_requests: Family<Answered, Counter>, counter "tagalong_http_requests_total" [method, route, status];
    /// From a request's head to the head of its answer.
    http_request_duration: Family<Route, Latency>, histogram "tagalong_http_request_duration_seconds" [method, route];
    /// Calls to the database: ok, refused (the answer is no), or failed (there is none).
    store_calls: Calls, counter "tagalong_store_calls_total" [call, outcome];
    /// How long calls to the database took, with the wait for a connection.
    store_call_duration: Durations, histogram "tagalong_store_call_duration_seconds" [call];
    /// Connections to the database.
    store_pool_connections: Family<Pooled, Gauge>, gauge "tagalong_store_pool_connections" [state];
    /// How many there may be.
    store_pool_connections_max: Gauge, gauge "tagalong_store_pool_connections_max" [];
    /// Calls to Redis. There are none without REDIS_URL.
    bus_calls: Calls, counter "tagalong_bus_calls_total" [call, outcome];
    /// How long calls to Redis took.
    bus_call_duration: Durations, histogram "tagalong_bus_call_duration_seconds" [call];
    /// Whether other nodes can be heard: 1 or 0; always 1 without REDIS_URL.
    bus_connected: Gauge, gauge "tagalong_bus_connected" [];
    /// Runs of background jobs.
    job_runs: Family<Ran, Counter>, counter "tagalong_job_runs_total" [job, outcome];
    /// When the last run of a background job ended, in seconds since 1970.
    job_last_run: Family<Job, Gauge>, gauge "tagalong_job_last_run_timestamp_seconds" [job];
    /// Spans that the trace collector took. There are none without OTEL_EXPORTER_OTLP_ENDPOINT.
    spans_sent: Counter, counter "tagalong_spans_sent_total" [];
    /// Spans that were dropped: the trace collector refused them, or was away for too long.
    spans_dropped: Counter, counter "tagalong_spans_dropped_total" [];
    /// Memory that is held, in bytes.
    process_resident_memory: Gauge, gauge "process_resident_memory_bytes" [];
    /// Open files and sockets.
    process_open_fds: Gauge, gauge "process_open_fds" [];
    /// How many there may be.
    process_max_fds: Gauge, gauge "process_max_fds" [];
    /// Threads.
    process_threads: Gauge, gauge "process_threads" [];
    /// Time on a processor, in seconds.
    process_cpu: Seconded, counter "process_cpu_seconds_total" [];
    /// Threads that run tasks.
    tokio_workers: Gauge, gauge "tokio_workers" [];
    /// Tasks that are not over.
    tokio_alive_tasks: Gauge, gauge "tokio_alive_tasks" [];
    /// Tasks that wait for a thread.
    tokio_global_queue_depth: Gauge, gauge "tokio_global_queue_depth" [];
    /// Time in which threads had something to do, over all threads, in seconds.
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

    /// All of them as OpenMetrics text, as they stand.
    ///
    /// # Errors
    /// Never: nothing here refuses to be written.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry())?;
        Ok(text)
    }
}

/// Sets what is counted elsewhere.
pub fn set(counter: &Counter, total: u64) {
    counter.inner().store(total, std::sync::atomic::Ordering::Relaxed);
}

/// Sets what is counted elsewhere, in seconds.
pub fn set_seconds(counter: &Seconded, total: f64) {
    counter.inner().store(total.to_bits(), std::sync::atomic::Ordering::Relaxed);
}

/// A gauge's value; what is too large for one stands at its end.
pub fn level(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

/// An open WebSocket, as long as this is kept.
#[derive(Debug)]
pub struct Open(Gauge);

impl Metrics {
    /// A WebSocket is open until what this returns is dropped.
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
