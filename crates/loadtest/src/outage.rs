//! What was broken on purpose, from when to when, and how long that excuses an update.

use std::time::Duration;

use crate::clock::micros;

/// How long an update may take between two people on one node, whatever has happened to anything else.
const PATIENCE_ON_ONE_NODE: Duration = Duration::from_secs(2);
/// How long it may take from node to node, once the way between the two is whole.
const PATIENCE_BETWEEN_NODES: Duration = Duration::from_secs(5);

/// What an outage takes away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// A node, and everybody's connection to it.
    Node(usize),
    /// The way between one node and all others.
    WayOf(usize),
    /// The way between any two nodes.
    AllWays,
    /// Nothing that a position needs.
    Nothing,
}

/// Something is broken.
#[derive(Clone, Copy, Debug)]
struct Outage {
    what: Broken,
    from: u64,
    until: Option<u64>,
}

/// All outages of a run, in the order in which they began. Times are microseconds.
#[derive(Default, Debug)]
pub struct Outages(Vec<Outage>);

impl Outages {
    /// Something is about to be broken.
    pub fn begin(&mut self, what: Broken, now: u64) {
        self.0.push(Outage { what, from: now, until: None });
    }

    /// It has been mended.
    pub fn end(&mut self, what: Broken, now: u64) {
        let open = self.0.iter_mut().find(|outage| outage.what == what && outage.until.is_none());
        if let Some(outage) = open {
            outage.until = Some(now);
        }
    }

    /// Whether a node is broken, or was less than `recently` microseconds ago.
    pub fn is_down(&self, node: usize, recently: u64, now: u64) -> bool {
        let lately = |until: u64| until + recently > now;
        self.0.iter().any(|outage| outage.what == Broken::Node(node) && outage.until.is_none_or(lately))
    }

    /// Until when an update that was sent from one node must have come to somebody on another, or the same.
    pub fn deadline(&self, from: usize, to: usize, sent: u64) -> u64 {
        let patience = micros(if from == to { PATIENCE_ON_ONE_NODE } else { PATIENCE_BETWEEN_NODES });
        let concerns = |what| match what {
            Broken::Node(node) => node == from || node == to,
            Broken::WayOf(node) => from != to && (node == from || node == to),
            Broken::AllWays => from != to,
            Broken::Nothing => false,
        };
        let mut deadline = sent + patience;
        for outage in self.0.iter().filter(|outage| concerns(outage.what)) {
            match outage.until {
                _ if outage.from > deadline => break,
                None => return u64::MAX,
                Some(until) if until >= sent => deadline = deadline.max(until + patience),
                Some(_) => {}
            }
        }
        deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn only_what_is_in_the_way_excuses() {
        let mut outages = Outages::default();
        outages.begin(Broken::AllWays, 10 * SECOND);
        assert_eq!(outages.deadline(0, 1, 9 * SECOND), u64::MAX);
        assert_eq!(outages.deadline(1, 1, 9 * SECOND), 11 * SECOND);
        outages.end(Broken::AllWays, 15 * SECOND);
        assert_eq!(outages.deadline(0, 1, 4 * SECOND), 9 * SECOND);
        assert_eq!(outages.deadline(0, 1, 9 * SECOND), 20 * SECOND);
        assert_eq!(outages.deadline(0, 1, 16 * SECOND), 21 * SECOND);
        // The next one begins before the first is forgiven.
        outages.begin(Broken::WayOf(2), 19 * SECOND);
        outages.end(Broken::WayOf(2), 30 * SECOND);
        assert_eq!(outages.deadline(0, 1, 9 * SECOND), 20 * SECOND);
        assert_eq!(outages.deadline(2, 1, 9 * SECOND), 35 * SECOND);
        outages.begin(Broken::Node(1), 40 * SECOND);
        assert_eq!(outages.deadline(1, 1, 39 * SECOND), u64::MAX);
        assert_eq!(outages.deadline(0, 0, 39 * SECOND), 41 * SECOND);
        assert!(outages.is_down(1, 0, 41 * SECOND) && !outages.is_down(0, 0, 41 * SECOND));
        outages.end(Broken::Node(1), 45 * SECOND);
        assert!(outages.is_down(1, SECOND, 45 * SECOND) && !outages.is_down(1, SECOND, 47 * SECOND));
    }
}
