//! The highest rate that is held: the interval is shortened until something is missing, superseded or late, then
//! narrowed down.

use std::time::Duration;

use super::stage::Stage;
use crate::Failure;
use crate::ledger::Counts;
use crate::options::Options;
use crate::report::{Report, Window};

/// Steps of narrowing down after the first failure: to within a sixteenth of a doubling.
const BISECTIONS: usize = 4;

/// Of so many deliveries one may be superseded. A person who moves every 24 ms is overtaken by themselves when the
/// machine pauses as long, and every machine does.
const ONE_SUPERSEDED_IN: u64 = 1_000;

pub(super) fn play(options: &Options, p99_ms: u64) -> Result<Report, Failure> {
    let (sessions, people) = options.group.size(20, 50);
    let mut interval = options.group.interval(1_000);
    let length = options.group.window(5);
    let mut stage = Stage::set(options, "flood", sessions, people)?;
    stage.arrive("arrival")?;
    let (mut held, mut failed): (Option<(Duration, Window)>, Option<Duration>) = (None, None);
    let mut bisections = 0;
    while bisections < BISECTIONS {
        let window = stage.window("step", interval, length).clone();
        let Counts { missing, superseded, expected, .. } = window.counts;
        let holds = missing == 0
            && superseded * ONE_SUPERSEDED_IN <= expected
            && window.latency.p99 < Duration::from_millis(p99_ms).as_secs_f64() * 1e3;
        if holds {
            held = Some((interval, window));
        } else {
            failed = Some(interval);
        }
        interval = match (&held, failed) {
            (Some((held, _)), Some(failed)) => {
                bisections += 1;
                // The geometric middle: rates are compared by ratio.
                Duration::from_secs_f64((held.as_secs_f64() * failed.as_secs_f64()).sqrt())
            }
            (Some((held, _)), None) => *held / 2,
            (None, Some(failed)) => failed * 2,
            (None, None) => break,
        };
        if interval < Duration::from_micros(500) || interval > Duration::from_secs(60) {
            break;
        }
        // What is still under way must not burden the next step.
        let pause = stage.crowd.watch.micros() + 500_000;
        stage.crowd.play(None, pause);
    }
    match held {
        Some((interval, window)) => stage.note(format!(
            "held: {:.0} deliveries/s, everyone every {:.1} ms, p99 {:.1} ms{}",
            window.deliveries_per_second,
            interval.as_secs_f64() * 1e3,
            window.latency.p99,
            if window.generator_bound { " (the generator was at its limit)" } else { "" },
        )),
        None => stage.unsound("no rate was held".to_owned()),
    }
    // Steps that fail are what a flood looks for.
    let mut report = stage.report();
    report.sound = report.notes.iter().any(|note| note.starts_with("held"));
    Ok(report)
}
