//! In whatever way a session ends, or somebody leaves, the files of the database tell of nobody.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tagalong::config::{ADMIN_TOKEN, Config, Raw};

use crate::harness::{Server, Session};

/// Longer than it takes in real time, by far.
const DEADLINE: Duration = Duration::from_secs(60);
const OPERATOR: &str = "an operator's token that nobody guesses";
const TRACES: [&str; 4] = ["Zugspitze", "Wilhelmina", "wilhelrnina", "#AbCdE0"];

async fn server() -> Server {
    let mut settings = Raw::default();
    settings.set_flag(&ADMIN_TOKEN.setting, OPERATOR.to_owned());
    let admin_token = Config::parse(&settings).unwrap().admin_token;
    Server::start_with(|config| config.admin_token = admin_token).await
}

fn found<'a>(directory: &Path, traces: &[&'a str]) -> Vec<&'a str> {
    let read =
        |suffix: &str| std::fs::read(directory.join(format!("tagalong.db{suffix}"))).unwrap_or_default();
    let all = [read(""), read("-wal"), read("-shm")].concat();
    let text = String::from_utf8_lossy(&all);
    traces.iter().copied().filter(|trace| text.contains(trace)).collect()
}

/// Lets time pass until there is nothing left to be found.
async fn forgotten(server: &Server, traces: &[&str]) {
    let directory = server.directory.path();
    // So slowly that no job counts as hung on a busy machine, and that within the deadline no hour passes: after one,
    // other things would be deleted.
    let mut now_and_then = tokio::time::interval(Duration::from_millis(50));
    let forgotten = async {
        while !found(directory, traces).is_empty() {
            now_and_then.tick().await;
            server.clock.advance(Duration::from_secs(1));
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, forgotten).await;
    assert!(in_time.is_ok(), "still there: {:?}", found(directory, traces));
}

/// A session with somebody recognisable in it.
struct Scene {
    server: Server,
    session: Session,
    user: String,
    token: String,
}

impl Scene {
    async fn set() -> Self {
        let server = server().await;
        let made = r#"{"name":"Zugspitze","expires_in_minutes":600}"#;
        let made = server.request("POST", "/api/sessions", None, made).await;
        let text = |body: &serde_json::Value, key: &str| body[key].as_str().unwrap().to_owned();
        let session =
            Session { id: text(&made.body, "session_id"), creator: text(&made.body, "creator_token") };
        let path = format!("/api/sessions/{}/join", session.id);
        let who = json!({"display_name": "Wilhelmina", "avatar_color": "#AbCdE0"}).to_string();
        let joined = server.request("POST", &path, None, who).await;
        let (user, token) = (text(&joined.body, "user_id"), text(&joined.body, "websocket_token"));
        let scene = Self { server, session, user, token };
        assert_eq!(scene.found(&TRACES), TRACES);
        scene
    }

    fn found<'a>(&self, traces: &[&'a str]) -> Vec<&'a str> {
        found(self.server.directory.path(), traces)
    }

    async fn is_forgotten(&self, traces: &[&str]) {
        forgotten(&self.server, traces).await;
    }

    async fn request(&self, method: &str, rest: &str, token: &str) -> crate::harness::Answer {
        let path = format!("/api/sessions/{}{rest}", self.session.id);
        self.server.request(method, &path, Some(token), "").await
    }

    /// All that is over is over in the same way as long as it is remembered.
    async fn is_over(&self, code: &str) {
        let person = format!("/participants/{}", self.user);
        for (method, rest) in [("GET", ""), ("GET", "/participants"), ("POST", "/join"), ("POST", "/watch")] {
            assert_eq!(self.request(method, rest, "").await.code(), (404, code), "{method} {rest}");
        }
        for (method, rest) in [("DELETE", ""), ("DELETE", person.as_str())] {
            let answer = self.request(method, rest, &self.session.creator).await;
            assert_eq!(answer.code(), (404, code), "{method} {rest}");
        }
        let trackers = self.request("GET", &format!("{person}/trackers"), &self.token).await;
        assert_eq!(trackers.code(), (404, code));
    }
}

#[tokio::test]
async fn when_the_creator_ends_it() {
    let scene = Scene::set().await;
    let app =
        crate::trackers::address(&scene.server, &scene.session, &scene.user, &scene.token, "owntracks").await;
    assert_eq!(scene.request("DELETE", "", &scene.session.creator).await.status, 200);
    scene.is_forgotten(&[&TRACES[..], &[scene.user.as_str()]].concat()).await;
    scene.is_over("SESSION_ENDED").await;
    // The phone in a pocket is told that all is well.
    let answer = scene.server.fetch("POST", &app, &[], crate::trackers::location(1.0, 1)).await;
    assert_eq!((answer.status, &answer.bytes[..]), (200, &b"[]"[..]));
}

