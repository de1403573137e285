//! Runs background jobs: each has a name and a report, and is started again after a failure. The jobs of the server are
//! in `upkeep`.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tagalong_core::time::Timestamp;
use tagalong_platform::clock::Clock;
use tagalong_platform::overview::{Failure, Overview};
use tagalong_platform::traces::{Span, SpanKind, Traces};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use utoipa::ToSchema;

/// A run that takes longer than this is aborted, and the job starts again.
const RUN_DEADLINE: Duration = Duration::from_secs(60);
/// A job at this interval or shorter is not traced: its spans would outnumber all others.
const UNTRACED_INTERVAL: Duration = Duration::from_secs(1);
/// The first wait after a failure; doubled after each further failure, up to the job's interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The report of a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Report {
    pub name: &'static str,
    /// When its last run ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_run: Option<Timestamp>,
    /// When the next run begins; `null` for a continuous job.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_run: Option<Timestamp>,
    /// Successful runs.
    pub done: u64,
    /// Runs that returned an error.
    pub failed: u64,
    /// Runs that panicked.
    pub panicked: u64,
    /// Runs that were aborted because they took too long.
    pub hung: u64,
    /// Consecutive unsuccessful runs.
    pub wrong_in_a_row: u32,
}

/// The jobs of a server. Clones share them.
#[derive(Clone)]
pub struct Jobs {
    clock: Clock,
    overview: Arc<Overview>,
    traces: Traces,
    stopping: CancellationToken,
    tasks: TaskTracker,
    reports: Arc<Mutex<Vec<Report>>>,
}

/// The outcome of a run.
enum Outcome<E> {
    Done,
    Failed(E),
    Panicked,
    Hung,
}

impl<E> Outcome<E> {
    fn mark(&self, span: &Span) {
        match self {
            Self::Done => {}
            Self::Failed(_) => span.fail("failed"),
            Self::Panicked => span.fail("panicked"),
            Self::Hung => span.fail("hung"),
        }
    }
}

impl Jobs {
    /// Without jobs yet; jobs end when `stopping` is cancelled. Failures are also added to the overview.
    pub fn new(clock: Clock, overview: Arc<Overview>, stopping: CancellationToken) -> Self {
        let (traces, tasks, reports) = (Traces::default(), TaskTracker::new(), Arc::default());
        Self { clock, overview, traces, stopping, tasks, reports }
    }

