//! REST: every path, every refusal.

use serde_json::{Value, json};

use crate::harness::Server;

#[tokio::test]
async fn a_session_is_made_shown_and_ended() {
    let server = Server::start().await;
    let made =
        server.request("POST", "/api/sessions", None, r#"{"name":" Alps ","expires_in_minutes":"90"}"#).await;
    assert_eq!(made.status, 201);
    let id = made.body["session_id"].as_str().unwrap();
    assert_eq!(made.body["name"], "Alps");
    assert_eq!(made.body["expires_at"], "2026-11-24T13:30:00.000Z");
    assert_eq!(made.body["join_link"], format!("http://{}/join/{id}", server.running.address));
    let shown = server.request("GET", &format!("/api/sessions/{id}"), None, "").await.body;
    assert_eq!((&shown["id"], &shown["is_active"]), (&json!(id), &json!(true)));
    assert_eq!(
        (&shown["created_at"], &shown["participant_count"]),
        (&json!("2026-11-24T12:00:00.000Z"), &json!(0))
    );
    for body in [
        "",
        "null",
        "{}",
        r#"{"name":null,"expires_in_minutes":null}"#,
        r#"{"name":"","expires_in_minutes":60.0}"#,
    ] {
        let made = server.request("POST", "/api/sessions", None, body).await;
        assert_eq!((made.status, &made.body["name"]), (201, &Value::Null), "{body}");
    }
}

#[tokio::test]
async fn what_is_invalid_is_named() {
    let server = Server::start().await;
    let session = server.session().await;
    let join = format!("/api/sessions/{}/join", session.id);
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(256));
    let long_name = format!(r#"{{"display_name":"{}"}}"#, "x".repeat(101));
    let cases = [
        ("/api/sessions", "{", "body"),
        ("/api/sessions", "[]", "body"),
        ("/api/sessions", "\"x\"", "body"),
        ("/api/sessions", r#"{"name":5}"#, "name"),
        ("/api/sessions", &long, "name"),
        ("/api/sessions", r#"{"name":"a\u0000"}"#, "name"),
        ("/api/sessions", r#"{"expires_in_minutes":0}"#, "expires_in_minutes"),
        ("/api/sessions", r#"{"expires_in_minutes":1441}"#, "expires_in_minutes"),
        ("/api/sessions", r#"{"expires_in_minutes":1.5}"#, "expires_in_minutes"),
        ("/api/sessions", r#"{"expires_in_minutes":"soon"}"#, "expires_in_minutes"),
        ("/api/sessions", r#"{"expires_in_minutes":true}"#, "expires_in_minutes"),
        (&join, "", "display_name"),
        (&join, r#"{"display_name":"  "}"#, "display_name"),
        (&join, r#"{"display_name":["x"]}"#, "display_name"),
        (&join, &long_name, "display_name"),
        (&join, r#"{"display_name":"x","avatar_color":"red"}"#, "avatar_color"),
        (&join, r#"{"display_name":"x","avatar_color":7}"#, "avatar_color"),
    ];
    for (path, body, field) in cases {
        let answer = server.request("POST", path, None, body).await;
        assert_eq!(answer.code(), (400, "INVALID_PARAMETERS"), "{body}");
        let error =
            if path == join { "Invalid participant parameters" } else { "Invalid session parameters" };
        assert_eq!(answer.body["error"], error);
        assert!(answer.body["details"][field][0].is_string(), "{body}: {}", answer.body);
        assert_eq!(answer.headers["x-request-id"], answer.body["request_id"].as_str().unwrap());
    }
    let large = server.request("POST", "/api/sessions", None, " ".repeat(16 * 1024 + 1)).await;
    assert_eq!(large.code(), (413, "PAYLOAD_TOO_LARGE"));
}

#[tokio::test]
async fn what_is_not_there() {
    let server = Server::start().await;
    let unknown = "00000000-0000-4000-8000-000000000000";
    for id in [unknown, "x", "%00", "%ff"] {
        for (method, path) in [("GET", ""), ("POST", "/join"), ("POST", "/watch"), ("GET", "/participants")] {
            let path = format!("/api/sessions/{id}{path}");
            let answer = server.request(method, &path, None, r#"{"display_name":"x"}"#).await;
            assert_eq!(answer.code(), (404, "SESSION_NOT_FOUND"), "{method} {path}");
            assert_eq!(answer.body["error"], "Session not found");
        }
    }
    assert_eq!(server.request("GET", "/nothing", None, "").await.code(), (404, "NOT_FOUND"));
    assert_eq!(server.request("PUT", "/api/sessions", None, "").await.code(), (405, "METHOD_NOT_ALLOWED"));
}

#[tokio::test]
async fn joining_listing_and_leaving() {
    let server = Server::start().await;
    let session = server.session().await;
    let path = format!("/api/sessions/{}", session.id);
    let (ada, ada_token) = server.join(&session, " Ada ").await;
    let (ben, ben_token) = server.join(&session, "Ben").await;
    for same in ["Ada", "ada", "A\u{200d}DA "] {
        let body = format!(r#"{{"display_name":"{same}"}}"#);
        let taken = server.request("POST", &format!("{path}/join"), None, &body).await;
        assert_eq!(taken.code(), (400, "DISPLAY_NAME_TAKEN"), "{same:?}");
    }
    let listed = server.request("GET", &format!("{path}/participants"), None, "").await.body;
    let names: Vec<_> =
        listed["participants"].as_array().unwrap().iter().map(|one| &one["display_name"]).collect();
    assert_eq!(names, ["Ada", "Ben"]);

    let gone = format!("{path}/participants/{ada}");
    let other = server.session().await;
    for (token, code) in [
        (None, (401, "UNAUTHENTICATED")),
        (Some("x"), (401, "UNAUTHENTICATED")),
        (Some(ben_token.as_str()), (403, "FORBIDDEN")),
        (Some(&other.creator), (403, "FORBIDDEN")),
    ] {
        assert_eq!(server.request("DELETE", &gone, token, "").await.code(), code);
        let end = server.request("DELETE", &path, token, "").await;
        assert_eq!(end.code(), code);
        assert_eq!(server.request("PATCH", &path, token, "{}").await.code(), code);
    }
    let left = server.request("DELETE", &gone, Some(&ada_token), "").await;
    assert_eq!((left.status, left.body), (200, json!({"success": true})));
    assert_eq!(server.request("DELETE", &gone, Some(&ada_token), "").await.code(), (404, "PARTICIPANT_LEFT"));
    let nobody = format!("{path}/participants/user_nobody");
    let answer = server.request("DELETE", &nobody, Some(&session.creator), "").await;
    assert_eq!(answer.code(), (404, "PARTICIPANT_NOT_FOUND"));
    let removed = format!("{path}/participants/{ben}");
    assert_eq!(server.request("DELETE", &removed, Some(&session.creator), "").await.status, 200);
    server.join(&session, "Ada").await;
}

#[tokio::test]
async fn of_two_hundred_exactly_fifty_get_in() {
    let server = std::sync::Arc::new(Server::start().await);
    let session = server.session().await;
    let path = format!("/api/sessions/{}/join", session.id);
    let joins: Vec<_> = (0..200)
        .map(|n| {
            let (server, path) = (std::sync::Arc::clone(&server), path.clone());
            let body = json!({"display_name": format!("p{n}")}).to_string();
            tokio::spawn(async move { server.request("POST", &path, None, body).await })
        })
        .collect();
    let (mut let_in, mut full) = (0, 0);
    for join in joins {
        match join.await.unwrap().code() {
            (201, _) => let_in += 1,
            (409, "SESSION_FULL") => full += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((let_in, full), (50, 150));
    let answer = server.request("POST", &path, None, r#"{"display_name":"late"}"#).await;
    assert_eq!(answer.body["error"], "Session is full (maximum 50 participants)");
}

#[tokio::test]
async fn health_in_four_ways() {
    let server = Server::start().await;
    let get = async |path: &str| server.request("GET", path, None, "").await;
    assert_eq!(get("/health").await.body["status"], "healthy");
    assert_eq!(get("/health/live").await.body["status"], "alive");
    assert_eq!(get("/health/ready").await.body["status"], "ready");
    let detailed = get("/health/detailed").await;
    assert_eq!((detailed.status, &detailed.body["checks"]["database"]["status"]), (200, &json!("healthy")));
}

#[tokio::test]
async fn a_sane_request_id_is_kept() {
    let server = Server::start().await;
    let mut stream = server.raw().await;
    for (sent, kept) in [("abc-123", true), ("a b", false), (&"x".repeat(65), false)] {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let request = format!("GET /health HTTP/1.1\r\nhost: x\r\nx-request-id: {sent}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 2048];
        let read = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]);
        assert_eq!(answer.contains(&format!("x-request-id: {sent}\r\n")), kept, "{answer}");
    }
}
