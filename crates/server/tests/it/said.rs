//! What the log says of failures: once for each request, and the cause now and then.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor};
use tagalong_platform::warnings::{SAID_EVERY, TOLD_AFTER};
use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use crate::harness::Server;
use crate::log::{self, Listening};

/// A line, as far as it matters here.
#[derive(Default, Debug)]
struct Line {
    level: Option<Level>,
    cause: String,
    left_out: Option<u64>,
    kind: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "cause" {
            self.cause = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "cause" => value.clone_into(&mut self.cause),
            "kind" => value.clone_into(&mut self.kind),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "left_out" {
            self.left_out = Some(value);
        }
    }
}

/// Keeps every line that is about requests, connections or the database.
#[derive(Clone, Default)]
struct CapturedLines(Arc<Mutex<Vec<Line>>>, Arc<Notify>);

const ABOUT: [&str; 4] =
    ["tagalong::http", "tagalong_realtime", "tagalong_store", "tagalong_platform::warnings"];

impl CapturedLines {
    /// Listens on this thread.
    fn listen(&self) -> Listening {
        let own = self.clone();
        log::listen(move |event| own.hear(event))
    }

    fn hear(&self, event: &Event<'_>) {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        if level <= Level::INFO && ABOUT.iter().any(|about| target.starts_with(about)) {
            let mut line = Line { level: Some(level), ..Line::default() };
            event.record(&mut line);
            self.0.lock().push(line);
            self.1.notify_one();
        }
    }
}

impl CapturedLines {
    /// The one line that was said since this was last asked.
    fn only(&self) -> Line {
        let mut lines = std::mem::take(&mut *self.0.lock());
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    /// The next line that gives a cause or says what was left out.
    async fn next_warning(&self) -> Line {
        let next = async {
            loop {
                let said = {
                    let mut lines = self.0.lock();
                    let at = lines.iter().position(|line| line.level <= Some(Level::WARN));
                    at.map(|at| lines.drain(..=at).next_back())
                };
                match said.flatten() {
                    Some(line) => return line,
                    None => self.1.notified().await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), next).await.unwrap()
    }

    /// Whether no line since this was last asked gives a cause or says what was left out.
    fn no_warning(&self) -> bool {
        std::mem::take(&mut *self.0.lock()).iter().all(|line| line.level > Some(Level::WARN))
    }
}

async fn beside(server: &Server) -> SqliteConnection {
    let file = server.directory.path().join("tagalong.db");
    SqliteConnectOptions::new().filename(file).connect().await.unwrap()
}

/// A server's tasks all run on the thread of their test, and so does what listens to them.
#[tokio::test]
async fn a_request_that_the_database_fails_is_one_line_and_its_cause_is_not_repeated_with_each() {
    let said = CapturedLines::default();
    let _listening = said.listen();
    let server = Server::start().await;
    let session = server.session().await;
    assert_eq!(said.only().level, Some(Level::INFO));
    let ask = async || {
        let path = format!("/api/sessions/{}", session.id);
        let status = server.request("GET", &path, None, "").await.status;
        (status, said.only())
    };
    beside(&server).await.execute("ALTER TABLE sessions RENAME TO elsewhere").await.unwrap();
    let (status, line) = ask().await;
    assert_eq!((status, line.level, line.left_out), (503, Some(Level::ERROR), Some(0)));
    assert!(line.cause.contains("no such table"), "{line:?}");
    assert!(!line.cause.contains(&session.id), "{line:?}");
    for _ in 0..2 {
        let (status, line) = ask().await;
        assert_eq!((status, line.level, &*line.cause), (503, Some(Level::INFO), ""));
    }
    server.clock.advance(SAID_EVERY);
    let (_, line) = ask().await;
    assert_eq!((line.level, line.left_out), (Some(Level::ERROR), Some(2)));
    beside(&server).await.execute("ALTER TABLE elsewhere RENAME TO sessions").await.unwrap();
    let (status, line) = ask().await;
    assert_eq!((status, line.level), (200, Some(Level::INFO)));
}

/// Through either protocol, and by a tracker app: a roster that cannot be read.
#[tokio::test]
async fn a_join_that_the_database_fails_says_why_in_the_log_and_a_burst_is_told_of_when_it_is_over() {
    let said = CapturedLines::default();
    let _listening = said.listen();
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    beside(&server).await.execute("ALTER TABLE participants RENAME TO elsewhere").await.unwrap();
    let mut phoenix = server.phoenix(&token).await;
    let join = format!(r#"["1","1","location:{}","phx_join",{{}}]"#, session.id);
    phoenix.send(&join).await;
    assert_eq!(phoenix.heard().await[4]["response"]["reason"], "unavailable");
    let line = said.next_warning().await;
    assert_eq!((line.level, line.left_out), (Some(Level::ERROR), Some(0)));
    assert!(line.cause.contains("no such table"), "{line:?}");
    assert!(!line.cause.contains(&session.id) && !line.cause.contains(&token), "{line:?}");

    let mut plain = server.open(&format!("/ws?token={token}"), &[]).await.unwrap();
    assert_eq!(plain.heard().await["data"]["code"], "UNAVAILABLE");
    assert_eq!(plain.closed().await, 1013);
    assert!(said.no_warning(), "it is the same again");

    server.clock.advance(TOLD_AFTER + SAID_EVERY);
    let line = said.next_warning().await;
    assert_eq!((line.level, line.left_out, &*line.kind), (Some(Level::WARN), Some(1), "database_away"));

    for _ in 0..2 {
        phoenix.send(&join).await;
        assert_eq!(phoenix.heard().await[4]["response"]["reason"], "unavailable");
    }
    assert_eq!(said.next_warning().await.left_out, Some(0));
    let stopped = tokio::spawn(server.running.stop());
    assert_eq!(phoenix.closed().await, 1012);
    drop(phoenix);
    assert!(stopped.await.unwrap());
    let line = said.next_warning().await;
    assert_eq!((line.left_out, &*line.kind), (Some(1), "database_away"), "told at the stop at the latest");
}
