//! What the log says of failures: once for each request, and the cause now and then.

use std::fmt::Debug;
use std::sync::Arc;

use parking_lot::Mutex;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor};
use tagalong::warnings::SAID_EVERY;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::harness::Server;

/// A line, as far as it matters here.
#[derive(Default, Debug)]
struct Line {
    level: Option<Level>,
    cause: String,
    left_out: Option<u64>,
}

impl Visit for Line {
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "cause" {
            value.clone_into(&mut self.cause);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "left_out" {
            self.left_out = Some(value);
        }
    }
}

/// Keeps every line that is about requests or the database.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<Line>>>);

impl<S: Subscriber> Layer<S> for Said {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        if level <= Level::INFO
            && (target.starts_with("tagalong::http") || target.starts_with("tagalong::store"))
        {
            let mut line = Line { level: Some(level), ..Line::default() };
            event.record(&mut line);
            self.0.lock().push(line);
        }
    }
}

impl Said {
    /// The one line that was said since this was last asked.
    fn only(&self) -> Line {
        let mut lines = std::mem::take(&mut *self.0.lock());
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }
}

async fn beside(server: &Server) -> SqliteConnection {
    let file = server.directory.path().join("tagalong.db");
    SqliteConnectOptions::new().filename(file).connect().await.unwrap()
}

/// A server's tasks all run on the thread of their test, and so does what listens to them.
#[tokio::test]
async fn a_request_that_the_database_fails_is_one_line_and_its_cause_is_not_repeated_with_each() {
    let said = Said::default();
    let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(said.clone()));
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
