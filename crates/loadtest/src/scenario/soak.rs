//! Three nodes, and every few seconds something that they need is taken away and given back. What must hold:
//! [`crate::account`] says what may be late and what is lost; besides, nothing comes twice or after something
//! newer, nobody loses a connection but with their own node, and nobody is told that somebody left.

mod faults;
mod verdict;

use std::collections::BTreeMap;
use std::time::Duration;

use faults::{Schedule, Stagehand};
use verdict::Verdict;

use super::{save, spread, stage};
use crate::Failure;
use crate::account::Account;
use crate::clock::micros;
use crate::cluster::Fault;
use crate::crowd::Crowd;
use crate::options::Options;
use crate::outage::Broken;
use crate::rest::Rest;
use crate::schedule::Round;

const NODES: usize = 3;
const GLANCE: u64 = 10_000;
/// People on the way in at a time, at first.
const IN_FLIGHT: usize = 100;
const ARRIVAL_DEADLINE: u64 = 60_000_000;
/// How long somebody who was cut off waits, as clients do, in microseconds.
const COME_BACK: std::ops::Range<u64> = 200_000..1_500_000;
/// A connection that ends so long after its node did still ended with it.
const RECENTLY: u64 = 1_000_000;
/// After the last fault: the patience of the account, and some more.
const SETTLE: Duration = Duration::from_secs(6);

pub(super) fn play(options: &Options, fault_every: u64) -> Result<bool, Failure> {
    let program = options.target.server.as_deref().ok_or("say --server PATH")?;
    let stagehand = Stagehand::start(program, NODES)?;
    let mut soak = Soak::set(options, stagehand)?;
    soak.arrive()?;
    let length = options.group.window(120);
    let schedule = Schedule::new(length, Duration::from_secs(fault_every), NODES);
    soak.run(options.group.interval(2_000), length, &schedule)?;
    let verdict = soak.verdict()?;
    stage::clear_progress();
    println!("{verdict}");
    save(options, &verdict)?;
    Ok(verdict.holds())
}

struct Soak {
    crowd: Crowd,
    stagehand: Stagehand,
    people_per_session: u32,
    length: Duration,
    log: Vec<String>,
    /// Where each one belongs while all nodes are there.
    home: Vec<usize>,
    /// Who comes back when.
    away: BTreeMap<u32, u64>,
    cut_with_node: u64,
    cut_without: u64,
}

impl Soak {
    fn set(options: &Options, stagehand: Stagehand) -> Result<Self, Failure> {
        let (sessions, people) = options.group.size(20, 50);
        // The last session lives on one node, the others on all.
        let whole = u32::from(sessions > 1) * people;
        let home = |who: u32| if who < whole { 0 } else { who as usize % NODES };
        let crowd = spread::crowd(options, &stagehand.addresses, home)?;
        Ok(Self {
            crowd,
            stagehand,
            people_per_session: people,
            length: Duration::ZERO,
            log: Vec::new(),
            home: (0..sessions * people).map(home).collect(),
            away: BTreeMap::new(),
            cut_with_node: 0,
            cut_without: 0,
        })
    }

    fn arrive(&mut self) -> Result<(), Failure> {
        let deadline = self.crowd.watch.micros() + ARRIVAL_DEADLINE;
        let mut next = 0;
        while self.crowd.arrivals.joined < self.crowd.people.len() {
            while next < self.crowd.len() && (next as usize) < self.crowd.arrivals.joined + IN_FLIGHT {
                self.crowd.connect(next);
                next += 1;
            }
            let now = self.crowd.watch.micros();
            if now > deadline {
                let (joined, people) = (self.crowd.arrivals.joined, self.crowd.people.len());
                return Err(
                    format!("only {joined} of {people} came in: {:?}", self.crowd.arrivals.faults).into()
                );
            }
            self.crowd.play(None, now + GLANCE);
        }
        Ok(())
    }

    fn run(&mut self, interval: Duration, length: Duration, schedule: &Schedule) -> Result<(), Failure> {
        self.length = length;
        self.crowd.ledger.begin();
        let began = self.crowd.watch.micros();
        let mut round = Round::new(0..self.crowd.len(), micros(interval), began, &mut self.crowd.random);
        let (end, mut steps) = (began + micros(length), schedule.steps.iter().peekable());
        loop {
            let now = self.crowd.watch.micros();
            while let Some(step) = steps.next_if(|step| began + step.at <= now) {
                if step.harm {
                    self.outages().begin(broken(step.fault), now);
                    self.log.push(format!("{:6.1} s  {}", seconds(now - began), step.words()));
                }
                self.stagehand.ask(step.fault, step.harm)?;
            }
            while let Some((fault, harm)) = self.stagehand.done()? {
                if !harm {
                    self.outages().end(broken(fault), now);
                    self.go_home(fault, now);
                }
            }
            self.follow(now);
            let quiet = steps.peek().is_none() && self.stagehand.is_idle() && self.away.is_empty();
            if now > end && quiet {
                break;
            }
            self.crowd.play(Some(&mut round), now + GLANCE);
            stage::progress(|| {
                let (joined, of) = (self.crowd.arrivals.joined, self.crowd.people.len());
                format!("{:.0} s, {joined} of {of} connected", seconds(now - began))
            });
        }
        let settled = self.crowd.watch.micros() + micros(SETTLE);
        while self.crowd.watch.micros() < settled
            && !self.crowd.account.as_ref().is_some_and(Account::is_settled)
        {
            let until = self.crowd.watch.micros() + GLANCE;
            self.crowd.play(None, until);
        }
        Ok(())
    }

