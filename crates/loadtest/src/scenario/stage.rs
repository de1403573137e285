//! What every scenario stands on: a server, its people, and windows in which they are measured.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::Failure;
use crate::clock::micros;
use crate::crowd::{Crowd, Ticket, Traffic};
use crate::options::{Options, Target, address};
use crate::process::{self, Server, Usage, own_usage, usage};
use crate::report::{Arrival, Cost, Percentiles, Report, Window, per};
use crate::rest::Rest;
use crate::schedule::Round;
use crate::track::{Gait, Track};

/// People on the way in at a time, unless everyone comes at once.
const IN_FLIGHT: usize = 256;
/// Connections that are begun before it is looked whether something has come.
const CONNECTS_PER_TURN: usize = 128;
/// How long everyone may take to come in.
const ARRIVAL_DEADLINE: Duration = Duration::from_secs(120);
/// How long everyone moves before a window: from standing still to any rate, the server's first answers are bursts.
const RUN_UP: Duration = Duration::from_secs(2);
/// How long the last updates of a window may take.
const DRAIN: Duration = Duration::from_secs(3);
/// How often it is looked whether something is done.
const GLANCE: Duration = Duration::from_millis(5);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// Beyond these, a window says as much about the generator as about the server.
const BUSY_CORES: f64 = 0.9;
const LATE_P99_MS: f64 = 10.0;

pub struct Stage {
    server: Option<Server>,
    /// Of the server, or of all servers; nobody's where it is not known.
    pids: Vec<u32>,
    /// Where the server listens.
    pub address: SocketAddr,
    /// Everyone.
    pub crowd: Crowd,
    report: Report,
    empty: Option<Usage>,
}

/// Starts, or finds, the server of a run.
pub(super) fn server(target: &Target) -> Result<(Option<Server>, Option<u32>, SocketAddr), Failure> {
    let pinned = !target.no_pin && process::cpus() > 1;
    match (&target.server, &target.url) {
        (Some(program), _) => {
            let arguments: Vec<String> = target.server_args.split_whitespace().map(str::to_owned).collect();
            let server = Server::start(program, &arguments, pinned)?;
            let (pid, address) = (server.pid(), server.address);
            Ok((Some(server), Some(pid), address))
        }
        (None, Some(url)) => {
            if pinned {
                process::pin(1);
            }
            Ok((None, target.pid, address(url, target.allow_remote)?))
        }
        (None, None) => Err("say --server PATH or --url URL".into()),
    }
}

impl Stage {
    /// A server with `sessions` of `people`, who have joined over REST and are not connected yet.
    ///
    /// # Errors
    /// When the server does not start, or lets somebody not join.
    pub fn set(
        options: &Options,
        scenario: &'static str,
        sessions: u32,
        people: u32,
    ) -> Result<Self, Failure> {
        let (server, pid, address) = server(&options.target)?;
        let mut rest = Rest::connect(address)?;
        let mut random = fastrand::Rng::new();
        let mut everyone = Vec::new();
        let protocols = &options.group.protocol;
        for number in 0..sessions {
            let session = rest.create()?;
            let (lat, lng) = (random.f64() * 120.0 - 60.0, random.f64() * 360.0 - 180.0);
            for place in 0..people as usize {
                let (user, token) = rest.join(&session, &format!("Person {place}"))?;
                let protocol = protocols[everyone.len() % protocols.len()];
                let ticket = Ticket { session: session.clone(), user, token, protocol };
                everyone.push((ticket, Track::around(lat, lng, Gait::of(place), &mut random)));
            }
            progress(|| format!("session {} of {sessions}", number + 1));
        }
        let crowd = Crowd::new(vec![address], everyone, people)?;
        let stage = Self::around(options, scenario, crowd, pid.into_iter().collect());
        Ok(Self { server, address, ..stage })
    }

    /// A crowd on servers that run already, with these process ids.
    pub(super) fn around(options: &Options, scenario: &'static str, crowd: Crowd, pids: Vec<u32>) -> Self {
        let people = crowd.people_per_session;
        let report = Report {
            scenario,
            protocols: options.group.protocol.clone(),
            sessions: crowd.len() / people,
            people,
            arrivals: Vec::new(),
            windows: Vec::new(),
            notes: Vec::new(),
            sound: true,
        };
        let (address, empty) = (crowd.targets[0], all(&pids));
        Self { server: None, pids, address, crowd, report, empty }
    }

