//! How many sessions can be made, and how many people can join, in a second.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{save, stage};
use crate::Failure;
use crate::clock::{Stopwatch, micros};
use crate::ledger::histogram;
use crate::options::Options;
use crate::process::usage;
use crate::report::{Percentiles, per};
use crate::rest::Rest;

/// People who join one session before the next one is taken.
const PEOPLE_PER_SESSION: u64 = 50;

#[derive(Serialize)]
struct Rates {
    call: &'static str,
    connections: usize,
    answered: u64,
    per_second: f64,
    latency: Percentiles,
    server_us_each: Option<f64>,
    refused: u64,
}

pub(super) fn play(options: &Options, connections: usize) -> Result<bool, Failure> {
    let (_server, pid, address) = stage::server(&options.target)?;
    let length = options.group.window(6);
    let sessions = sessions_for(address, options.group.sessions.unwrap_or(2_000))?;
    let next = AtomicU64::new(0);
    let create = |rest: &mut Rest| Ok(rest.send("POST", "/api/sessions", None, "{}")? == 201);
    let join = |rest: &mut Rest| {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let place = usize::try_from(number / PEOPLE_PER_SESSION).unwrap_or(usize::MAX);
        let session = sessions.get(place).ok_or("more joins than the sessions hold: say --sessions")?;
        let body = format!(r#"{{"display_name":"Person {number}"}}"#);
        Ok(rest.send("POST", &format!("/api/sessions/{session}/join"), None, &body)? == 201)
    };
    let rates = [
        measure("POST /api/sessions", address, pid, connections, length, &create)?,
        measure("POST /api/sessions/{id}/join", address, pid, connections, length, &join)?,
    ];
    stage::clear_progress();
    for Rates { call, answered, per_second, latency, server_us_each, refused, .. } in &rates {
        let cost =
            server_us_each.map_or_else(String::new, |us| format!(", {us:.0} us of the server's time each"));
        println!(
            "{call}: {per_second:.0}/s ({answered} answers, {refused} refused) over {connections} connections{cost}"
        );
        println!("  answered    {latency}");
    }
    save(options, &rates)?;
    Ok(rates.iter().all(|rates| rates.refused == 0))
}

fn sessions_for(address: SocketAddr, count: u32) -> Result<Vec<String>, Failure> {
    let mut rest = Rest::connect(address)?;
    (0..count).map(|_| rest.create()).collect()
}

fn measure(
    call: &'static str,
    address: SocketAddr,
    pid: Option<u32>,
    connections: usize,
    length: Duration,
    ask: &(impl Fn(&mut Rest) -> Result<bool, Failure> + Sync),
) -> Result<Rates, Failure> {
    let before = pid.and_then(usage);
    let watch = Stopwatch::start();
    let one = || -> Result<(Histogram<u64>, u64), Failure> {
        let mut rest = Rest::connect(address)?;
        let (mut times, mut refused) = (histogram(), 0);
        while watch.elapsed() < length {
            let began = watch.micros();
            refused += u64::from(!ask(&mut rest)?);
            times.saturating_record((watch.micros() - began).max(1));
        }
        Ok((times, refused))
    };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let spent = watch.micros().max(micros(length));
    let (mut times, mut refused) = (histogram(), 0);
    for outcome in outcomes {
        let (of_one, refused_of_one) = outcome.map_err(|_| "a connection's thread failed")??;
        times.add(of_one)?;
        refused += refused_of_one;
    }
    let cpu =
        before.zip(pid.and_then(usage)).map(|(before, after)| (after.cpu - before.cpu).as_secs_f64() * 1e6);
    Ok(Rates {
        call,
        connections,
        answered: times.len(),
        per_second: per(times.len() as f64 * 1e6, spent),
        latency: Percentiles::of(&times),
        server_us_each: cpu.map(|cpu| per(cpu, times.len())),
        refused,
    })
}
