//! The same load on the floor and on the server, in turn, so that both see the same neighbours.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::{Stage, save};
use crate::Failure;
use crate::options::{Options, Target};
use crate::report::Window;

/// What is played: a name, sessions, people in each, and milliseconds between two updates of one person.
const LOADS: [(&str, u32, u32, u64); 2] = [("normal", 20, 50, 2_000), ("stress", 100, 50, 200)];

#[derive(Serialize)]
struct Row {
    load: &'static str,
    peer: &'static str,
    joined_per_second: f64,
    windows: Vec<Window>,
}

pub(super) fn play(options: &Options, floor: &Path, rounds: usize) -> Result<bool, Failure> {
    let server = options.target.server.as_deref().ok_or("say --server PATH")?;
    let peers: [(&str, &Path, &str); 3] = [
        ("floor-plain", floor, "--mode plain"),
        ("floor-batch", floor, "--mode batch"),
        ("tagalong", server, ""),
    ];
    let mut rows = Vec::new();
    for (load, sessions, people, every_ms) in LOADS {
        let mut of_load: Vec<Row> = peers
            .iter()
            .map(|(peer, ..)| Row { load, peer, joined_per_second: 0.0, windows: Vec::new() })
            .collect();
        for _ in 0..rounds.max(1) {
            for (row, (_, program, arguments)) in of_load.iter_mut().zip(&peers) {
                let target = Target {
                    server: Some((*program).to_owned()),
                    server_args: (*arguments).to_owned(),
                    url: None,
                    pid: None,
                    allow_remote: false,
                    no_pin: options.target.no_pin,
                };
                let interval = Duration::from_millis(every_ms);
                let (window, joined) = once(options, target, (load, sessions, people), interval)?;
                row.windows.push(window);
                row.joined_per_second = row.joined_per_second.max(joined);
            }
        }
        print(load, &of_load);
        rows.extend(of_load);
    }
    save(options, &rows)?;
    Ok(rows
        .iter()
        .all(|row| row.peer != "tagalong" || row.windows.iter().all(|window| window.counts.missing == 0)))
}

fn once(
    options: &Options,
    target: Target,
    (load, sessions, people): (&'static str, u32, u32),
    interval: Duration,
) -> Result<(Window, f64), Failure> {
    let options =
        Options { scenario: options.scenario.clone(), target, group: options.group.clone(), json: None };
    let mut stage = Stage::set(&options, load, sessions, people)?;
    stage.arrive("arrival")?;
    let window = stage.window(load, interval, options.group.window(8)).clone();
    let joined = stage.report().arrivals[0].per_second;
    Ok((window, joined))
}

fn median(windows: &[Window], figure: impl Fn(&Window) -> f64) -> f64 {
    let mut figures: Vec<f64> = windows.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn print(load: &str, rows: &[Row]) {
    println!(
        "\n{load}: medians of {}\n{:<12} {:>10} {:>8} {:>8} {:>8} {:>8} {:>11} {:>8} {:>8} {:>6} {:>6}",
        rows[0].windows.len(),
        "",
        "p50 ms",
        "p99 ms",
        "p99.9",
        "cores",
        "us each",
        "delivered/s",
        "missing",
        "RSS MiB",
        "x p50",
        "x CPU"
    );
    let figure = |row: &Row, figure: fn(&Window) -> f64| median(&row.windows, figure);
    let p50: fn(&Window) -> f64 = |window| window.latency.p50;
    let us: fn(&Window) -> f64 = |window| window.server.map_or(0.0, |cost| cost.us_per_delivery);
    // Ordinary rates are held against one write each, a flood against writes that carry many.
    let base = if load == "stress" { &rows[1] } else { &rows[0] };
    for row in rows {
        println!(
            "{:<12} {:>10.2} {:>8.2} {:>8.2} {:>8.3} {:>8.2} {:>11.0} {:>8.0} {:>8.1} {:>6.2} {:>6.2}{}",
            row.peer,
            figure(row, p50),
            figure(row, |window| window.latency.p99),
            figure(row, |window| window.latency.p999),
            figure(row, |window| window.server.map_or(0.0, |cost| cost.cores)),
            figure(row, us),
            figure(row, |window| window.deliveries_per_second),
            figure(row, |window| window.counts.missing as f64),
            figure(row, |window| window.server.map_or(0.0, |cost| cost.rss as f64) / 1_048_576.0),
            figure(row, p50) / figure(base, p50).max(0.001),
            figure(row, us) / figure(base, us).max(0.001),
            if row.windows.iter().any(|window| window.generator_bound) {
                "  (generator at its limit)"
            } else {
                ""
            },
        );
    }
}
