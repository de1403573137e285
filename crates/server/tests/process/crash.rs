//! A kill at any moment loses no participant whose join was answered.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use crate::serving::Serving;

const ROUNDS: usize = 10;
const WRITERS: usize = 4;

/// Somebody who was let in, as the answer said.
struct LetIn {
    session: String,
    creator: String,
    user: String,
    token: String,
}

fn create_and_join(server: &Serving, name: &str) -> Option<LetIn> {
    let (status, made) = server.ask("POST", "/api/sessions", "", "{}")?;
    assert_eq!(status, 201, "{made}");
    let text = |value: &serde_json::Value, key: &str| value[key].as_str().unwrap().to_owned();
    let session = text(&made, "session_id");
    let join = format!("/api/sessions/{session}/join");
    let (status, joined) = server.ask("POST", &join, "", &format!(r#"{{"display_name":"{name}"}}"#))?;
    assert_eq!(status, 201, "{joined}");
    let (user, token) = (text(&joined, "user_id"), text(&joined, "websocket_token"));
    Some(LetIn { creator: text(&made, "creator_token"), session, user, token })
}

/// Joins until the server is killed after some answers. Returns the participants whose joins were answered.
fn write_until_killed(server: &Serving, answers: usize) -> Vec<LetIn> {
    let (let_in, answered) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let enough = Barrier::new(2);
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                while let Some(person) = create_and_join(server, "Ada") {
                    let_in.lock().push(person);
                    if answered.fetch_add(1, Ordering::Relaxed) + 1 == answers {
                        enough.wait();
                    }
                }
            });
        }
        enough.wait();
        server.kill();
    });
    let_in.into_inner()
}

#[test]
fn an_answered_join_survives_kill_9() {
    let home = TempDir::new().unwrap();
    let mut server = Serving::start_with(home.path(), &[("RATE_LIMITS", "off")]);
    for round in 0..ROUNDS {
        let let_in = write_until_killed(&server, 3 + 7 * round);
        assert!(!let_in.is_empty());
        server = Serving::start_with(home.path(), &[("RATE_LIMITS", "off")]);
        for LetIn { session, creator, user, token } in let_in {
            let (_, listed) =
                server.ask("GET", &format!("/api/sessions/{session}/participants"), "", "").unwrap();
            assert_eq!(listed["participants"][0]["user_id"], user.as_str());
            // The same tokens still open what they opened.
            let mut socket = server.socket(&format!("/ws?token={token}")).unwrap();
            assert!(socket.read().unwrap().into_text().unwrap().contains(&user));
            let (status, _) =
                server.ask("DELETE", &format!("/api/sessions/{session}"), &creator, "").unwrap();
            assert_eq!(status, 200);
        }
    }
    server.kill();
    assert_eq!(integrity(&home.path().join("data/tagalong.db")), "ok");
}

#[tokio::main(flavor = "current_thread")]
async fn integrity(file: &std::path::Path) -> String {
    let options = SqliteConnectOptions::new().filename(file);
    let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut database).await.unwrap()
}