#[tokio::test]
async fn when_its_time_is_up() {
    let scene = Scene::set().await;
    let path = format!("/api/sessions/{}", scene.session.id);
    let soon = r#"{"expires_in_minutes":1}"#;
    let changed = scene.server.request("PATCH", &path, Some(&scene.session.creator), soon).await;
    assert_eq!(changed.status, 200);
    scene.server.clock.advance(Duration::from_secs(60));
    scene.is_forgotten(&[&TRACES[..], &[scene.user.as_str()]].concat()).await;
    scene.is_over("SESSION_EXPIRED").await;
}

#[tokio::test]
async fn when_nobody_uses_it() {
    let scene = Scene::set().await;
    scene.server.clock.advance(Duration::from_secs(3600));
    scene.is_forgotten(&[&TRACES[..], &[scene.user.as_str()]].concat()).await;
    scene.is_over("SESSION_EXPIRED").await;
}

#[tokio::test]
async fn when_the_operator_ends_it() {
    let scene = Scene::set().await;
    let _connected = scene.server.joined(&scene.session, &scene.token).await;
    let bearer = [("authorization", format!("Bearer {OPERATOR}"))];
    let bearer = bearer.each_ref().map(|(name, value)| (*name, value.as_str()));
    let shown = scene.server.fetch("GET", "/dashboard/state", &bearer, "").await;
    let shown: serde_json::Value = serde_json::from_slice(&shown.bytes).unwrap();
    let alias = shown["rooms"][0]["session"].as_str().unwrap();
    let end = scene.server.fetch("POST", &format!("/dashboard/sessions/{alias}/end"), &bearer, "").await;
    assert_eq!(end.status, 200);
    scene.is_forgotten(&[&TRACES[..], &[scene.user.as_str()]].concat()).await;
    scene.is_over("SESSION_ENDED").await;
}

#[tokio::test]
async fn when_somebody_leaves() {
    let scene = Scene::set().await;
    let person = format!("/participants/{}", scene.user);
    let app =
        crate::trackers::address(&scene.server, &scene.session, &scene.user, &scene.token, "owntracks").await;
    assert_eq!(scene.request("DELETE", &person, &scene.token).await.status, 200);
    scene.is_forgotten(&TRACES[1..]).await;
    assert_eq!(scene.found(&TRACES), ["Zugspitze"]);
    assert_eq!(
        scene.request("DELETE", &person, &scene.session.creator).await.code(),
        (404, "PARTICIPANT_LEFT")
    );
    let answer = scene.server.fetch("POST", &app, &[], crate::trackers::location(1.0, 1)).await;
    assert_eq!((answer.status, &answer.bytes[..]), (200, &b"[]"[..]));
}

#[tokio::test]
async fn when_the_server_is_killed_at_once_after_it() {
    let scene = Scene::set().await;
    assert_eq!(scene.request("DELETE", "", &scene.session.creator).await.status, 200);
    // The files as a kill would leave them: no time has passed since the end.
    let left = tempfile::TempDir::new().unwrap();
    for file in ["tagalong.db", "tagalong.db-wal"] {
        std::fs::copy(scene.server.directory.path().join(file), left.path().join(file)).unwrap();
    }
    assert_eq!(found(left.path(), &TRACES), TRACES);
    let next = Server::start_in(left, |_| {}).await;
    forgotten(&next, &TRACES).await;
}

#[tokio::test]
async fn when_the_server_stops_at_once_after_it() {
    let scene = Scene::set().await;
    let directory = scene.server.directory;
    // Somebody has the file open, so that its log outlives the server.
    let database = tagalong_store::Database::Sqlite(directory.path().join("tagalong.db"));
    let beside =
        tagalong_store::Store::open(&database, 1, &tagalong_platform::clock::Clock::system()).await.unwrap();
    let id = tagalong_core::id::SessionId::parse(&scene.session.id).unwrap();
    let now = tagalong_core::time::Timestamp::parse("2026-11-24T12:00:00Z").unwrap();
    assert!(beside.session(id, now).await.is_ok());
    let path = format!("/api/sessions/{}", scene.session.id);
    let at = crate::harness::At { address: scene.server.running.address };
    assert_eq!(at.request("DELETE", &path, Some(&scene.session.creator), "").await.status, 200);
    assert!(scene.server.running.stop().await);
    let log = std::fs::read(directory.path().join("tagalong.db-wal")).unwrap();
    assert!(log.is_empty(), "{} bytes", log.len());
    beside.close().await;
}
