//! What can go wrong does: Redis is killed, frozen, emptied and cut off, a node is killed.

use std::time::Duration;

use serde_json::json;
use tagalong_core::id::SessionId;
use tagalong_platform::clock::Clock;
use tagalong_store::{Database, NewEnd, SessionChange, Store};
use tempfile::TempDir;

use super::guarded::{Guarded, free_port};
use super::proxy::Proxy;
use super::redis_server::RedisServer;
use super::{Person, SECRET, first_seen, node, node_with, redis_is, until};
use crate::harness::{At, Server, Session};

/// Ada and Ann on one node, Ben on another.
struct Three {
    nodes: [Server; 2],
    _database: TempDir,
    session: Session,
    ada: Person,
    ann: Person,
    ben: Person,
}

async fn three(redis_of_one: &str, redis_of_two: &str) -> Three {
    let database = TempDir::new().unwrap();
    let nodes = [node(&database, redis_of_one).await, node(&database, redis_of_two).await];
    let session = nodes[0].session().await;
    let mut ada = Person::join(&nodes[0], &session, "Ada").await;
    let mut ann = Person::join(&nodes[0], &session, "Ann").await;
    let ben = Person::join(&nodes[1], &session, "Ben").await;
    ada.hears_of("participant_joined", &ann.user).await;
    for person in [&mut ada, &mut ann] {
        person.hears_of("participant_joined", &ben.user).await;
    }
    Three { nodes, _database: database, session, ada, ann, ben }
}

impl Three {
    /// The two on one node see each other: from 100 positions, all.
    async fn two_share_locally(&mut self, from: f64) -> f64 {
        let mut lat = from;
        for _ in 0..100 {
            lat += 0.125;
            self.ada.move_to(lat).await;
            self.ann.sees(&self.ada.user, lat).await;
        }
        lat
    }

    /// Everyone sees everyone again, without having moved since `lat`, and has heard nothing twice.
    async fn all_agree(&mut self, lat: f64) {
        self.ben.comes_to_see(&self.ada.user, lat).await;
        self.ben.move_to(lat).await;
        self.ada.sees(&self.ben.user, lat).await;
        self.ann.sees(&self.ben.user, lat).await;
        for person in [&mut self.ada, &mut self.ann, &mut self.ben] {
            person.has_heard_all().await;
        }
    }
}

/// Somebody joins through one node while nobody can tell the other.
#[tokio::test]
async fn redis_killed_and_back_empty() {
    let mut redis = RedisServer::start().await;
    let mut all = three(&redis.url(), &redis.url()).await;
    all.ada.move_to(1.0).await;
    all.ann.sees(&all.ada.user, 1.0).await;
    all.ben.sees(&all.ada.user, 1.0).await;
    redis.kill();
    let lat = all.two_share_locally(1.0).await;
    for node in &all.nodes {
        redis_is(node, "degraded").await;
    }
    let (cyd, _) = all.nodes[0].join(&all.session, "Cyd").await;
    // The database is enough for Ben to hear of it.
    for person in [&mut all.ada, &mut all.ann, &mut all.ben] {
        person.hears_of("participant_joined", &cyd).await;
    }
    redis.restart().await;
    let back = Clock::system().instant();
    all.all_agree(lat).await;
    assert!(Clock::system().instant() < back + Duration::from_secs(5));
    for node in &all.nodes {
        redis_is(node, "healthy").await;
    }
    let path = format!("/api/sessions/{}/participants/{cyd}", all.session.id);
    assert_eq!(all.nodes[1].request("DELETE", &path, Some(&all.session.creator), "").await.status, 200);
    for person in [&mut all.ada, &mut all.ann, &mut all.ben] {
        person.hears_of("participant_left", &cyd).await;
        person.has_heard_all().await;
    }
}