    /// Lets everyone who is away connect, some at a time.
    ///
    /// # Errors
    /// When not all of them come in.
    pub fn arrive(&mut self, name: &str) -> Result<(), Failure> {
        self.come_in(name, IN_FLIGHT);
        let (joined, people) = (self.crowd.arrivals.joined, self.crowd.people.len());
        if joined == people {
            return Ok(());
        }
        let faults = self.report.arrivals.last().map(|arrival| &arrival.faults);
        Err(format!("only {joined} of {people} people came in: {faults:?}").into())
    }

    /// Lets everyone who is away connect, `in_flight` at a time, and reports how it went.
    pub fn come_in(&mut self, name: &str, in_flight: usize) {
        let began = self.crowd.watch.micros();
        let before = self.usage();
        self.crowd.arrivals.upgrade.reset();
        self.crowd.arrivals.join.reset();
        let mut waiting: Vec<u32> =
            (0..self.crowd.len()).rev().filter(|who| self.crowd.is_away(*who)).collect();
        let wanted = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        let already = self.crowd.arrivals.joined;
        let welcomed = self.crowd.arrivals.welcomed;
        let mut seconds = 0.0;
        let deadline = began + micros(ARRIVAL_DEADLINE);
        let mut on_the_way: Vec<u32> = Vec::new();
        while self.crowd.watch.micros() < deadline {
            on_the_way.retain(|who| !self.crowd.is_joined(*who) && !self.crowd.is_away(*who));
            let next = waiting.len().min(in_flight.saturating_sub(on_the_way.len())).min(CONNECTS_PER_TURN);
            for who in waiting.drain(waiting.len() - next..).rev() {
                self.crowd.connect(who);
                on_the_way.push(who);
            }
            if self.crowd.arrivals.welcomed > welcomed {
                seconds = per((self.crowd.watch.micros() - began) as f64, 1_000_000);
            }
            if on_the_way.is_empty() && waiting.is_empty() {
                break;
            }
            // Who is to connect does not wait for who is connected, nor the other way round.
            let until = self.crowd.watch.micros() + if waiting.is_empty() { 1_000 } else { 100 };
            self.crowd.play(None, until);
            progress(|| format!("{name}: {} in", self.crowd.arrivals.joined));
        }
        let after = self.usage();
        let joined = self.crowd.arrivals.joined;
        let came = joined.saturating_sub(already) as u64;
        let cpu = before.zip(after).map(|(before, after)| (after.cpu - before.cpu).as_secs_f64() * 1e6);
        let rss = self.empty.zip(after).map(|(empty, after)| after.rss as f64 - empty.rss as f64);
        self.report.sound &= came == u64::from(wanted);
        self.report.arrivals.push(Arrival {
            name: name.to_owned(),
            wanted,
            joined: joined.saturating_sub(already),
            seconds,
            per_second: if seconds > 0.0 { came as f64 / seconds } else { 0.0 },
            upgrade: Percentiles::of(&self.crowd.arrivals.upgrade),
            join: Percentiles::of(&self.crowd.arrivals.join),
            faults: std::mem::take(&mut self.crowd.arrivals.faults),
            server_us_each: cpu.map(|cpu| per(cpu, came)),
            server_bytes_each: rss.map(|rss| per(rss, joined as u64)),
        });
    }

    /// Measures: everyone who reads sends once every `interval`, for as long as `length`.
    pub fn window(&mut self, name: &str, interval: Duration, length: Duration) -> &Window {
        self.window_with(name, interval, length, |_| {})
    }

    /// As [`Self::window`], with something else to do a hundred times a second.
    pub fn window_with(
        &mut self,
        name: &str,
        interval: Duration,
        length: Duration,
        mut besides: impl FnMut(&mut Crowd),
    ) -> &Window {
        let crowd = &mut self.crowd;
        let began = crowd.watch.micros();
        let mut round = Round::new(0..crowd.len(), micros(interval), began, &mut crowd.random);
        crowd.play(Some(&mut round), began + micros(RUN_UP));
        crowd.ledger.begin();
        crowd.lag.reset();
        let traffic = std::mem::take(&mut crowd.traffic);
        let costs = (all(&self.pids), own_usage());
        let began = crowd.watch.micros();
        let end = began + micros(length);
        while crowd.watch.micros() < end {
            let slice = crowd.watch.micros() + 2 * micros(GLANCE);
            crowd.play(Some(&mut round), slice.min(end));
            besides(crowd);
            progress(|| {
                let seconds = (crowd.watch.micros() - began) / 1_000_000;
                format!("{name}: {seconds} s, {} messages heard", crowd.traffic.messages)
            });
        }
        let drained = end + micros(DRAIN);
        while !crowd.ledger.settled() && crowd.watch.micros() < drained {
            let slice = crowd.watch.micros() + micros(GLANCE);
            crowd.play(None, slice);
        }
        let spent = crowd.watch.micros() - began;
        let window = self.close(name, (interval, length), spent, costs);
        self.crowd.traffic = sum(traffic, self.crowd.traffic);
        self.report.sound &= window.counts.missing + window.counts.duplicated + window.counts.reordered == 0;
        self.report.windows.push(window);
        &self.report.windows[self.report.windows.len() - 1]
    }