    fn outages(&mut self) -> &mut crate::outage::Outages {
        let people = self.crowd.len();
        let account = self.crowd.account.get_or_insert_with(|| Account::new(people, self.people_per_session));
        &mut account.outages
    }

    /// A client that has lost its connection goes to another node after a while.
    fn follow(&mut self, now: u64) {
        for who in 0..self.crowd.len() {
            if !self.crowd.is_away(who) {
                continue;
            }
            let node = self.crowd.people[who as usize].node;
            match self.away.get(&who) {
                None => {
                    let down = self.outages().is_down(node, RECENTLY, now);
                    *(if down { &mut self.cut_with_node } else { &mut self.cut_without }) += 1;
                    let wait = self.crowd.random.u64(COME_BACK);
                    self.away.insert(who, now + wait);
                }
                Some(at) if *at <= now => {
                    let up: Vec<usize> =
                        (0..NODES).filter(|node| !self.outages().is_down(*node, 0, now)).collect();
                    if let Some(node) = self.crowd.random.choice(up) {
                        self.away.remove(&who);
                        self.crowd.people[who as usize].node = node;
                        self.crowd.connect(who);
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// A node is back: those who belong to it leave their tunnels and come in there.
    fn go_home(&mut self, fault: Fault, now: u64) {
        let Fault::NodeKilled(node) = fault else { return };
        for who in 0..self.crowd.len() {
            if self.home[who as usize] == node && self.crowd.people[who as usize].node != node {
                self.crowd.cut(who);
                self.crowd.people[who as usize].node = node;
                let wait = self.crowd.random.u64(COME_BACK);
                self.away.insert(who, now + wait);
            }
        }
    }

    fn verdict(mut self) -> Result<Verdict, Failure> {
        let unhealthy = self.unhealthy()?;
        let connected = self.crowd.arrivals.joined;
        let people = self.crowd.people.len();
        let (counts, _) = self.crowd.ledger.finish(|_| true);
        let mut account = self.crowd.account.take().ok_or("no account")?;
        account.close();
        Ok(Verdict {
            sessions: self.crowd.len() / self.people_per_session,
            people_per_session: self.people_per_session,
            seconds: self.length.as_secs(),
            faults: self.log,
            sent: counts.sent,
            on_one_node: account.on_one_node,
            between_nodes: account.between_nodes,
            void: account.void,
            duplicated: counts.duplicated,
            stale: counts.reordered,
            latency: account.latency.each_ref().map(crate::report::Percentiles::of),
            lag: crate::report::Percentiles::of(&self.crowd.lag),
            people,
            connected,
            cut_with_node: self.cut_with_node,
            cut_without: self.cut_without,
            told: self.crowd.arrivals.told,
            refused: self.crowd.arrivals.faults.get("refused").copied().unwrap_or(0),
            unhealthy,
        })
    }

    /// What is not as it was before, on any node, now that everything is mended.
    fn unhealthy(&self) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        for (node, address) in self.stagehand.addresses.iter().enumerate() {
            let mut rest = Rest::connect(*address)?;
            rest.send("GET", "/health/detailed", None, "")?;
            if rest.json()["status"] != "healthy" {
                found.push(format!("node {node} says {}", rest.json()));
            }
            for person in self.crowd.people.iter().step_by(self.people_per_session as usize) {
                rest.send("GET", &format!("/api/sessions/{}", person.ticket.session), None, "")?;
                if rest.json()["participant_count"] != self.people_per_session {
                    found.push(format!(
                        "node {node} counts {} in a session",
                        rest.json()["participant_count"]
                    ));
                }
            }
        }
        Ok(found)
    }
}

/// What a fault takes away from positions. The database is needed by none.
fn broken(fault: Fault) -> Broken {
    match fault {
        Fault::RedisKilled | Fault::RedisFrozen => Broken::AllWays,
        Fault::DatabaseKilled => Broken::Nothing,
        Fault::NodeKilled(node) => Broken::Node(node),
        Fault::NodeCut(node) => Broken::WayOf(node),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