#[tokio::test]
async fn redis_frozen() {
    let redis = RedisServer::start().await;
    let mut all = three(&redis.url(), &redis.url()).await;
    all.ada.move_to(1.0).await;
    all.ann.sees(&all.ada.user, 1.0).await;
    all.ben.sees(&all.ada.user, 1.0).await;
    redis.freeze();
    // Before anybody knows that it is frozen, and when it is known.
    let lat = all.two_share_locally(1.0).await;
    let (_, watcher) = all.nodes[1].join(&all.session, "Dan").await;
    let dan = all.nodes[1].joined(&all.session, &watcher).await;
    for node in &all.nodes {
        redis_is(node, "degraded").await;
    }
    // From the database.
    for person in [&mut all.ada, &mut all.ann] {
        assert_eq!(person.hears().await.0, "participant_joined");
    }
    let lat = all.two_share_locally(lat).await;
    redis.thaw();
    let back = Clock::system().instant();
    all.ben.hears().await;
    all.all_agree(lat).await;
    assert!(Clock::system().instant() < back + Duration::from_secs(5));
    for node in &all.nodes {
        redis_is(node, "healthy").await;
    }
    drop(dan);
}

#[tokio::test]
async fn one_node_cut_off_from_redis_and_back_brings_nothing_old() {
    let redis = RedisServer::start().await;
    let proxy = Proxy::to(redis.port).await;
    let mut all = three(&proxy.url(), &redis.url()).await;
    all.ada.move_to(1.0).await;
    all.ann.sees(&all.ada.user, 1.0).await;
    all.ben.sees(&all.ada.user, 1.0).await;
    proxy.cut();
    // On its way when the network is cut: it arrives when that is mended.
    all.ada.move_to(2.0).await;
    all.ann.sees(&all.ada.user, 2.0).await;
    redis_is(&all.nodes[0], "degraded").await;
    redis_is(&all.nodes[1], "healthy").await;
    // Ada reaches the other node and goes on there.
    all.ada.client = all.nodes[1].joined(&all.session, &all.ada.token).await;
    all.ada.move_to(3.0).await;
    all.ben.sees(&all.ada.user, 3.0).await;
    // Meanwhile the creator gives more time through the node that cannot tell it.
    let path = format!("/api/sessions/{}", all.session.id);
    let change = r#"{"expires_in_minutes":90}"#;
    assert_eq!(all.nodes[0].request("PATCH", &path, Some(&all.session.creator), change).await.status, 200);
    assert_eq!(all.ann.hears().await.0, "session_updated");
    proxy.mend();
    // Both changes are told, and from the old position nothing comes.
    all.ann.sees(&all.ada.user, 3.0).await;
    for person in [&mut all.ada, &mut all.ben] {
        assert_eq!(person.hears().await.0, "session_updated");
    }
    redis_is(&all.nodes[0], "healthy").await;
    let key = format!("locations:{{{}}}:{}", all.session.id, all.ada.user);
    all.ada.move_to(4.0).await;
    all.ben.sees(&all.ada.user, 4.0).await;
    all.ann.sees(&all.ada.user, 4.0).await;
    until("the newest position is in Redis", async || {
        redis.ask(&format!("GET {key}\r\n")).await.is_some_and(|answer| answer.contains(r#""lat":4.0"#))
    })
    .await;
    for person in [&mut all.ada, &mut all.ann, &mut all.ben] {
        person.has_heard_all().await;
    }
}

/// The other node gave a session more time and could not say so: it does not end before its time.
#[tokio::test]
async fn a_node_asks_the_database_before_it_ends_a_session() {
    let redis = RedisServer::start().await;
    let database = TempDir::new().unwrap();
    let node = node(&database, &redis.url()).await;
    let store = Store::open(
        &Database::Sqlite(database.path().join("shared.db")),
        1,
        &tagalong_platform::clock::Clock::system(),
    )
    .await
    .unwrap();
    let clock = Clock::system();
    let session = node.session().await;
    let id = SessionId::parse(&session.id).unwrap();
    let end_in = |duration| {
        let end = NewEnd { at: clock.now().plus(duration), longest: Duration::from_secs(3600) };
        SessionChange { expires_at: Some(end), ..Default::default() }
    };
    store.update(id, &end_in(Duration::from_secs(1)), clock.now()).await.unwrap();
    let mut ada = Person::join(&node, &session, "Ada").await;
    store.update(id, &end_in(Duration::from_secs(3)), clock.now()).await.unwrap();
    assert_eq!(ada.hears().await.0, "session_updated");
    let (event, data) = ada.hears().await;
    assert_eq!((event.as_str(), &data["reason"]), ("session_ended", &json!("expired")));
}

/// The node that cleaned up could not say so, and the database does not tell who ended a session but by its times.
#[tokio::test]
async fn a_session_that_nobody_used_has_expired_wherever_one_hears_of_it() {
    let mut redis = RedisServer::start().await;
    let database = TempDir::new().unwrap();
    let node = node(&database, &redis.url()).await;
    let store = Store::open(
        &Database::Sqlite(database.path().join("shared.db")),
        1,
        &tagalong_platform::clock::Clock::system(),
    )
    .await
    .unwrap();
    let session = node.session().await;
    let mut ada = Person::join(&node, &session, "Ada").await;
    redis.kill();
    redis_is(&node, "degraded").await;
    let now = Clock::system().now();
    assert_eq!(store.expire_sessions(now, now).await.unwrap().len(), 1);
    let (event, data) = ada.hears().await;
    assert_eq!((event.as_str(), &data["reason"]), ("session_ended", &json!("expired")));
}

#[tokio::test]
async fn a_node_without_redis_from_the_start_serves_and_joins_in_later() {
    let mut redis = RedisServer::start().await;
    let database = TempDir::new().unwrap();
    let one = node(&database, &redis.url()).await;
    let session = one.session().await;
    let mut ada = Person::join(&one, &session, "Ada").await;
    redis.kill();
    redis_is(&one, "degraded").await;
    let (config, directory) = super::config(database.path(), &redis.url());
    let two = Server::start_node(config, directory).await;
    redis_is(&two, "degraded").await;
    let mut ben = Person::join(&two, &session, "Ben").await;
    ada.hears_of("participant_joined", &ben.user).await;
    ada.move_to(1.0).await;
    redis.restart().await;
    ben.sees(&ada.user, 1.0).await;
    ben.has_heard_all().await;
}

/// A node is a process here, and is killed as the kernel does when memory is short.
#[tokio::test]
async fn a_node_killed_is_nobody_leaving() {
    let redis = RedisServer::start().await;
    let database = TempDir::new().unwrap();
    let two = node_with(&database, &redis.url(), |_| {}).await;
    let (port, directory) = (free_port(), TempDir::new().unwrap());
    let file = format!("sqlite:{}", database.path().join("shared.db").display());
    let process = Guarded::start(
        &[env!("CARGO_BIN_EXE_tagalong"), "serve"],
        &[
            ("BIND", "127.0.0.1"),
            ("PORT", &port.to_string()),
            ("DATA_DIR", directory.path().to_str().unwrap()),
            ("DATABASE_URL", &file),
            ("REDIS_URL", &redis.url()),
            ("JWT_SECRET", SECRET),
            ("RATE_LIMITS", "off"),
        ],
    );
    let one = At { address: ([127, 0, 0, 1], port).into() };
    until("the process listens", async || tokio::net::TcpStream::connect(one.address).await.is_ok()).await;
    redis_is(&one, "healthy").await;
    let session = one.session().await;
    let mut ada = Person::join(&one, &session, "Ada").await;
    let mut ben = Person::join(&two, &session, "Ben").await;
    ada.hears_of("participant_joined", &ben.user).await;
    ada.move_to(1.0).await;
    ben.sees(&ada.user, 1.0).await;
    process.signal("-KILL");
    until("the process is gone", async || tokio::net::TcpStream::connect(one.address).await.is_err()).await;
    let (client, participants, locations) = first_seen(&two, &session, &ada.token).await;
    assert_eq!((participants.as_array().unwrap().len(), locations), (2, json!([])));
    ada.client = client;
    ada.move_to(2.0).await;
    ben.sees(&ada.user, 2.0).await;
    ben.has_heard_all().await;
    ada.has_heard_all().await;
}
