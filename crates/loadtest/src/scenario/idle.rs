//! Many joined connections that only send heartbeats: what each costs in memory and time.

use super::stage::{Stage, progress};
use crate::Failure;
use crate::clock::micros;
use crate::options::Options;
use crate::report::{Report, per};

pub(super) fn play(options: &Options) -> Result<Report, Failure> {
    let (sessions, people) = options.group.size(200, 50);
    let mut stage = Stage::set(options, "idle", sessions, people)?;
    stage.arrive("arrival")?;
    let before = stage.usage();
    let began = stage.crowd.watch.micros();
    let end = began + micros(options.group.window(10));
    while stage.crowd.watch.micros() < end {
        let slice = (stage.crowd.watch.micros() + 100_000).min(end);
        stage.crowd.play(None, slice);
        progress(|| format!("idle: {} in", stage.crowd.arrivals.joined));
    }
    if let Some((before, after)) = before.zip(stage.usage()) {
        let cpu = (after.cpu - before.cpu).as_secs_f64() * 1e6;
        let cores = per(cpu, stage.crowd.watch.micros() - began);
        let mib = per(after.rss as f64, 1 << 20);
        stage.note(format!("idle: the server uses {cores:.3} cores and {mib:.1} MiB"));
    }
    if stage.crowd.arrivals.joined != stage.crowd.people.len() {
        stage.unsound(format!("connections were lost: {:?}", stage.crowd.arrivals.faults));
    }
    Ok(stage.report())
}
