//! What happens as time passes: supervised loops that outlive their own failures.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use crate::state::State;
use crate::store::StoreError;

/// How often rooms are looked through: the end of a session is told within this.
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);

/// Starts all jobs; they end when the server stops.
pub fn start(state: &State) {
    let config = &state.config;
    if state.bus.node().is_some() {
        keep_rooms_fresh(state);
    }
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
        state.sessions.clean_up(now, config.session_inactivity, config.participant_timeout).await?;
        state.sessions.purge(now.minus(config.retention)).await?;
        Ok(())
    });
}

/// Compares rooms with what other nodes wrote into the database, until the server stops.
fn keep_rooms_fresh(state: &State) {
    let (state, jobs) = (state.clone(), state.jobs.clone());
    jobs.spawn(async move {
        loop {
            let hub = Arc::clone(&state.hub);
            let mut run = AbortOnDropHandle::new(tokio::spawn(async move { hub.keep_fresh().await }));
            tokio::select! {
                () = state.stopping.cancelled() => return,
                _ = &mut run => tracing::error!(job = "compare rooms", "job panicked, will run again"),
            }
        }
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
        loop {
            tokio::select! {
                () = state.stopping.cancelled() => return,
                () = state.clock.sleep(interval) => {}
            }
            match tokio::spawn(run(state.clone())).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(job = name, %error, "job failed, will run again"),
                Err(_) => tracing::error!(job = name, "job panicked, will run again"),
            }
        }
    });
}
