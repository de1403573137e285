//! How each scenario plays.

mod churn;
mod demo;
mod flood;
mod idle;
mod nodes;
mod peers;
mod rest;
mod slow;
mod soak;
mod spread;
mod stage;
mod storm;
mod writes;

use std::io::Write;

pub use stage::Stage;

use crate::Failure;
use crate::options::{Options, Scenario};
use crate::process::raise_file_limit;
use crate::report::Report;

/// Plays what is asked for and prints the report: whether nothing was lost.
///
/// # Errors
/// When it cannot be played: one line that says why.
pub fn run(options: &Options) -> Result<bool, Failure> {
    raise_file_limit();
    let report = match &options.scenario {
        Scenario::Normal => normal(options)?,
        Scenario::Flood { p99_ms } => flood::play(options, *p99_ms)?,
        Scenario::Idle => idle::play(options)?,
        Scenario::Storm => storm::play(options)?,
        Scenario::Slow { percent } => slow::play(options, *percent)?,
        Scenario::Churn { per_second } => churn::play(options, *per_second)?,
        Scenario::Rest { connections } => return rest::play(options, *connections),
        Scenario::Writes { connections } => return writes::play(options, *connections),
        Scenario::Demo { session, lat, lng } => return demo::play(options, session.as_deref(), (*lat, *lng)),
        Scenario::Nodes { most } => return nodes::play(options, (*most).into()),
        Scenario::Soak { fault_every } => return soak::play(options, *fault_every),
        Scenario::Peers { floor, rounds } => return peers::play(options, floor, *rounds),
    };
    println!("{report}");
    save(options, &report)?;
    Ok(report.sound)
}

fn save(options: &Options, report: &impl serde::Serialize) -> Result<(), Failure> {
    if let Some(path) = &options.json {
        let mut file = std::fs::File::create(path)?;
        serde_json::to_writer_pretty(&mut file, report)?;
        writeln!(file)?;
    }
    Ok(())
}

fn normal(options: &Options) -> Result<Report, Failure> {
    let (sessions, people) = options.group.size(20, 50);
    let mut stage = Stage::set(options, "normal", sessions, people)?;
    stage.arrive("arrival")?;
    stage.window("normal", options.group.interval(2_000), options.group.window(10));
    Ok(stage.report())
}
