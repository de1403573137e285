//! The other kinds of Redis that a `REDIS_URL` can name, each for real: a cluster of three, and a sentinel
//! that knows the server.

use std::process::Command;

use tempfile::TempDir;

use super::guarded::{Guarded, free_port};
use super::redis_server::RedisServer;
use super::{Person, node, until};

/// Two people on two nodes, in several sessions: the slots of a cluster are on different servers.
async fn people_see_each_other(url: &str) {
    let database = TempDir::new().unwrap();
    let (one, two) = (node(&database, url).await, node(&database, url).await);
    for lat in [1.0, 2.0, 3.0, 4.0, 5.0, 6.0] {
        let session = one.session().await;
        let mut ada = Person::join(&one, &session, "Ada").await;
        ada.move_to(lat).await;
        ada.has_heard_all().await;
        let mut ben = Person::join(&two, &session, "Ben").await;
        ada.hears_of("participant_joined", &ben.user).await;
        ben.move_to(-lat).await;
        ada.sees(&ben.user, -lat).await;
        ada.move_to(lat + 1.0).await;
        ben.comes_to_see(&ada.user, lat + 1.0).await;
    }
}

#[tokio::test]
async fn a_cluster() {
    let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(RedisServer::start_with(&options).await);
    }
    let hosts: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
    let made = Command::new("redis-cli")
        .args(["--cluster", "create", "--cluster-yes"])
        .args(&hosts)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    for server in &servers {
        until("the cluster is whole", async || {
            server.ask("CLUSTER INFO\r\n").await.is_some_and(|info| info.contains("cluster_state:ok"))
        })
        .await;
    }
    people_see_each_other(&format!("redis-cluster://{}", hosts.join(","))).await;
}

#[tokio::test]
async fn a_sentinel() {
    let redis = RedisServer::start_with(&["--requirepass", "open"]).await;
    let (port, directory) = (free_port(), TempDir::new().unwrap());
    let file = directory.path().join("sentinel.conf");
    let settings = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor mine 127.0.0.1 {} 1\nsentinel auth-pass mine open\n",
        redis.port
    );
    std::fs::write(&file, settings).unwrap();
    let _sentinel = Guarded::start(&["redis-server", file.to_str().unwrap(), "--sentinel"], &[]);
    until("the sentinel listens", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok())
        .await;
    people_see_each_other(&format!("redis-sentinel://:open@127.0.0.1:{port}/mine")).await;
}
