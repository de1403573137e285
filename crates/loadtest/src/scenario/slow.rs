//! Some people stop reading: what the others notice, and what the server keeps for them.

use super::stage::Stage;
use crate::Failure;
use crate::options::Options;
use crate::report::{Report, per};

pub(super) fn play(options: &Options, percent: u8) -> Result<Report, Failure> {
    let (sessions, people) = options.group.size(20, 50);
    let (interval, length) = (options.group.interval(500), options.group.window(12));
    let mut stage = Stage::set(options, "slow", sessions, people)?;
    // Spread over all sessions, since the people of one stand side by side.
    let count = stage.crowd.len();
    let slow: Vec<u32> = (0..count).filter(|who| (who * 37) % 100 < u32::from(percent)).collect();
    for who in &slow {
        stage.crowd.people[*who as usize].slow = true;
    }
    stage.arrive("arrival")?;
    let before = stage.window("everyone reads", interval, length).clone();
    for who in &slow {
        stage.crowd.set_reading(*who, false);
    }
    let stopped = stage.window("some have stopped", interval, length).clone();
    let closed = slow.iter().filter(|who| stage.crowd.is_away(**who)).count();
    for who in &slow {
        stage.crowd.set_reading(*who, true);
    }
    let hear = stage.crowd.watch.micros() + 1_000_000;
    stage.crowd.play(None, hear);
    stage.come_in("those that were closed come back", usize::MAX);
    stage.window("everyone reads again", interval, length);
    let (p99, stopped_p99) = (before.latency.p99, stopped.latency.p99);
    let share = per(100.0 * slow.len() as f64, count.into());
    let memory = |rss: Option<u64>| per(rss.unwrap_or(0) as f64, 1 << 20);
    let rss = [before.server.map(|cost| cost.rss), stopped.server.map(|cost| cost.rss)];
    stage.note(format!(
        "{} of {count} people ({share:.0} %) stopped reading: the others' p99 {p99:.2} ms before, {stopped_p99:.2} ms then \
         (x {:.2}); the server's memory {:.1} MiB before, {:.1} MiB then; {closed} of them were closed",
        slow.len(),
        stopped_p99 / p99.max(0.001),
        memory(rss[0]),
        memory(rss[1]),
    ));
    Ok(stage.report())
}
