//! Pages of other sites that make their visitors' browsers ask, and requests for hosts that are none.

use tagalong::config::{Config, Origins};

use crate::attack_http::answered;
use crate::harness::Server;

async fn limited(change: impl FnOnce(&mut Config)) -> Server {
    Server::start_with(|config| {
        config.rate_limits = true;
        change(config);
    })
    .await
}

const STRANGER: (&str, &str) = ("origin", "https://elsewhere.example");
const CROSS_SITE: (&str, &str) = ("sec-fetch-site", "cross-site");

#[tokio::test]
async fn another_site_uses_none_of_its_visitors_allowance() {
    let server = limited(|config| (config.sessions_per_hour, config.misses_per_minute) = (1, 1)).await;
    let path = "/api/sessions/00000000-0000-4000-8000-000000000000";
    for headers in
        [&[STRANGER][..], &[CROSS_SITE], &[STRANGER, CROSS_SITE], &[("sec-fetch-site", "same-site")]]
    {
        for (method, path) in [("POST", "/api/sessions"), ("GET", path), ("DELETE", path)] {
            let answer = server.fetch(method, path, headers, "{}").await;
            assert_eq!(answer.status, 403, "{method} {path} {headers:?}");
        }
    }
    // A link may lead here, and who asks from here is served.
    for (method, path, headers, status) in [
        ("GET", "/api/openapi.json", &[CROSS_SITE][..], 200),
        ("GET", "/join/00000000-0000-4000-8000-000000000000", &[CROSS_SITE], 200),
        ("POST", "/api/sessions", &[("sec-fetch-site", "same-origin")], 201),
        ("GET", path, &[("sec-fetch-site", "none")], 404),
        ("GET", path, &[], 429),
    ] {
        assert_eq!(server.fetch(method, path, headers, "{}").await.status, status, "{method} {path}");
    }
}

/// An image, a script, a WebSocket: what a page can ask for without being allowed to.
#[tokio::test]
async fn another_site_guesses_nothing_in_its_visitors_name() {
    let server = limited(|config| config.misses_per_minute = 1).await;
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    for from in [STRANGER, CROSS_SITE] {
        for (path, status, said) in [
            ("/metrics", 403, None),
            ("/dashboard/state", 403, None),
            ("/socket/longpoll?token=x", 200, Some(r#"{"status":403}"#)),
        ] {
            let answer = server.fetch("GET", path, &[from], "").await;
            assert_eq!(answer.status, status, "{path} {from:?}");
            assert!(said.is_none_or(|said| answer.bytes == said), "{path} {from:?}");
        }
        for (path, status) in [("/socket/websocket?token=x", 403), ("/ws?token=x", 401)] {
            let headers: Vec<_> = upgrade.into_iter().chain([from]).collect();
            assert_eq!(server.fetch("GET", path, &headers, "").await.status, status, "{path} {from:?}");
        }
    }
    let missing = "/api/sessions/00000000-0000-4000-8000-000000000000";
    assert_eq!(server.fetch("GET", missing, &[], "").await.status, 404, "the visitor has guessed nothing");
    assert_eq!(server.fetch("GET", missing, &[], "").await.status, 429);
    // A link to the operator's page may stand anywhere.
    assert_eq!(server.fetch("GET", "/dashboard", &[CROSS_SITE], "").await.status, 200);
}

/// With a token that holds, too: an image opens no session of long polls.
#[tokio::test]
async fn another_site_opens_no_protocol() {
    let server = Server::start_with(|config| config.origins = Origins::Any).await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let path = format!("/socket/longpoll?token={token}&vsn=2.0.0");
    assert_eq!(server.fetch("GET", &path, &[CROSS_SITE], "").await.bytes, r#"{"status":403}"#);
    let opened = server.fetch("GET", &path, &[STRANGER, CROSS_SITE], "").await;
    assert!(String::from_utf8_lossy(&opened.bytes).starts_with(r#"{"status":410"#));
}

#[tokio::test]
async fn a_site_that_is_allowed_may_ask() {
    for origins in [Origins::Any, Origins::Listed(vec![STRANGER.1.to_owned()])] {
        let server = limited(|config| config.origins = origins).await;
        let answer = server.fetch("POST", "/api/sessions", &[STRANGER, CROSS_SITE], "{}").await;
        assert_eq!(answer.status, 201);
    }
}

#[tokio::test]
async fn a_host_is_named_exactly_once() {
    let server = Server::start().await;
    let end = "connection: close\r\n\r\n";
    for (request, status) in [
        (format!("GET /health HTTP/1.1\r\nhost: example.org\r\n{end}"), 200),
        (format!("GET http://example.org/health HTTP/1.1\r\nhost: other.example\r\n{end}"), 200),
        (format!("GET /health HTTP/1.0\r\n{end}"), 200),
        (format!("GET /health HTTP/1.1\r\n{end}"), 400),
        (format!("GET /health HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n{end}"), 400),
        (format!("GET /health HTTP/1.1\r\nhost: evil@localhost\r\n{end}"), 400),
        (format!("GET http://evil@localhost/health HTTP/1.1\r\nhost: localhost\r\n{end}"), 400),
        (format!("POST /api/sessions HTTP/1.1\r\ncontent-length: 0\r\n{end}"), 400),
    ] {
        let answer = answered(&server, request.as_bytes()).await;
        assert_eq!(answer.split(' ').nth(1), Some(status.to_string().as_str()), "{request}{answer}");
    }
    // What leads back to us is the host of the address, where it has one.
    let request = format!(
        "POST http://share.example/api/sessions HTTP/1.1\r\nhost: other.example\r\ncontent-length: 0\r\n{end}"
    );
    let answer = answered(&server, request.as_bytes()).await;
    assert!(answer.contains("http://share.example/join/"), "{answer}");
}