    /// The same, with runs traced.
    #[must_use]
    pub fn traced(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    /// The report of each job, in the order of their start.
    pub fn reports(&self) -> Vec<Report> {
        self.reports.lock().clone()
    }

    /// Waits until every job has finished the run that was under way when the shutdown began.
    pub async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Runs a job every `interval` until the server stops.
    pub fn spawn<F, R, E>(&self, name: &'static str, interval: Duration, run: F)
    where
        F: Fn() -> R + Send + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let number = self.add(name);
        let jobs = self.clone();
        self.tasks.spawn(async move {
            let (mut wait, mut wrong) = (interval, 0);
            loop {
                jobs.announce(number, wait);
                tokio::select! {
                    () = jobs.stopping.cancelled() => return,
                    () = jobs.clock.sleep(wait) => {}
                }
                let span = jobs.trace(name, interval);
                let outcome = jobs.run_once(span.around(run())).await;
                outcome.mark(&span);
                drop(span);
                let before = std::mem::replace(&mut wrong, jobs.note(number, &outcome));
                jobs.tell(name, &outcome, before);
                wait = pause(wrong, interval);
            }
        });
    }

    /// Runs a continuous job until the server stops; it is started again after a panic.
    pub fn keep<R>(&self, name: &'static str, run: impl Fn() -> R + Send + 'static)
    where
        R: Future<Output = ()> + Send + 'static,
    {
        let number = self.add(name);
        let jobs = self.clone();
        let again_and_again = async move {
            loop {
                // A continuous job ends only by a panic.
                _ = AbortOnDropHandle::new(tokio::spawn(run())).await;
                let outcome = Outcome::<&str>::Panicked;
                let wrong = jobs.note(number, &outcome);
                jobs.tell(name, &outcome, wrong);
                jobs.clock.sleep(pause(wrong, RUN_DEADLINE)).await;
            }
        };
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = again_and_again => {}
            }
        });
    }

    /// Each run is a task of its own, so that a panic ends only that run.
    async fn run_once<E: Send + 'static>(
        &self,
        run: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> Outcome<E> {
        let mut running = tokio::spawn(run);
        tokio::select! {
            ended = &mut running => match ended {
                Ok(Ok(())) => Outcome::Done,
                Ok(Err(error)) => Outcome::Failed(error),
                Err(_) => Outcome::Panicked,
            },
            () = self.clock.sleep(RUN_DEADLINE) => {
                running.abort();
                Outcome::Hung
            }
        }
    }

    fn trace(&self, name: &'static str, interval: Duration) -> Span {
        if interval <= UNTRACED_INTERVAL {
            return Span::default();
        }
        self.traces.begin(SpanKind::Internal, || format!("job {name}"), None)
    }

    fn add(&self, name: &'static str) -> usize {
        let mut reports = self.reports.lock();
        let (done, failed, panicked, hung) = (0, 0, 0, 0);
        reports.push(Report {
            name,
            last_run: None,
            next_run: None,
            done,
            failed,
            panicked,
            hung,
            wrong_in_a_row: 0,
        });
        reports.len() - 1
    }

    fn announce(&self, number: usize, wait: Duration) {
        let next = self.clock.now().plus(wait);
        if let Some(report) = self.reports.lock().get_mut(number) {
            report.next_run = Some(next);
        }
    }

    /// Records an outcome. Returns the number of consecutive unsuccessful runs before it.
    fn note<E>(&self, number: usize, outcome: &Outcome<E>) -> u32 {
        let now = self.clock.now();
        let mut reports = self.reports.lock();
        let Some(report) = reports.get_mut(number) else { return 0 };
        report.last_run = Some(now);
        report.wrong_in_a_row = report.wrong_in_a_row.saturating_add(1);
        match outcome {
            Outcome::Done => {
                report.done += 1;
                report.wrong_in_a_row = 0;
            }
            Outcome::Failed(_) => report.failed += 1,
            Outcome::Panicked => report.panicked += 1,
            Outcome::Hung => report.hung += 1,
        }
        report.wrong_in_a_row
    }

    /// Logs the first failure and the first success after it: an outage is one line, and its end another.
    fn tell(&self, name: &'static str, outcome: &Outcome<impl Display>, wrong_before: u32) {
        match outcome {
            Outcome::Panicked => {
                tracing::error!(job = name, "job panicked, will run again");
                self.keep_in_mind(name, "panicked".into());
            }
            Outcome::Hung => {
                tracing::error!(job = name, "job timed out and was aborted, will run again");
                self.keep_in_mind(name, "hung".into());
            }
            Outcome::Failed(error) if wrong_before == 0 => {
                tracing::warn!(job = name, %error, "job failed, will run again");
                self.keep_in_mind(name, error.to_string());
            }
            Outcome::Failed(error) => tracing::debug!(job = name, %error, wrong_before, "job failed again"),
            Outcome::Done if wrong_before > 0 => tracing::info!(job = name, wrong_before, "job works again"),
            Outcome::Done => {}
        }
    }

    fn keep_in_mind(&self, name: &str, why: String) {
        self.overview.note(Failure { at: self.clock.now(), request_id: None, what: name.to_owned(), why });
    }
}

