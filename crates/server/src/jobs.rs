//! What happens as time passes: supervised loops that outlive their own failures.

use std::future::Future;
use std::time::Duration;

use crate::state::State;
use crate::store::StoreError;

/// How often rooms are looked through: the end of a session is told within this.
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);

/// Times that signs of life are written after an outage, before anyone is taken for silent.
const OUTAGE_GRACE: u32 = 3;

/// Starts all jobs; they end when the server stops.
pub fn start(state: &State) {
    let config = &state.config;
    spawn(state, "sweep rooms", SWEEP_INTERVAL, |state| async move {
        state.hub.sweep();
        Ok(())
    });
    spawn(state, "save last seen", config.last_seen_interval, |state| async move {
        state.sessions.save_seen().await
    });
    spawn(state, "clean up", config.cleanup_interval, |state| async move {
        // Signs of life first, up to a time before which everything is written then: nobody may be taken for
        // silent because of a batch that waits.
        let now = state.clock.now();
        state.sessions.save_seen().await?;
        let config = &state.config;
        // After an outage every server has its own to write first: the next run will judge.
        if state.sessions.database_failed_within(OUTAGE_GRACE * config.last_seen_interval).await {
            return Ok(());
        }
        state.sessions.clean_up(now, config.session_inactivity, config.participant_timeout).await?;
        state.sessions.purge(now.minus(config.retention)).await?;
        Ok(())
    });
}

/// Runs a job every `interval`, each run in a task of its own, so that a panic ends that run alone.
fn spawn<F, R>(state: &State, name: &'static str, interval: Duration, run: F)
where
    F: Fn(State) -> R + Send + 'static,
    R: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let (state, jobs) = (state.clone(), state.jobs.clone());
    jobs.spawn(async move {
        let mut failing = false;
        loop {
            tokio::select! {
                () = state.stopping.cancelled() => return,
                () = state.clock.sleep(interval) => {}
            }
            match tokio::spawn(run(state.clone())).await {
                Ok(Ok(())) if failing => {
                    tracing::info!(job = name, "job works again");
                    failing = false;
                }
                Ok(Ok(())) => {}
                // Once for an outage, not once for each run in it.
                Ok(Err(error)) => {
                    if !failing {
                        tracing::warn!(job = name, %error, "job failed, will run again");
                    }
                    failing = true;
                }
                Err(_) => tracing::error!(job = name, "job panicked, will run again"),
            }
        }
    });
}
