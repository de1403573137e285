//! The background jobs of the server: what each does, and how often.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;

use crate::heap;
use crate::http::State;
use crate::tls::Tls;
use tagalong_platform::overview::SAMPLE_INTERVAL;
use tagalong_platform::warnings::{SAID_EVERY, TOLD_AFTER};
use tagalong_store::StoreError;

/// How often rooms are looked through: the end of a session is told within this.
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);
/// How often the database is asked for sessions that have expired: their names are deleted within this.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);
/// How often deletions are taken out of the database's files: what was deleted may be read there for so long.
const WIPE_INTERVAL: Duration = Duration::from_secs(10);
/// How often a large file is written anew if something was deleted.
const REWRITE_INTERVAL: Duration = Duration::from_secs(3600);
/// How often it is seen whether memory can be given back.
const HEAP_INTERVAL: Duration = Duration::from_secs(10);
/// How often addresses that have been quiet are forgotten.
const ADDRESS_SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// How often the files of the certificate are looked at.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(60);
/// Times that signs of life are written after an outage, before anyone is taken for silent.
const OUTAGE_GRACE: u32 = 3;
/// How often spans are sent.
const TRACES_INTERVAL: Duration = Duration::from_secs(1);
/// The longest that the trace collector may take for what waits.
const TRACES_DEADLINE: Duration = Duration::from_secs(10);

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
enum JobError {
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread that it was waiting for panicked.
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

/// What keeps the process itself in order.
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
                // A stop sends what is left itself, within its own time.
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

/// What is written, ended and deleted in the database.
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
        // Signs of life first, up to a time before which everything is written then: nobody may be taken for
        // silent because of a batch that waits.
        let now = state.api.clock.now();
        state.api.sessions.save_seen().await?;
        let config = &state.api.config;
        // After an outage every server has its own to write first: the next run will judge.
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