/// The wait before the next run, after `wrong` consecutive unsuccessful ones.
fn pause(wrong: u32, interval: Duration) -> Duration {
    match wrong.checked_sub(1) {
        None => interval,
        Some(again) => FIRST_RETRY.saturating_mul(2_u32.saturating_pow(again)).min(interval),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tagalong_platform::clock::ManualClock;
    use tagalong_platform::entropy::Entropy;
    use tokio::sync::mpsc;

    use super::*;

    /// Jobs with a manual clock, and the messages of their runs.
    struct Trial {
        jobs: Jobs,
        hand: ManualClock,
        stopping: CancellationToken,
        said: mpsc::UnboundedReceiver<&'static str>,
        say: mpsc::UnboundedSender<&'static str>,
    }

    impl Trial {
        fn new() -> Self {
            let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
            let stopping = CancellationToken::new();
            let (say, said) = mpsc::unbounded_channel();
            Self {
                jobs: Jobs::new(
                    clock,
                    Arc::new(Overview::new(&Entropy::system()).unwrap()),
                    stopping.clone(),
                ),
                hand,
                stopping,
                said,
                say,
            }
        }

        /// Lets time pass until a run sends a message.
        async fn hear(&mut self) -> &'static str {
            loop {
                tokio::select! {
                    said = self.said.recv() => return said.unwrap(),
                    () = tokio::task::yield_now() => self.hand.advance(Duration::from_secs(1)),
                }
            }
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_job_survives_panics_and_failures_without_effect_on_others() {
        let mut trial = Trial::new();
        let (say, runs) = (trial.say.clone(), AtomicUsize::new(0));
        trial.jobs.spawn("troubled", MINUTE, move || {
            let (say, run) = (say.clone(), runs.fetch_add(1, Ordering::Relaxed));
            async move {
                _ = say.send("troubled");
                match run {
                    0 => panic!("on purpose"),
                    1 => Err("on purpose"),
                    _ => Ok(()),
                }
            }
        });
        let say = trial.say.clone();
        trial.jobs.spawn("sound", MINUTE, move || {
            _ = say.send("sound");
            std::future::ready(Ok::<_, &str>(()))
        });
        let (mut troubled, mut sound) = (0, 0);
        while troubled < 4 || sound < 2 {
            match trial.hear().await {
                "troubled" => troubled += 1,
                _ => sound += 1,
            }
        }
        trial.stopping.cancel();
        trial.jobs.finished().await;
        let [troubled, sound] = &trial.jobs.reports()[..] else { panic!("two jobs") };
        assert_eq!((troubled.panicked, troubled.failed, troubled.wrong_in_a_row), (1, 1, 0));
        assert!(troubled.done >= 2 && sound.done >= 2);
        assert_eq!((sound.panicked, sound.failed, sound.hung), (0, 0, 0));
        let failures = trial.jobs.overview.failures();
        let said: Vec<_> = failures.iter().map(|one| (&*one.what, &*one.why)).collect();
        // The failure right after a panic belongs to the same disturbance.
        assert_eq!(said, [("troubled", "panicked")]);
    }

    #[tokio::test]
    async fn a_run_that_takes_too_long_is_aborted_and_started_again() {
        let mut trial = Trial::new();
        let (say, runs) = (trial.say.clone(), AtomicUsize::new(0));
        trial.jobs.spawn("hanging", MINUTE, move || {
            let (say, run) = (say.clone(), runs.fetch_add(1, Ordering::Relaxed));
            async move {
                _ = say.send("ran");
                if run == 0 {
                    std::future::pending::<()>().await;
                }
                Ok::<_, &str>(())
            }
        });
        for _ in 0..3 {
            assert_eq!(trial.hear().await, "ran");
        }
        trial.stopping.cancel();
        trial.jobs.finished().await;
        let report = &trial.jobs.reports()[0];
        assert_eq!((report.hung, report.wrong_in_a_row), (1, 0));
        assert!(report.done >= 2 && report.last_run.is_some());
    }

    #[tokio::test]
    async fn a_continuous_job_starts_again_and_a_shutdown_does_not_wait_for_that() {
        let mut trial = Trial::new();
        let say = trial.say.clone();
        trial.jobs.keep("falling", move || {
            _ = say.send("ran");
            async { panic!("on purpose") }
        });
        for _ in 0..2 {
            assert_eq!(trial.hear().await, "ran");
        }
        // No time passes from here on.
        trial.stopping.cancel();
        trial.jobs.finished().await;
        assert!(trial.jobs.reports()[0].panicked >= 1);
    }

    #[test]
    fn failed_runs_are_retried_with_growing_waits() {
        let interval = Duration::from_secs(300);
        let pauses: Vec<_> = (0..12).map(|wrong| pause(wrong, interval).as_secs()).collect();
        assert_eq!(pauses, [300, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(pause(u32::MAX, interval), interval);
        assert_eq!(pause(1, FIRST_RETRY / 4), FIRST_RETRY / 4);
    }
}
