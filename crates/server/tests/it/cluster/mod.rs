//! Several nodes on one database file and one Redis: real processes, killed, frozen and cut off.

mod faults;
mod forgotten;
mod guarded;
mod kinds;
mod proxy;
mod redis_server;
mod said;
mod together;
mod trackers;
mod watching;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tagalong::config::{self, Config, Raw};
use tagalong_store::Database;
use tempfile::TempDir;

use crate::harness::{self, At, Client, Server, Session};

/// All nodes are in step again after this, whatever happened to Redis, and in the tests some more.
const DEADLINE: Duration = Duration::from_secs(20);
const SECRET: &str = "all nodes sign with the same key, this one";

/// Waits until something is so. Asked now and then: it has no way to tell.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let mut now_and_then = tokio::time::interval(Duration::from_millis(20));
    let wait = async {
        while !is_so().await {
            now_and_then.tick().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

fn config(database: &Path, redis: &str) -> (Config, TempDir) {
    let directory = TempDir::new().unwrap();
    let mut settings = Raw::default();
    settings.set_flag(&config::REDIS_URL.setting, redis.to_owned());
    settings.set_flag(&config::JWT_SECRET.setting, SECRET.to_owned());
    let parsed = Config::parse(&settings).unwrap();
    let mut config = harness::config(&directory);
    config.database = Database::Sqlite(database.join("shared.db"));
    config.redis = parsed.redis;
    config.jwt_secret = parsed.jwt_secret;
    (config, directory)
}

async fn node_with(database: &TempDir, redis: &str, change: impl FnOnce(&mut Config)) -> Server {
    let (mut config, directory) = config(database.path(), redis);
    change(&mut config);
    let node = Server::start_node(config, directory).await;
    redis_is(&node, "healthy").await;
    node
}

async fn node(database: &TempDir, redis: &str) -> Server {
    node_with(database, redis, |_| {}).await
}

async fn redis_is(node: &At, status: &str) {
    until(&format!("redis is {status}"), async || {
        let health = node.request("GET", "/health/detailed", None, "").await;
        assert_eq!(health.status, 200);
        let overall = &health.body["status"];
        assert_eq!(
            overall,
            if health.body["checks"]["redis"]["status"] == "healthy" { "healthy" } else { "degraded" }
        );
        assert_eq!(node.request("GET", "/health/ready", None, "").await.status, 200);
        overall == status
    })
    .await;
}

/// Somebody connected to a node.
struct Person {
    client: Client,
    user: String,
    session: String,
    token: String,
    pushed: u32,
}

impl Person {
    /// Joins through one node and connects to it.
    async fn join(node: &At, session: &Session, name: &str) -> Self {
        let (user, token) = node.join(session, name).await;
        let client = node.joined(session, &token).await;
        Self { client, user, session: session.id.clone(), token, pushed: 1 }
    }

    async fn push(&mut self, event: &str, payload: &str) {
        self.pushed += 1;
        let (number, session) = (self.pushed, &self.session);
        self.client.send(&format!(r#"["1","{number}","location:{session}","{event}",{payload}]"#)).await;
    }

    async fn move_to(&mut self, lat: f64) {
        self.push("location_update", &json!({"lat": lat, "lng": 2}).to_string()).await;
    }

    /// The next thing that is told, but for answers to what was pushed.
    async fn hears(&mut self) -> (String, Value) {
        loop {
            let mut heard = self.client.heard().await;
            if heard[3] != "phx_reply" {
                return (heard[3].as_str().unwrap().to_owned(), heard[4]["data"].take());
            }
            assert_eq!(heard[4]["status"], "ok");
        }
    }

    async fn hears_of(&mut self, event: &str, user: &str) -> Value {
        let (heard, data) = self.hears().await;
        assert_eq!((heard.as_str(), data["user_id"].as_str()), (event, Some(user)));
        data
    }

    /// The next thing that is told is where somebody is.
    async fn sees(&mut self, user: &str, lat: f64) {
        let data = self.hears_of("location_update", user).await;
        assert_eq!(data["lat"], lat);
    }

    /// Hears positions of somebody, each newer than the one before, until the given one.
    async fn comes_to_see(&mut self, user: &str, lat: f64) {
        let mut before = f64::MIN;
        while before < lat {
            let seen = self.hears_of("location_update", user).await["lat"].as_f64().unwrap();
            assert!(seen > before, "{seen} after {before}");
            before = seen;
        }
        assert_eq!(before, lat);
    }

    /// Nothing was told that has not been heard.
    async fn has_heard_all(&mut self) {
        self.client.send(r#"[null,"hb","phoenix","heartbeat",{}]"#).await;
        loop {
            let heard = self.client.heard().await;
            assert_eq!(heard[3], "phx_reply", "{heard}");
            if heard[1] == "hb" {
                return;
            }
        }
    }
}

/// What somebody who comes in is first told of the others' positions.
async fn first_seen(node: &At, session: &Session, token: &str) -> (Client, Value, Value) {
    let mut client = node.phoenix(token).await;
    client.send(&format!(r#"["1","1","location:{}","phx_join",{{}}]"#, session.id)).await;
    assert_eq!(client.heard().await[4]["status"], "ok");
    let participants = client.heard().await[4]["participants"].take();
    let locations = client.heard().await[4]["locations"].take();
    (client, participants, locations)
}
