//! One creator's token floods the server with changes of one session; the latency of everybody else is measured.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{save, stage};
use crate::Failure;
use crate::clock::Stopwatch;
use crate::ledger::histogram;
use crate::options::Options;
use crate::report::Percentiles;
use crate::rest::Rest;

/// The calls of the others, and their latency.
#[derive(Serialize)]
struct Others {
    flood: usize,
    calls: Vec<Call>,
    /// Changes that the flood was granted, refused for its pace, and refused for another reason.
    granted: u64,
    paced: u64,
    failed: u64,
}

#[derive(Serialize)]
struct Call {
    name: &'static str,
    answered: u64,
    refused: u64,
    latency: Percentiles,
}

#[derive(Default)]
struct Flood {
    over: AtomicBool,
    granted: AtomicU64,
    paced: AtomicU64,
    failed: AtomicU64,
}

impl Flood {
    /// Renames a session as fast as one connection can.
    fn rename(&self, address: SocketAddr, session: &str, creator: &str) -> Result<(), Failure> {
        let mut rest = Rest::connect(address)?;
        let path = format!("/api/sessions/{session}");
        while !self.over.load(Ordering::Relaxed) {
            let count = match rest.send("PATCH", &path, Some(creator), r#"{"name":"x"}"#)? {
                200 => &self.granted,
                429 => &self.paced,
                _ => &self.failed,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Plays it without a flood and with one. The server's limits are on, but for those of an address: everybody has the
/// same here.
pub(super) fn play(options: &Options, connections: usize) -> Result<bool, Failure> {
    let mut target = options.target.clone();
    let unlimited = "--rate-limits on --sessions-per-hour 1000000 --joins-per-minute 1000000 \
                     --tcp-connections-per-address 1000000";
    target.server_args = format!("{unlimited} {}", target.server_args);
    let (_server, _, address) = stage::server(&target)?;
    let rounds = [measure(options, address, 0)?, measure(options, address, connections)?];
    stage::clear_progress();
    for round in &rounds {
        let Others { flood, calls, granted, paced, failed } = round;
        println!(
            "{flood} connections flood: {granted} changes granted, {paced} refused for their pace, {failed} failed"
        );
        for Call { name, answered, refused, latency } in calls {
            println!("  {name:<24} {answered} answers, {refused} refused; {latency}");
        }
    }
    save(options, &rounds)?;
    Ok(rounds.iter().flat_map(|round| &round.calls).all(|call| call.refused == 0))
}

fn measure(options: &Options, address: SocketAddr, connections: usize) -> Result<Others, Failure> {
    let mut rest = Rest::connect(address)?;
    rest.send("POST", "/api/sessions", None, "{}")?;
    let made = rest.json();
    let text = |key: &str| made[key].as_str().map(str::to_owned).ok_or("no session was made");
    let (session, creator) = (text("session_id")?, text("creator_token")?);
    let flood = Flood::default();
    let calls = std::thread::scope(|scope| {
        let rename = || flood.rename(address, &session, &creator);
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(rename)).collect();
        let calls = others(options, &mut rest);
        flood.over.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| "a connection's thread failed")??;
        }
        calls
    })?;
    let count = |count: AtomicU64| count.into_inner();
    let (granted, paced, failed) = (count(flood.granted), count(flood.paced), count(flood.failed));
    Ok(Others { flood: connections, calls, granted, paced, failed })
}

/// Makes a session, joins it and asks whether the server is ready, again and again.
fn others(options: &Options, rest: &mut Rest) -> Result<Vec<Call>, Failure> {
    let (length, watch) = (options.group.window(6), Stopwatch::start());
    let names = ["POST /api/sessions", "POST …/join", "GET /health/ready"];
    let mut times: [Histogram<u64>; 3] = std::array::from_fn(|_| histogram());
    let mut refused = [0; 3];
    while watch.elapsed() < length {
        let mut ask = |number: usize, method: &str, path: &str, body: &str, wanted: u16| {
            let began = watch.micros();
            let status = rest.send(method, path, None, body)?;
            times[number].saturating_record((watch.micros() - began).max(1));
            refused[number] += u64::from(status != wanted);
            Ok::<_, Failure>(rest.json())
        };
        let made = ask(0, "POST", "/api/sessions", "{}", 201)?;
        if let Some(session) = made["session_id"].as_str() {
            ask(1, "POST", &format!("/api/sessions/{session}/join"), r#"{"display_name":"Ada"}"#, 201)?;
        }
        ask(2, "GET", "/health/ready", "", 200)?;
    }
    let call = |(name, (times, refused)): (&'static str, (&Histogram<u64>, &u64))| Call {
        name,
        answered: times.len(),
        refused: *refused,
        latency: Percentiles::of(times),
    };
    Ok(names.into_iter().zip(times.iter().zip(&refused)).map(call).collect())
}
