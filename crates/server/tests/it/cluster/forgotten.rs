//! Redis holds nothing of a session that is over, and of nobody who has left.

use std::time::Duration;

use tagalong_core::id::SessionId;
use tagalong_platform::clock::Clock;
use tagalong_store::{Database, NewEnd, SessionChange, Store};
use tempfile::TempDir;

use super::redis_server::RedisServer;
use super::{Person, node, until};
use crate::harness::{Server, Session};

/// Far less than what is left of the life of any key.
const AT_ONCE: Duration = Duration::from_secs(8);

struct Scene {
    redis: RedisServer,
    database: TempDir,
    nodes: [Server; 2],
    session: Session,
    ada: Person,
    ben: Person,
}

impl Scene {
    /// Two people on two nodes, with all that is ever kept of them in Redis.
    async fn set() -> Self {
        let (redis, database) = (RedisServer::start().await, TempDir::new().unwrap());
        let nodes = [node(&database, &redis.url()).await, node(&database, &redis.url()).await];
        let made = r#"{"location_ttl_seconds":900}"#;
        let made = nodes[0].request("POST", "/api/sessions", None, made).await;
        let text = |key: &str| made.body[key].as_str().unwrap().to_owned();
        let session = Session { id: text("session_id"), creator: text("creator_token") };
        let mut ada = Person::join(&nodes[0], &session, "Ada").await;
        let mut ben = Person::join(&nodes[1], &session, "Ben").await;
        ada.move_to(1.0).await;
        ben.move_to(2.0).await;
        ben.push("status_update", r#"{"status":"paused"}"#).await;
        let scene = Self { redis, database, nodes, session, ada, ben };
        let keys = ["locations:", "session_statuses:", "session_participants:", "session_activity:"];
        until("signs of life are written", async || {
            let all = scene.keys().await;
            let connections = [&scene.ada, &scene.ben].map(|person| format!("connections:{}", person.user));
            keys.iter().all(|key| all.contains(key)) && connections.iter().all(|key| all.contains(key))
        })
        .await;
        scene
    }

    async fn keys(&self) -> String {
        self.redis.ask("KEYS *\r\n").await.unwrap()
    }

    async fn is_empty(&self) {
        let empty =
            until("nothing is kept", async || self.redis.ask("DBSIZE\r\n").await.unwrap() == ":0\r\n");
        let in_time = tokio::time::timeout(AT_ONCE, empty).await;
        assert!(in_time.is_ok(), "{}", self.keys().await);
    }
}

#[tokio::test]
async fn when_the_creator_ends_a_session_through_one_node() {
    let scene = Scene::set().await;
    let path = format!("/api/sessions/{}", scene.session.id);
    let ended = scene.nodes[0].request("DELETE", &path, Some(&scene.session.creator), "").await;
    assert_eq!(ended.status, 200);
    scene.is_empty().await;
}

#[tokio::test]
async fn when_the_time_of_a_session_is_up() {
    let scene = Scene::set().await;
    let shared = Database::Sqlite(scene.database.path().join("shared.db"));
    let store = Store::open(&shared, 1, &tagalong_platform::clock::Clock::system()).await.unwrap();
    let now = Clock::system().now();
    let end = NewEnd { at: now.plus(Duration::from_secs(1)), longest: Duration::from_secs(3600) };
    let change = SessionChange { expires_at: Some(end), ..Default::default() };
    store.update(SessionId::parse(&scene.session.id).unwrap(), &change, now).await.unwrap();
    scene.is_empty().await;
}

#[tokio::test]
async fn when_redis_was_away_at_the_end() {
    let scene = Scene::set().await;
    scene.redis.freeze();
    let path = format!("/api/sessions/{}", scene.session.id);
    let ended = scene.nodes[1].request("DELETE", &path, Some(&scene.session.creator), "").await;
    assert_eq!(ended.status, 200);
    scene.redis.thaw();
    scene.is_empty().await;
}

#[tokio::test]
async fn when_somebody_leaves() {
    let scene = Scene::set().await;
    for user in [&scene.ada.user, &scene.ben.user] {
        let path = format!("/api/sessions/{}/participants/{user}", scene.session.id);
        let left = scene.nodes[0].request("DELETE", &path, Some(&scene.session.creator), "").await;
        assert_eq!(left.status, 200);
        let session = &scene.session.id;
        let forgotten = until("nobody is kept", async || {
            let statuses =
                scene.redis.ask(&format!("HGETALL session_statuses:{{{session}}}\r\n")).await.unwrap();
            let people =
                scene.redis.ask(&format!("SMEMBERS session_participants:{{{session}}}\r\n")).await.unwrap();
            !(scene.keys().await + &statuses + &people).contains(user.as_str())
        });
        let in_time = tokio::time::timeout(AT_ONCE, forgotten).await;
        assert!(in_time.is_ok(), "{}", scene.keys().await);
    }
}
