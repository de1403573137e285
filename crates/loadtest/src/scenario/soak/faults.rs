//! Which fault comes when, and the thread that brings it about while people move.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Failure;
use crate::clock::micros;
use crate::cluster::{Cluster, Fault, Way};

/// The beginning or the end of a fault.
pub(super) struct Step {
    /// When, in microseconds from the beginning of the run.
    pub(super) at: u64,
    pub(super) fault: Fault,
    /// It begins; otherwise it is mended.
    pub(super) harm: bool,
    length: Duration,
}

impl Step {
    pub(super) fn words(&self) -> String {
        let what = match self.fault {
            Fault::RedisKilled => "Redis is killed, and comes back empty".to_owned(),
            Fault::RedisFrozen => "Redis stands still".to_owned(),
            Fault::DatabaseKilled => "PostgreSQL is killed".to_owned(),
            Fault::NodeKilled(node) => format!("node {node} is killed"),
            Fault::NodeCut(node) => format!("node {node} is cut off from Redis"),
        };
        format!("{what}, for {:.1} s", self.length.as_secs_f64())
    }
}

pub(super) struct Schedule {
    pub(super) steps: Vec<Step>,
}

impl Schedule {
    /// Every kind in turn, each mended in half the time to the next one. Every other cut lasts for two such
    /// times, and others fall into it.
    pub(super) fn new(length: Duration, every: Duration, nodes: usize) -> Self {
        let mut steps = Vec::new();
        let number = length.as_secs() / every.as_secs().max(1);
        for round in 0..usize::try_from(number).unwrap_or(0) {
            let node = round / 5 % nodes;
            let (fault, lasts) = match round % 5 {
                0 => (Fault::RedisKilled, every / 2),
                1 => (Fault::RedisFrozen, every / 2),
                2 => (Fault::DatabaseKilled, every / 2),
                3 => (Fault::NodeKilled(node), every / 2),
                _ if round / 5 % 2 == 1 => (Fault::NodeCut(node), every * 2),
                _ => (Fault::NodeCut(node), every / 2),
            };
            // The first one comes when all have moved once.
            let begins = every / 4 + every * u32::try_from(round).unwrap_or(0);
            for (at, harm) in [(begins, true), (begins + lasts, false)] {
                steps.push(Step { at: micros(at), fault, harm, length: lasts });
            }
        }
        steps.sort_by_key(|step| step.at);
        Self { steps }
    }
}

type Done = Result<(Fault, bool), Failure>;

/// Owns the cluster. Servers end with the thread that started them, so one thread does everything.
pub(super) struct Stagehand {
    pub(super) addresses: Vec<SocketAddr>,
    orders: Option<Sender<(Fault, bool)>>,
    done: Receiver<Done>,
    open: usize,
    thread: Option<JoinHandle<()>>,
}

impl Stagehand {
    pub(super) fn start(program: &Path, nodes: usize) -> Result<Self, Failure> {
        let program = program.to_owned();
        let (orders, ordered) = channel();
        let (tell, done) = channel();
        let (ready, started) = channel();
        let thread = std::thread::spawn(move || {
            // The client disconnects when nothing comes, and then this ends too.
            let mut cluster = match Cluster::start(&program, nodes, Way::CanBeCut, false) {
                Ok(cluster) => cluster,
                Err(error) => return drop(ready.send(Err(error))),
            };
            let _ = ready.send(Ok(cluster.addresses()));
            for (fault, harm) in ordered {
                let did = if harm { cluster.harm(fault) } else { cluster.mend(fault) };
                if tell.send(did.map(|()| (fault, harm))).is_err() {
                    return;
                }
            }
        });
        let addresses = started.recv()??;
        Ok(Self { addresses, orders: Some(orders), done, open: 0, thread: Some(thread) })
    }

    pub(super) fn ask(&mut self, fault: Fault, harm: bool) -> Result<(), Failure> {
        self.open += 1;
        Ok(self.orders.as_ref().ok_or("over")?.send((fault, harm))?)
    }

    /// The next thing that was done.
    pub(super) fn done(&mut self) -> Result<Option<(Fault, bool)>, Failure> {
        match self.done.try_recv() {
            Ok(done) => {
                self.open -= 1;
                done.map(Some)
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err("nobody looks after the servers".into()),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.open == 0
    }
}

impl Drop for Stagehand {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // What went wrong in it has been told.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_minutes_have_every_fault_and_a_long_cut() {
        let schedule = Schedule::new(Duration::from_secs(120), Duration::from_secs(10), 3);
        let begun: Vec<&Step> = schedule.steps.iter().filter(|step| step.harm).collect();
        assert_eq!((begun.len(), schedule.steps.len()), (12, 24));
        assert!(begun.windows(2).all(|two| two[1].at - two[0].at == 10_000_000));
        let cuts: Vec<_> = begun.iter().filter(|step| matches!(step.fault, Fault::NodeCut(_))).collect();
        assert_eq!(cuts.iter().map(|cut| cut.length.as_secs()).collect::<Vec<_>>(), [5, 20]);
        for fault in [Fault::RedisKilled, Fault::RedisFrozen, Fault::DatabaseKilled, Fault::NodeKilled(1)] {
            assert!(begun.iter().any(|step| step.fault == fault));
        }
    }
}
