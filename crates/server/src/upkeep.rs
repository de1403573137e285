//! The background jobs of the server and their intervals.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tagalong_platform::overview::SAMPLE_INTERVAL;
use tagalong_platform::warnings::{SAID_EVERY, TOLD_AFTER};
use tagalong_store::StoreError;
use tokio::task::JoinError;

use crate::heap;
use crate::http::State;
use crate::tls::Tls;

/// The interval of room sweeps: clients learn of a session's end within this time.
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);
/// The interval at which expired sessions are ended: their names are deleted within this time.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);
/// The interval at which deleted data are removed from the database's files.
const WIPE_INTERVAL: Duration = Duration::from_secs(10);
/// The interval at which a large file is rewritten, if data were deleted.
const REWRITE_INTERVAL: Duration = Duration::from_secs(3600);
/// The interval at which the heap is checked for trimming.
const HEAP_INTERVAL: Duration = Duration::from_secs(10);
/// The interval at which quiet addresses are dropped.
const ADDRESS_SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// The interval at which the files of the certificate are checked.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(60);
/// Writes of last activity after an outage before participants may be removed as inactive.
const OUTAGE_GRACE: u32 = 3;
/// The interval at which spans are sent.
const TRACES_INTERVAL: Duration = Duration::from_secs(1);
/// The longest that sending the waiting spans may take.
const TRACES_DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a thread of the job panicked: {0}")]
    Thread(#[from] JoinError),
}

/// Starts all jobs of a server.
pub(crate) fn start(state: &State) {
    spawn(state, "sweep rooms", SWEEP_INTERVAL, |state| async move {
        state.api.hub.sweep();
        Ok(())
    });
    if state.operator.bus.node().is_some() {
        let hub = Arc::clone(&state.api.hub);
        state.lifecycle.jobs.keep("compare rooms with the database", move || {
            let hub = Arc::clone(&hub);
            async move { hub.keep_fresh().await }
        });
    }
    spawn(state, "keep the last hour", SAMPLE_INTERVAL, |state| async move {
        state.api.overview.keep(state.operator.sample().await);
        Ok(())
    });
    start_upkeep(state);
    start_cleanup(state);
}

/// Jobs for the process itself.
fn start_upkeep(state: &State) {
    spawn(state, "tell what the log left out", SAID_EVERY, |state| async move {
        state.api.warnings.tell_left_out(TOLD_AFTER);
        Ok(())
    });
    spawn(state, "forget quiet addresses", ADDRESS_SWEEP_INTERVAL, |state| async move {
        state.api.rates.sweep();
        state.api.link_cache.sweep(state.api.clock.instant());
        Ok(())
    });
    spawn(state, "give memory back", HEAP_INTERVAL, |state| async move {
        if state.api.rates.connections_fell_by(heap::TRIM_AFTER_CLOSED) {
            let given = tokio::task::spawn_blocking(heap::trim).await;
            given?;
        }
        Ok(())
    });
    if state.lifecycle.tls.is_some() {
        spawn(state, "read the certificate again", CERTIFICATE_INTERVAL, |state| async move {
            match state.lifecycle.tls.as_ref().map(Tls::refresh).transpose() {
                Ok(Some(true)) => tracing::info!("the certificate has changed, the new one is in use"),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the old certificate stays in use"),
            }
            Ok(())
        });
    }
    if state.api.traces.are_on() {
        let own = state.clone();
        state.lifecycle.jobs.spawn("send traces", TRACES_INTERVAL, move || {
            let state = own.clone();
            async move {
                // A shutdown sends the rest itself, within its own deadline.
                let given_up = async {
                    tokio::select! {
                        () = state.api.clock.sleep(TRACES_DEADLINE) => {}
                        () = state.lifecycle.stopping.cancelled() => {}
                    }
                };
                state.api.traces.send(given_up).await
            }
        });
    }
}

/// Jobs for the database.
fn start_cleanup(state: &State) {
    spawn(state, "end expired sessions", EXPIRY_INTERVAL, |state| async move {
        Ok(state.api.sessions.expire().await?)
    });
    spawn(state, "wipe what was deleted", WIPE_INTERVAL, |state| async move {
        Ok(state.operator.store.wipe().await?)
    });
    spawn(state, "write the file anew", REWRITE_INTERVAL, |state| async move {
        Ok(state.operator.store.rewrite().await?)
    });
    spawn(state, "save last seen", state.api.config.last_seen_interval, |state| async move {
        Ok(state.api.sessions.save_seen().await?)
    });
    spawn(state, "clean up", state.api.config.cleanup_interval, |state| async move {
        // Last activity first, so that all of it before `now` is written: no participant may count as inactive because
        // of a waiting batch.
        let now = state.api.clock.now();
        state.api.sessions.save_seen().await?;
        let config = &state.api.config;
        // After an outage every node writes its own first; the next run removes inactive participants.
        if state.api.sessions.database_failed_within(OUTAGE_GRACE * config.last_seen_interval).await {
            return Ok(());
        }
        state.api.sessions.clean_up(now, config.session_inactivity, config.participant_timeout).await?;
        state.api.sessions.purge(now.minus(config.retention)).await?;
        Ok(())
    });
}

fn spawn<R>(state: &State, name: &'static str, interval: Duration, run: impl Fn(State) -> R + Send + 'static)
where
    R: Future<Output = Result<(), JobError>> + Send + 'static,
{
    let own = state.clone();
    state.lifecycle.jobs.spawn(name, interval, move || run(own.clone()));
}