    fn close(
        &mut self,
        name: &str,
        (interval, length): (Duration, Duration),
        spent: u64,
        costs: (Option<Usage>, Option<Usage>),
    ) -> Window {
        let readers: Vec<bool> = (0..self.crowd.len()).map(|who| self.crowd.reads(who)).collect();
        let (counts, latency) = self.crowd.ledger.finish(|who| readers[who as usize]);
        let cost = |before: Option<Usage>, after: Option<Usage>| {
            let (before, after) = before.zip(after)?;
            let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64() * 1e6;
            let us_per_delivery = per(cpu, counts.delivered);
            Some(Cost { cores: per(cpu, spent), us_per_delivery, rss: after.rss })
        };
        let generator = cost(costs.1, own_usage()).unwrap_or_default();
        let lag = Percentiles::of(&self.crowd.lag);
        let Traffic { bytes_in, bytes_out, reads, messages } = self.crowd.traffic;
        Window {
            name: name.to_owned(),
            interval_ms: interval.as_secs_f64() * 1e3,
            seconds: length.as_secs_f64(),
            counts,
            deliveries_per_second: counts.delivered as f64 / length.as_secs_f64().max(0.001),
            latency: Percentiles::of(&latency),
            lag,
            bytes_in,
            bytes_out,
            messages_per_read: per(messages as f64, reads),
            server: cost(costs.0, self.usage()),
            generator,
            generator_bound: generator.cores > BUSY_CORES || lag.p99 > LATE_P99_MS,
            faults: std::mem::take(&mut self.crowd.arrivals.faults),
        }
    }

    /// What the server, or all servers, have used until now, if their processes are known.
    pub fn usage(&self) -> Option<Usage> {
        all(&self.pids)
    }

    /// Restarts the server, if it is ours: whether it is.
    ///
    /// # Errors
    /// When it does not start again.
    pub fn restart(&mut self) -> Result<bool, Failure> {
        let Some(server) = &mut self.server else { return Ok(false) };
        server.restart()?;
        self.pids = vec![server.pid()];
        self.empty = self.usage();
        Ok(true)
    }

    /// Says something in the report.
    pub fn note(&mut self, note: String) {
        self.report.notes.push(note);
    }

    /// Something is not as it should be.
    pub fn unsound(&mut self, why: String) {
        self.report.sound = false;
        self.note(why);
    }

    /// What was found. The server ends, if it is ours.
    pub fn report(self) -> Report {
        clear_progress();
        self.report
    }
}

/// What processes have used together; `None` without any.
fn all(pids: &[u32]) -> Option<Usage> {
    let sum = |a: Usage, b: Usage| Usage { cpu: a.cpu + b.cpu, rss: a.rss + b.rss };
    pids.iter().map(|pid| usage(*pid)).collect::<Option<Vec<_>>>()?.into_iter().reduce(sum)
}

fn sum(a: Traffic, b: Traffic) -> Traffic {
    Traffic {
        bytes_in: a.bytes_in + b.bytes_in,
        bytes_out: a.bytes_out + b.bytes_out,
        reads: a.reads + b.reads,
        messages: a.messages + b.messages,
    }
}

/// Shows a line on the terminal, if there is one, every now and then.
pub(super) fn progress(line: impl FnOnce() -> String) {
    use std::cell::Cell;
    thread_local! {
        static SHOWN: Cell<Option<crate::clock::Stopwatch>> = const { Cell::new(None) };
    }
    let fresh = SHOWN.get().is_some_and(|shown| shown.elapsed() < PROGRESS_INTERVAL);
    if !fresh && std::io::stderr().is_terminal() {
        SHOWN.set(Some(crate::clock::Stopwatch::start()));
        eprint!("\r\x1b[K{}", line());
        let _ = std::io::stderr().flush();
    }
}

/// Takes the line away.
pub(super) fn clear_progress() {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}
