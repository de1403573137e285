//! What became of each update while servers are broken on purpose.
//!
//! An update is owed to everybody who is connected to the session when it is sent. It is **delivered** when it
//! comes, **superseded** when a newer one of the same person comes instead, and **lost** when neither has
//! come by its deadline: 2 s where both are on one node, whatever becomes of Redis or the database;
//! 5 s between nodes, counted from when the way between the two was last mended. What is owed to somebody
//! whose own connection ends with its node is **void**: it is replaced by what they are told when they are back.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::ledger::histogram;
use crate::outage::Outages;

/// What became of what was owed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Fates {
    /// Came.
    pub delivered: u64,
    /// A newer one came instead.
    pub superseded: u64,
    /// Neither came in time.
    pub lost: u64,
}

impl Fates {
    /// All together.
    pub fn owed(&self) -> u64 {
        self.delivered + self.superseded + self.lost
    }
}

/// An update, on its way from a node.
#[derive(Clone, Copy)]
struct Sent {
    at: u64,
    node: usize,
}

/// See the module's documentation. People are numbered session by session, times are microseconds.
pub struct Account {
    people_per_session: u32,
    /// Of each update: the sender, and which of the sender's it is, from 1 on.
    numbers: Vec<(u32, u32)>,
    /// Of each sender: all updates.
    sent: Vec<Vec<Sent>>,
    /// Where each one is connected.
    nodes: Vec<Option<usize>>,
    /// Of each receiver, for each place in the session: the updates whose fate is known.
    settled: Vec<u32>,
    /// What was broken when.
    pub outages: Outages,
    /// Between people on one node.
    pub on_one_node: Fates,
    /// Between people on two.
    pub between_nodes: Fates,
    /// Owed to people who were cut off with their node.
    pub void: u64,
    /// From sent to come, on one node and between two.
    pub latency: [Histogram<u64>; 2],
}

impl Account {
    /// For `people` in sessions of `people_per_session`, none connected yet.
    pub fn new(people: u32, people_per_session: u32) -> Self {
        Self {
            people_per_session,
            numbers: Vec::new(),
            sent: vec![Vec::new(); people as usize],
            nodes: vec![None; people as usize],
            settled: vec![0; people as usize * people_per_session as usize],
            outages: Outages::default(),
            on_one_node: Fates::default(),
            between_nodes: Fates::default(),
            void: 0,
            latency: [histogram(), histogram()],
        }
    }

    fn cell(&self, receiver: u32, sender: u32) -> usize {
        receiver as usize * self.people_per_session as usize + (sender % self.people_per_session) as usize
    }

    fn others(&self, of: u32) -> impl Iterator<Item = u32> + use<> {
        let session = of - of % self.people_per_session;
        (session..session + self.people_per_session).filter(move |other| *other != of)
    }

    fn newest(&self, sender: u32) -> u32 {
        u32::try_from(self.sent[sender as usize].len()).unwrap_or(u32::MAX)
    }

    /// Somebody sends, and is connected.
    pub fn sent(&mut self, sender: u32, now: u64) {
        let node = self.nodes[sender as usize].unwrap_or_default();
        self.sent[sender as usize].push(Sent { at: now, node });
        self.numbers.push((sender, self.newest(sender)));
    }

    /// Somebody came in at a node. What was sent until now came with the snapshot.
    pub fn welcomed(&mut self, receiver: u32, node: usize) {
        self.nodes[receiver as usize] = Some(node);
        for sender in self.others(receiver) {
            let cell = self.cell(receiver, sender);
            self.settled[cell] = self.newest(sender);
        }
    }

    /// Somebody's connection has ended.
    pub fn cut_off(&mut self, receiver: u32) {
        self.nodes[receiver as usize] = None;
        for sender in self.others(receiver) {
            let (cell, newest) = (self.cell(receiver, sender), self.newest(sender));
            self.void += u64::from(newest - self.settled[cell]);
            self.settled[cell] = newest;
        }
    }

