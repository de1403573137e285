//! `/metrics` says what clients saw, to the operator alone, and of nobody in particular.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use tagalong::config::{Config, METRICS_BIND, Raw};
use tagalong_platform::metrics::Metrics;

use crate::harness::{ADMIN_TOKEN, At, Client, Server};
use crate::trackers;

const POSITIONS: u64 = 200;

/// Every series and its value.
async fn scrape(server: &At) -> BTreeMap<String, f64> {
    let token = format!("Bearer {ADMIN_TOKEN}");
    let fetched = server.fetch("GET", "/metrics", &[("authorization", &token)], "").await;
    assert_eq!(fetched.status, 200);
    let kind = fetched.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    parse(std::str::from_utf8(&fetched.bytes).unwrap())
}

fn parse(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with("# EOF\n"));
    let series = text.lines().filter(|line| !line.starts_with('#'));
    let series = series.map(|line| line.rsplit_once(' ').unwrap());
    series.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

/// Reads positions until the last one: how many came.
async fn positions(client: &mut Client) -> u64 {
    for count in 1.. {
        let text = client.text().await;
        assert!(text.contains("location_update"), "{text}");
        if text.contains(&format!(r#""lat":{}.0"#, last())) {
            return count;
        }
    }
    unreachable!("it counts for ever")
}

fn last() -> u64 {
    POSITIONS % 80
}

#[tokio::test]
async fn the_counts_are_those_of_the_clients() {
    let server = Server::start_with(|config| config.flush_interval_max = Duration::ZERO).await;
    let session = server.session().await;
    let (_, ada) = server.join(&session, "Ada").await;
    let (_, ben) = server.join(&session, "Ben").await;
    let watch = server.request("POST", &format!("/api/sessions/{}/watch", session.id), None, "").await;
    let (mut ada, mut ben) = (server.joined(&session, &ada).await, server.joined(&session, &ben).await);
    let mut watcher = server.plain(watch.body["websocket_token"].as_str().unwrap()).await;

    let topic = format!("location:{}", session.id);
    let move_ada = async {
        for number in 1..=POSITIONS {
            // The last one lies where no other does.
            let lat = if number == POSITIONS { last() } else { 80 + number % 10 };
            ada.send(&format!(r#"["1","{number}","{topic}","location_update",{{"lat":{lat},"lng":2}}]"#))
                .await;
            assert!(ada.text().await.contains(r#""status":"ok""#));
        }
    };
    let ((), ben_saw, watcher_saw) = tokio::join!(move_ada, positions(&mut ben), positions(&mut watcher));
    ada.send(&format!(r#"["1","x","{topic}","location_update",{{"lat":99,"lng":2}}]"#)).await;
    assert!(ada.text().await.contains("invalid_location_data"));
    watcher.send(r#"{"type":"location_update","data":{"lat":1,"lng":2}}"#).await;
    assert!(watcher.text().await.contains("FORBIDDEN"));

    let seen = scrape(&server).await;
    let delivered = ben_saw + watcher_saw;
    let is = |name: &str, value: u64| assert_eq!(seen.get(name), Some(&(value as f64)), "{name}\n{seen:#?}");
    is("tagalong_positions_received_total", POSITIONS);
    is("tagalong_positions_delivered_total", delivered);
    is("tagalong_positions_superseded_total", 2 * POSITIONS - delivered);
    is("tagalong_delivery_latency_seconds_count", delivered);
    is(r#"tagalong_messages_refused_total{reason="invalid_location_data"}"#, 1);
    is(r#"tagalong_messages_refused_total{reason="forbidden"}"#, 1);
    is(r#"tagalong_connections{protocol="phoenix",version="2"}"#, 2);
    is(r#"tagalong_connections{protocol="plain",version="1"}"#, 1);
    is("tagalong_rooms", 1);
    is("tagalong_participants", 2);
    is("tagalong_watchers", 1);
    is(r#"tagalong_http_requests_total{method="POST",route="/api/sessions/{id}/join",status="201"}"#, 2);
    is(r#"tagalong_store_calls_total{call="join",outcome="ok"}"#, 2);
    is("tagalong_bus_connected", 1);
    // Every frame: the positions, the answers to Ada, four that greet each of the channels, three the watcher,
    // that Ben is connected, and two answers more.
    is("tagalong_frames_per_write_sum", delivered + POSITIONS + 2 * 4 + 3 + 1 + 2);
    assert!(seen["tokio_alive_tasks"] > 0.0 && seen["process_resident_memory_bytes"] > 0.0);

    let (mut ben, mut ada) = (ben, ada);
    ben.send("this is no frame").await;
    assert_eq!(ben.closed().await, 1011);
    let path = format!("/api/sessions/{}", session.id);
    let ended = server.request("DELETE", &path, Some(&session.creator), "").await;
    assert_eq!(ended.status, 200);
    while !ada.text().await.contains("phx_close") {}
    while !watcher.text().await.contains("session_ended") {}
    assert_eq!(watcher.closed().await, 1000);
    // The server waits for their answers by a clock that stands still.
    drop((ben, watcher));
    loop {
        let seen = scrape(&server).await;
        let malformed = r#"tagalong_connections_closed_total{reason="malformed",code="1011"}"#;
        let over = r#"tagalong_connections_closed_total{reason="over",code="1000"}"#;
        // A connection is counted as over after its goodbye, which the client hears first.
        if seen.get(malformed) == Some(&1.0) && seen.get(over) == Some(&1.0) {
            assert_eq!(seen[r#"tagalong_connections{protocol="plain",version="1"}"#], 0.0);
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn positions_of_apps_count_too() {
    let server = Server::start().await;
    let session = server.session().await;
    let (ada, token) = server.join(&session, "Ada").await;
    let address = trackers::address(&server, &session, &ada, &token, "traccar").await;
    for (query, status) in [("?lat=1&lon=2", 200), ("?lat=1", 400)] {
        assert_eq!(server.fetch("GET", &format!("{address}{query}"), &[], "").await.status, status);
    }
    assert_eq!(scrape(&server).await["tagalong_positions_received_total"], 1.0);
}

/// Does everything that a stranger can do, with texts of their own.
async fn odd_requests(server: &At, text: &str) {
    let uuid = format!("3f2b8c1e-1111-4222-8333-4444555{text}");
    for (method, path) in [
        (text, "/api/sessions".to_owned()),
        ("GET", format!("/api/sessions/{uuid}")),
        ("GET", format!("/api/sessions/{text}")),
        ("GET", format!("/api/{text}")),
        ("GET", format!("/{text}")),
        ("GET", format!("/join/{uuid}?lat={text}")),
        ("GET", format!("/health?{text}={text}")),
        ("GET", format!("/metrics/{text}")),
        ("GET", format!("/dashboard/{text}")),
        ("POST", format!("/api/sessions/{uuid}/join")),
        ("GET", format!("/ws?token={text}")),
        ("DELETE", format!("/api/sessions/{uuid}/participants/{text}")),
    ] {
        server.fetch(method, &path, &[("x-request-id", text), ("authorization", text)], text).await;
    }
    let session = server.session().await;
    let (_, token) = server.join(&session, text).await;
    let mut client = server.plain(&token).await;
    for frame in [format!(r#"{{"type":"{text}"}}"#), text.to_owned()] {
        client.send(&frame).await;
        client.text().await;
    }
    client.socket.close(None).await.unwrap();
    // So that it is counted before the next one looks.
    while scrape(server).await[r#"tagalong_connections{protocol="plain",version="1"}"#] > 0.0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whatever_strangers_send_makes_no_new_series() {
    let server = Server::start().await;
    // One of each kind: a part of an id, a number, and neither.
    for text in ["abcde", "12345", "ZZZZZ"] {
        odd_requests(&server, text).await;
    }
    let names = |seen: BTreeMap<String, f64>| seen.into_keys().collect::<BTreeSet<_>>();
    let before = names(scrape(&server).await);
    for text in ["fedcb", "67890", "YYYYY"] {
        odd_requests(&server, text).await;
        let after = names(scrape(&server).await);
        let new: Vec<_> = after.difference(&before).collect();
        assert!(new.is_empty(), "{new:?}");
        assert!(!after.iter().any(|name| name.contains(text)), "{text}");
    }
}

#[tokio::test]
async fn only_the_operator_sees_them() {
    let mut raw = Raw::default();
    raw.set_flag(&METRICS_BIND.setting, "127.0.0.1:0".to_owned());
    let parsed = Config::parse(&raw).unwrap();
    let server = Server::start_with(|config| config.metrics_bind = parsed.metrics_bind).await;
    let bearer = |token: &str| format!("Bearer {token}");
    for (path, method) in
        [("/metrics", "GET"), ("/dashboard/state", "GET"), ("/dashboard/sessions/x/end", "POST")]
    {
        let status = async |headers: &[(&str, &str)]| server.fetch(method, path, headers, "").await.status;
        // That a request comes from this machine, or says so, opens nothing.
        assert_eq!(status(&[]).await, 401);
        assert_eq!(status(&[("authorization", &bearer("an operator's token that nobody knows"))]).await, 401);
        assert_ne!(status(&[("authorization", &bearer(ADMIN_TOKEN))]).await, 401);
    }
    let aside = At { address: server.running.metrics_address.unwrap() };
    assert!(scrape(&aside).await.contains_key("tagalong_rooms"));
    assert_eq!(aside.fetch("GET", "/api/config", &[], "").await.status, 404);
}

#[test]
fn every_metric_is_in_the_documents_as_it_is_in_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/OPERATIONS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let missing: Vec<String> = Metrics::ALL
        .iter()
        .map(|metric| {
            let labels =
                if metric.labels.is_empty() { String::new() } else { format!("`{}`", metric.labels) };
            format!("| `{}` | {} | {labels} | {} |", metric.name, metric.kind, metric.help.trim())
        })
        .filter(|row| !text.contains(row.as_str()))
        .collect();
    assert!(missing.is_empty(), "docs/OPERATIONS.md lacks these rows:\n{}", missing.join("\n"));
    let rows = text.lines().filter(|line| {
        ["| `tagalong_", "| `process_", "| `tokio_"].iter().any(|start| line.starts_with(start))
    });
    assert_eq!(rows.count(), Metrics::ALL.len(), "there is a row for a metric that is no more");
}
