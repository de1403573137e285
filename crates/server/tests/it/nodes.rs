//! Several nodes on one PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sqlx::Executor;
use sqlx::postgres::PgListener;
use tokio::task::JoinSet;

use crate::harness::Server;
use crate::postgres::{connect, shared};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_on_two_nodes_exactly_fifty_get_in() {
    let url = shared().database().await;
    let nodes = [Arc::new(Server::on(&url).await), Arc::new(Server::on(&url).await)];
    let session = nodes[0].session().await;
    let path = format!("/api/sessions/{}", session.id);
    let joins = (0..200).map(|number| {
        let (node, path) = (Arc::clone(&nodes[number % 2]), format!("{path}/join"));
        let body = json!({"display_name": format!("p{number}")}).to_string();
        async move {
            let answer = node.request("POST", &path, None, body).await;
            (answer.status, answer.code().1.to_owned())
        }
    });
    let answers = joins.collect::<JoinSet<_>>().join_all().await;
    let count = |status| answers.iter().filter(|answer| answer.0 == status).count();
    assert_eq!((count(201), count(409)), (50, 150), "{answers:?}");
    let listed = nodes[1].request("GET", &format!("{path}/participants"), None, "").await;
    assert_eq!(listed.body["participants"].as_array().unwrap().len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_node_opens_the_protocol_of_another() {
    let url = shared().database().await;
    let (first, second) = (Server::on(&url).await, Server::on(&url).await);
    let session = first.session().await;
    let (_, token) = first.join(&session, "Ada").await;
    second.joined(&session, &token).await.silent().await;
    let path = format!("/api/sessions/{}", session.id);
    assert_eq!(second.request("DELETE", &path, Some(&session.creator), "").await.status, 200);
    assert_eq!(first.request("GET", &path, None, "").await.code(), (404, "SESSION_ENDED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cleanups_at_the_same_moment_end_each_session_once() {
    let url = shared().database().await;
    let (first, second) = (Server::on(&url).await, Server::on(&url).await);
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(first.session().await.id);
    }
    let mut beside = connect(&url).await;
    sqlx::raw_sql(
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_notify('ended', NEW.id::text); RETURN NEW; END $$;
         CREATE TRIGGER tell AFTER UPDATE OF is_active ON sessions FOR EACH ROW EXECUTE FUNCTION tell()",
    )
    .execute(&mut beside)
    .await
    .unwrap();
    let mut listener = PgListener::connect(&url).await.unwrap();
    listener.listen("ended").await.unwrap();
    for node in [&first, &second] {
        node.clock.advance(Duration::from_secs(61 * 60));
    }
    let mut ended = Vec::new();
    while ended.len() < sessions.len() {
        ended.push(listener.recv().await.unwrap().payload().to_owned());
    }
    ended.sort_unstable();
    sessions.sort_unstable();
    assert_eq!(ended, sessions);
    // Both have finished, and nothing was done twice.
    assert!(first.running.stop().await && second.running.stop().await);
    beside.execute("NOTIFY ended, 'that was all'").await.unwrap();
    assert_eq!(listener.recv().await.unwrap().payload(), "that was all");
}
