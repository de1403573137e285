//! The account at the end.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::account::Fates;
use crate::report::Percentiles;

#[derive(Serialize)]
pub(super) struct Verdict {
    pub(super) sessions: u32,
    pub(super) people_per_session: u32,
    pub(super) seconds: u64,
    pub(super) faults: Vec<String>,
    pub(super) sent: u64,
    pub(super) on_one_node: Fates,
    pub(super) between_nodes: Fates,
    pub(super) void: u64,
    pub(super) duplicated: u64,
    pub(super) stale: u64,
    /// Of what was delivered, on one node and between two.
    pub(super) latency: [Percentiles; 2],
    pub(super) lag: Percentiles,
    pub(super) people: usize,
    pub(super) connected: usize,
    pub(super) cut_with_node: u64,
    pub(super) cut_without: u64,
    pub(super) told: u64,
    pub(super) refused: u64,
    pub(super) unhealthy: Vec<String>,
}

impl Verdict {
    pub(super) fn holds(&self) -> bool {
        let wrong = self.on_one_node.lost
            + self.between_nodes.lost
            + self.duplicated
            + self.stale
            + self.cut_without
            + self.told
            + self.refused;
        wrong == 0 && self.connected == self.people && self.unhealthy.is_empty() && self.sent > 0
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { sessions, people_per_session, seconds, people, connected, .. } = self;
        writeln!(f, "soak: {sessions} sessions of {people_per_session} people on three nodes, {seconds} s")?;
        self.faults.iter().try_for_each(|fault| writeln!(f, "{fault}"))?;
        writeln!(f, "updates        {} sent", self.sent)?;
        for (name, fates, latency) in [
            ("on one node   ", self.on_one_node, self.latency[0]),
            ("between nodes ", self.between_nodes, self.latency[1]),
        ] {
            let Fates { delivered, superseded, lost } = fates;
            writeln!(
                f,
                "{name} {} owed: {delivered} delivered, {superseded} superseded by newer ones, {lost} lost",
                fates.owed()
            )?;
            writeln!(f, "               {latency}")?;
        }
        writeln!(f, "void           {} owed to people whose connection ended with their node", self.void)?;
        writeln!(f, "twice          {} duplicated, {} after a newer one", self.duplicated, self.stale)?;
        writeln!(
            f,
            "connections    {connected} of {people} at the end; {} ended with their node, {} otherwise, {} refused",
            self.cut_with_node, self.cut_without, self.refused
        )?;
        writeln!(f, "membership     {} times somebody was told that somebody came or left", self.told)?;
        writeln!(f, "generator      late by p99 {:.2} ms, max {:.2} ms", self.lag.p99, self.lag.max)?;
        self.unhealthy.iter().try_for_each(|what| writeln!(f, "afterwards     {what}"))?;
        write!(f, "{}", if self.holds() { "everything held" } else { "SOMETHING DID NOT HOLD: see above" })
    }
}
