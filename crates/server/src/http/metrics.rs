//! `/metrics`: counters and present values as OpenMetrics text.

use std::sync::Arc;

use axum::Router;
use axum::extract::State as With;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tagalong_core::problem::Problem;
use tagalong_platform::metrics::labels::{Build, Job, Pooled, Ran};
use tagalong_platform::metrics::{Process, level, set, set_seconds};

use super::admin::Admin;
use super::api_error::ApiError;
use super::state::Operator;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// On the main port, with the admin token.
pub(super) async fn show(_: Admin, operator: With<Arc<Operator>>) -> Response {
    show_anybody(operator).await
}

/// On a port of its own, for every client that can reach it.
pub(super) fn router(operator: &Arc<Operator>) -> Router {
    Router::new().route("/metrics", get(show_anybody)).with_state(Arc::clone(operator))
}

async fn show_anybody(With(operator): With<Arc<Operator>>) -> Response {
    gather(&operator).await;
    match operator.metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => ApiError::from(Problem::Internal).into_response(),
    }
}

/// Reads the present values.
pub(super) async fn gather(operator: &Operator) {
    let metrics = &operator.metrics;
    metrics.build_info.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
    rooms(operator);
    let pool = operator.store.pool();
    for (name, connections) in [("used", pool.used), ("idle", pool.idle)] {
        metrics.store_pool_connections.get_or_create(&Pooled { state: name }).set(level(connections));
    }
    metrics.store_pool_connections_max.set(level(pool.max));
    metrics.bus_connected.set(i64::from(!operator.bus.is_away()));
    jobs(operator);
    runtime(operator);
    // Reading `/proc` takes a while where many files are open.
    process(operator, tokio::task::spawn_blocking(Process::read).await.unwrap_or_default());
}

fn rooms(operator: &Operator) {
    let metrics = &operator.metrics;
    let (rooms, stats) = operator.hub.stats();
    metrics.rooms.set(level(rooms));
    metrics.participants.set(level(stats.participants));
    metrics.watchers.set(level(stats.watchers));
    metrics.control_queue_depth.set(level(stats.queued));
    metrics.control_queue_depth_max.set(level(stats.queued_max));
    set(&metrics.positions_superseded, operator.hub.superseded());
}

fn jobs(operator: &Operator) {
    let metrics = &operator.metrics;
    for report in operator.jobs.reports() {
        let job = report.name;
        let outcomes = [
            ("done", report.done),
            ("failed", report.failed),
            ("panicked", report.panicked),
            ("hung", report.hung),
        ];
        for (outcome, runs) in outcomes {
            set(&metrics.job_runs.get_or_create(&Ran { job, outcome }), runs);
        }
        if let Some(last) = report.last_run {
            metrics.job_last_run.get_or_create(&Job { job }).set(last.as_millis() / 1000);
        }
    }
}

fn runtime(operator: &Operator) {
    let metrics = &operator.metrics;
    let runtime = tokio::runtime::Handle::current().metrics();
    metrics.tokio_workers.set(level(runtime.num_workers()));
    metrics.tokio_alive_tasks.set(level(runtime.num_alive_tasks()));
    metrics.tokio_global_queue_depth.set(level(runtime.global_queue_depth()));
    let busy = (0..runtime.num_workers()).map(|worker| runtime.worker_total_busy_duration(worker));
    set_seconds(&metrics.tokio_busy, busy.sum::<std::time::Duration>().as_secs_f64());
}

fn process(operator: &Operator, process: Process) {
    let metrics = &operator.metrics;
    metrics.process_resident_memory.set(level(process.resident_bytes));
    metrics.process_open_fds.set(level(process.open_files));
    metrics.process_max_fds.set(level(process.open_files_max));
    metrics.process_threads.set(level(process.threads));
    set_seconds(&metrics.process_cpu, process.cpu_seconds);
}
