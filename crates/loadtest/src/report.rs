//! The figures, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::ledger::Counts;
use crate::protocol::Protocol;

/// Everything that a run has found.
#[derive(Serialize, Debug)]
pub struct Report {
    /// What was played.
    pub scenario: &'static str,
    /// Protocols taken in turn.
    pub protocols: Vec<Protocol>,
    /// Sessions.
    pub sessions: u32,
    /// People in each.
    pub people: u32,
    /// How everyone came in, each time.
    pub arrivals: Vec<Arrival>,
    /// What was measured, one window after the other.
    pub windows: Vec<Window>,
    /// What is to be said besides.
    pub notes: Vec<String>,
    /// Whether nothing was lost that should have come.
    pub sound: bool,
}

/// Times in milliseconds.
#[derive(Serialize, Clone, Copy, Default, Debug)]
pub struct Percentiles {
    /// Half were faster.
    pub p50: f64,
    /// Of 20, 19 were faster.
    pub p95: f64,
    /// Of 100, 99 were faster.
    pub p99: f64,
    /// Of 1,000, 999 were faster.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

/// What a process cost in a window.
#[derive(Serialize, Clone, Copy, Default, Debug)]
pub struct Cost {
    /// Processor time over wall time: 1 is a whole core.
    pub cores: f64,
    /// Processor time for each delivery, in microseconds.
    pub us_per_delivery: f64,
    /// Resident memory at the end, in bytes.
    pub rss: u64,
}

/// A measuring window.
#[derive(Serialize, Clone, Debug)]
pub struct Window {
    /// What was special about it.
    pub name: String,
    /// Milliseconds between two updates of one person.
    pub interval_ms: f64,
    /// How long updates were sent, in seconds.
    pub seconds: f64,
    /// What became of them.
    #[serde(flatten)]
    pub counts: Counts,
    /// Deliveries a second.
    pub deliveries_per_second: f64,
    /// From due to heard.
    pub latency: Percentiles,
    /// From due to sent: the generator's own delay.
    pub lag: Percentiles,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Messages in one read: what the server, and the kernel, wrote together.
    pub messages_per_read: f64,
    /// What the server cost, when its process is known.
    pub server: Option<Cost>,
    /// What the generator cost.
    pub generator: Cost,
    /// Whether the generator was so busy or late that the figures are its own as much as the server's.
    pub generator_bound: bool,
    /// Connections that were lost and other things that went wrong, and how often.
    pub faults: BTreeMap<String, u64>,
}

/// How everyone came in.
#[derive(Serialize, Clone, Debug)]
pub struct Arrival {
    /// What was special about it.
    pub name: String,
    /// People who wanted in.
    pub wanted: u32,
    /// Those who are.
    pub joined: usize,
    /// Until the last was in.
    pub seconds: f64,
    /// People a second.
    pub per_second: f64,
    /// From the first packet to the upgrade.
    pub upgrade: Percentiles,
    /// From the first packet to being in.
    pub join: Percentiles,
    /// What went wrong until now, and how often.
    pub faults: BTreeMap<String, u64>,
    /// The server's processor time for each, in microseconds.
    pub server_us_each: Option<f64>,
    /// The server's resident memory for each, in bytes, over that without connections.
    pub server_bytes_each: Option<f64>,
}

/// A ratio whose divisor may be nothing.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub fn per(value: f64, count: u64) -> f64 {
    value / count.max(1) as f64
}

impl Percentiles {
    /// Those of a histogram of microseconds.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        let max = histogram.max() as f64 / 1_000.0;
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99), p999: at(0.999), max }
    }
}

impl Display for Percentiles {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { p50, p95, p99, p999, max } = self;
        write!(f, "p50 {p50:.2}  p95 {p95:.2}  p99 {p99:.2}  p99.9 {p999:.2}  max {max:.2} ms")
    }
}

impl Display for Window {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Counts { sent, expected, delivered, superseded, missing, duplicated, reordered } = self.counts;
        writeln!(f, "{} (every {:.0} ms, {:.1} s)", self.name, self.interval_ms, self.seconds)?;
        writeln!(f, "  updates     {sent} sent, {expected} deliveries wanted")?;
        writeln!(
            f,
            "  deliveries  {delivered} delivered ({:.0}/s), {superseded} superseded, {missing} missing, \
             {duplicated} duplicated, {reordered} reordered",
            self.deliveries_per_second
        )?;
        writeln!(f, "  latency     {}", self.latency)?;
        let (sent, received) = (self.bytes_out / 1024, self.bytes_in / 1024);
        writeln!(
            f,
            "  wire        {received} KiB received, {sent} KiB sent, {:.2} messages in a read",
            self.messages_per_read
        )?;
        if let Some(server) = &self.server {
            writeln!(
                f,
                "  server      {:.3} cores, {:.2} us for each delivery, {:.1} MiB resident",
                server.cores,
                server.us_per_delivery,
                per(1.0, 1 << 20) * per(server.rss as f64, 1)
            )?;
        }
        let bound = if self.generator_bound { "  (THE GENERATOR IS THE BOTTLENECK)" } else { "" };
        write!(
            f,
            "  generator   {:.3} cores, late by p99 {:.2} ms{bound}",
            self.generator.cores, self.lag.p99
        )?;
        faults(f, &self.faults)
    }
}

impl Display for Arrival {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, wanted, joined, seconds, per_second, .. } = self;
        writeln!(f, "{name}: {joined} of {wanted} in within {seconds:.2} s ({per_second:.0}/s)")?;
        writeln!(f, "  upgrade     {}", self.upgrade)?;
        write!(f, "  joined      {}", self.join)?;
        if let (Some(us), Some(bytes)) = (self.server_us_each, self.server_bytes_each) {
            write!(f, "\n  server      {us:.0} us and {bytes:.0} resident bytes for each")?;
        }
        faults(f, &self.faults)
    }
}

fn faults(f: &mut Formatter<'_>, faults: &BTreeMap<String, u64>) -> fmt::Result {
    faults.iter().try_for_each(|(what, count)| write!(f, "\n  fault       {what}: {count}"))
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} sessions of {} people, {:?}",
            self.scenario, self.sessions, self.people, self.protocols
        )?;
        self.arrivals.iter().try_for_each(|arrival| writeln!(f, "{arrival}"))?;
        self.windows.iter().try_for_each(|window| writeln!(f, "{window}"))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))?;
        write!(f, "{}", if self.sound { "nothing was lost" } else { "SOMETHING WAS LOST: see above" })
    }
}
