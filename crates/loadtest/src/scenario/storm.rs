//! Everyone comes at once: first, after all connections were cut, and after a restart.

use super::stage::Stage;
use crate::Failure;
use crate::options::Options;
use crate::report::Report;

pub(super) fn play(options: &Options) -> Result<Report, Failure> {
    let (sessions, people) = options.group.size(100, 50);
    let mut stage = Stage::set(options, "storm", sessions, people)?;
    stage.come_in("everyone at once", usize::MAX);
    cut_everyone(&mut stage);
    stage.come_in("again after a cut", usize::MAX);
    cut_everyone(&mut stage);
    if stage.restart()? {
        stage.come_in("again after a restart", usize::MAX);
    }
    stage.window("afterwards", options.group.interval(2_000), options.group.window(5));
    Ok(stage.report())
}

fn cut_everyone(stage: &mut Stage) {
    for who in 0..stage.crowd.len() {
        stage.crowd.cut(who);
    }
}
