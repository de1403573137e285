//! What the log says of an outage: that it has begun and that it is over, however much happens meanwhile.

use std::sync::Arc;

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tracing::{Event, Level};

use super::redis_server::RedisServer;
use super::{Person, node, redis_is};
use crate::log;

/// Counts what is said of Redis, by how grave it is, and of anything else that is at least a warning.
#[derive(Clone, Default)]
struct CapturedLevels(Arc<Mutex<Vec<Level>>>);

impl CapturedLevels {
    fn hear(&self, event: &Event<'_>) {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let of_redis = target.starts_with("tagalong_realtime::cluster") && level <= Level::INFO;
        if of_redis || level <= Level::WARN {
            self.0.lock().push(level);
        }
    }
}

/// A node's tasks all run on the thread of their test, and so does what listens to them.
#[tokio::test]
async fn an_outage_of_redis_is_said_once_and_not_per_message() {
    let said = CapturedLevels::default();
    let listener = said.clone();
    let _listening = log::listen(move |event| listener.hear(event));
    let (mut redis, database) = (RedisServer::start().await, TempDir::new().unwrap());
    let node = node(&database, &redis.url()).await;
    let session = node.session().await;
    let mut ada = Person::join(&node, &session, "Ada").await;
    let mut ann = Person::join(&node, &session, "Ann").await;
    ada.hears_of("participant_joined", &ann.user).await;
    // People of one node do not wait for Redis, so it may not be there yet.
    while said.0.lock().is_empty() {
        redis_is(&node, "healthy").await;
    }
    assert_eq!(std::mem::take(&mut *said.0.lock()), [Level::INFO]);
    redis.kill();
    redis_is(&node, "degraded").await;
    // In its place somebody who hangs up: as often as the node tries, there was something to complain of.
    let deaf = TcpListener::bind(("127.0.0.1", redis.port)).await.unwrap();
    let mut lat = 0.0;
    for _ in 0..5 {
        drop(deaf.accept().await.unwrap());
        for _ in 0..20 {
            lat += 0.25;
            ada.move_to(lat).await;
            ann.sees(&ada.user, lat).await;
        }
    }
    drop(deaf);
    redis.restart().await;
    while said.0.lock().len() < 2 {
        redis_is(&node, "healthy").await;
    }
    assert_eq!(*said.0.lock(), [Level::WARN, Level::INFO]);
}