    /// An update came.
    pub fn heard(&mut self, receiver: u32, number: u32, now: u64) {
        let Some((sender, sequence)) = self.numbers.get(number as usize).copied() else { return };
        let cell = self.cell(receiver, sender);
        for which in self.settled[cell] + 1..=sequence {
            self.settle(receiver, sender, which, sequence, now);
        }
        self.settled[cell] = self.settled[cell].max(sequence);
    }

    fn settle(&mut self, receiver: u32, sender: u32, which: u32, came: u32, now: u64) {
        let Sent { at, node } = self.sent[sender as usize][which as usize - 1];
        let Some(here) = self.nodes[receiver as usize] else { return };
        let late = now > self.outages.deadline(node, here, at);
        let between = usize::from(node != here);
        let fates = if between == 0 { &mut self.on_one_node } else { &mut self.between_nodes };
        match (late, which == came) {
            (true, _) => fates.lost += 1,
            (false, false) => fates.superseded += 1,
            (false, true) => {
                fates.delivered += 1;
                self.latency[between].saturating_record(now.saturating_sub(at).max(1));
            }
        }
    }

    /// Whether nothing more is owed to anybody.
    pub fn is_settled(&self) -> bool {
        self.connected().all(|receiver| {
            self.others(receiver)
                .all(|sender| self.settled[self.cell(receiver, sender)] == self.newest(sender))
        })
    }

    fn connected(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.nodes).filter_map(|(who, node)| node.map(|_| who))
    }

    /// Nothing more is waited for: what has not come is lost.
    pub fn close(&mut self) {
        for receiver in self.connected().collect::<Vec<_>>() {
            for sender in self.others(receiver) {
                let cell = self.cell(receiver, sender);
                for which in self.settled[cell] + 1..=self.newest(sender) {
                    let node = self.sent[sender as usize][which as usize - 1].node;
                    let near = self.nodes[receiver as usize] == Some(node);
                    let fates = if near { &mut self.on_one_node } else { &mut self.between_nodes };
                    fates.lost += 1;
                }
                self.settled[cell] = self.newest(sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outage::Broken;

    const SECOND: u64 = 1_000_000;

    /// Of three in a session, two are on one node.
    fn three() -> Account {
        let mut account = Account::new(3, 3);
        for (who, node) in [(0, 0), (1, 0), (2, 1)] {
            account.welcomed(who, node);
        }
        account
    }

    fn fates(delivered: u64, superseded: u64, lost: u64) -> Fates {
        Fates { delivered, superseded, lost }
    }

    #[test]
    fn every_fate_of_an_update() {
        let mut account = three();
        account.sent(0, 0);
        account.heard(1, 0, SECOND);
        account.outages.begin(Broken::AllWays, SECOND);
        account.sent(0, 2 * SECOND);
        account.sent(0, 4 * SECOND);
        account.heard(1, 1, 2 * SECOND);
        // On one node Redis is no excuse.
        account.heard(1, 2, 7 * SECOND);
        account.outages.end(Broken::AllWays, 20 * SECOND);
        account.heard(2, 2, 24 * SECOND);
        account.heard(2, 2, 24 * SECOND);
        account.heard(2, 0, 24 * SECOND);
        assert_eq!(account.on_one_node, fates(2, 0, 1));
        assert_eq!(account.between_nodes, fates(1, 2, 0));
        account.sent(0, 30 * SECOND);
        assert!(!account.is_settled());
        account.heard(2, 3, 36 * SECOND);
        account.close();
        assert_eq!((account.on_one_node, account.between_nodes), (fates(2, 0, 2), fates(1, 2, 1)));
        assert!(account.is_settled());
    }

    #[test]
    fn who_is_cut_off_is_owed_what_comes_later() {
        let mut account = three();
        account.sent(0, 0);
        account.cut_off(2);
        account.sent(0, SECOND);
        account.heard(1, 1, SECOND);
        account.welcomed(2, 0);
        account.sent(0, 2 * SECOND);
        account.heard(1, 2, 2 * SECOND);
        account.heard(2, 2, 2 * SECOND);
        account.close();
        assert_eq!(
            (account.on_one_node, account.between_nodes, account.void),
            (fates(3, 1, 0), fates(0, 0, 0), 1)
        );
        assert_eq!(account.on_one_node.owed(), 4);
    }
}
