//! Requests that no honest client sends: tricks with paths, heads, lengths and bodies.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Server, Session};

/// Nothing on loopback takes this long; a test that waits for it has failed.
const DEADLINE: Duration = Duration::from_secs(10);

/// All that comes back for bytes, until the server closes.
pub(crate) async fn answered(server: &Server, request: &[u8]) -> String {
    let mut stream = server.raw().await;
    // A server that has heard enough may close before it has everything.
    _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    _ = read.expect("the server does not close");
    String::from_utf8(answer).unwrap()
}

/// The status of an answer; 0 for none.
fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

/// How many answers there are: one request may never be taken for two.
fn answers(answer: &str) -> usize {
    answer.matches("HTTP/1.1 ").count()
}

fn code(answer: &str) -> String {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body["code"].as_str().unwrap_or("-").to_owned()
}

async fn asked(server: &Server, method: &str, path: &str, head: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{head}\r\n{body}"
    );
    answered(server, request.as_bytes()).await
}

/// What must still be so after an attack: the session is as it was, and the server serves.
async fn unharmed(server: &Server, session: &Session) {
    let shown = server.request("GET", &format!("/api/sessions/{}", session.id), None, "").await;
    assert_eq!((shown.status, &shown.body["participant_count"]), (200, &Value::from(1)));
}

async fn attacked() -> (Server, Session, String) {
    let server = Server::start().await;
    let session = server.session().await;
    let (user, _) = server.join(&session, "Ada").await;
    (server, session, user)
}

#[tokio::test]
async fn a_path_is_what_it_says_and_nothing_else() {
    let (server, session, user) = attacked().await;
    let id = &session.id;
    for path in [
        format!("//api/sessions/{id}"),
        format!("/api//sessions/{id}"),
        format!("/api/sessions//{id}"),
        format!("/api/sessions/{id}/"),
        format!("/api/sessions/{id}/."),
        format!("/api/sessions/x/../{id}"),
        format!("/api/./sessions/{id}"),
        format!("/api/sessions/%2e%2e/{id}"),
        format!("/api%2fsessions%2f{id}"),
        format!("/api/sessions%2f{id}"),
        format!("/api/sessions/{id}%2fparticipants"),
        format!("/api/sessions/{id}%00"),
        format!("/api/sessions/%00{id}"),
        format!("/api/sessions/{id};a=b"),
        format!("/api/sessions/{id}%20"),
        format!("/api/sessions/{{{id}}}"),
        format!("/API/sessions/{id}"),
        format!("/api/sessions/{}", id.replace('-', "")),
        format!("/api/sessions/urn:uuid:{id}"),
        "/api/sessions/%ff%fe".to_owned(),
        "/api/sessions/%".to_owned(),
        "/api/sessions/..%2f..%2f..%2fetc%2fpasswd".to_owned(),
        "/..%5c..%5cwindows".to_owned(),
        "/../../etc/passwd".to_owned(),
        "/.env".to_owned(),
        "/data/jwt.key".to_owned(),
        "/metrics/../health".to_owned(),
        format!("/{}", "a/".repeat(4000)),
        format!("/api/sessions/{}", "a".repeat(8000)),
    ] {
        let answer = asked(&server, "GET", &path, "", "").await;
        let shown = &path[..path.len().min(80)];
        assert!(matches!(status(&answer), 400 | 404 | 414), "{shown}: {answer}");
        assert!(!answer.contains("participant_count") && !answer.contains("root:"), "{shown}: {answer}");
    }
    // In a capital UUID there is no trick: RFC 9562 reads both.
    assert_eq!(
        status(&asked(&server, "GET", &format!("/api/sessions/{}", id.to_uppercase()), "", "").await),
        200
    );
    let leave = format!("/api/sessions/{id}/participants/{user}%00");
    let bearer = format!("authorization: Bearer {}\r\n", session.creator);
    assert_eq!(code(&asked(&server, "DELETE", &leave, &bearer, "").await), "PARTICIPANT_NOT_FOUND");
    unharmed(&server, &session).await;
}

#[tokio::test]
async fn a_method_is_what_the_first_line_says() {
    let (server, session, _) = attacked().await;
    let path = format!("/api/sessions/{}", session.id);
    let bearer = format!("authorization: Bearer {}\r\n", session.creator);
    for header in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let head = format!("{bearer}{header}: DELETE\r\n");
        assert_eq!(status(&asked(&server, "GET", &path, &head, "").await), 200);
        let posted = asked(&server, "POST", &format!("{path}?_method=DELETE"), &head, "_method=DELETE").await;
        assert_eq!(code(&posted), "METHOD_NOT_ALLOWED");
    }
    for method in ["TRACE", "CONNECT", "TRACK", "PROPFIND", "delete", "DELETEX", "G\u{c9}T"] {
        let answer = asked(&server, method, &path, &bearer, "").await;
        assert!(matches!(status(&answer), 400 | 404 | 405), "{method}: {answer}");
        assert!(!answer.contains(&session.creator), "{method} repeats what was sent");
    }
    unharmed(&server, &session).await;
}

#[tokio::test]
async fn one_request_is_never_taken_for_two() {
    let (server, session, _) = attacked().await;
    // What an attacker would like to be read as a request of somebody else.
    let hidden = format!(
        "DELETE /api/sessions/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        session.id, session.creator
    );
    let length = hidden.len();
    for head in [
        format!("content-length: {length}\r\ncontent-length: 0\r\n"),
        format!("content-length: 0\r\ncontent-length: {length}\r\n"),
        format!("content-length: {length}, 0\r\n"),
        "content-length: -1\r\n".to_owned(),
        "content-length: +5\r\n".to_owned(),
        "content-length: 0x5\r\n".to_owned(),
        "content-length: 99999999999999999999999\r\n".to_owned(),
        "content-length : 5\r\n".to_owned(),
        "transfer-encoding: chunked, identity\r\n".to_owned(),
        "transfer-encoding: xchunked\r\n".to_owned(),
        "transfer-encoding: identity\r\ncontent-length: 0\r\n".to_owned(),
        "x: y\r\n content-length: 0\r\n".to_owned(),
        "x: a\0b\r\n".to_owned(),
        "x\u{e9}: y\r\n".to_owned(),
        ": nameless\r\n".to_owned(),
    ] {
        let request = format!("POST /api/sessions HTTP/1.1\r\nhost: x\r\n{head}\r\n{hidden}");
        let answer = answered(&server, request.as_bytes()).await;
        assert_eq!((status(&answer), answers(&answer)), (400, 1), "{head}: {answer}");
    }
    // RFC 9112, section 6.1: with both, the length does not count and the connection is not used again.
    for (length, encoding) in [("content-length: 4\r\n", "chunked"), ("", "chunked"), ("", "CHUNKED")] {
        let request = format!(
            "POST /api/sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{length}transfer-encoding: {encoding}\r\n\r\n0\r\n\r\n{hidden}"
        );
        let answer = answered(&server, request.as_bytes()).await;
        assert!(matches!(status(&answer), 201 | 400) && answers(&answer) == 1, "{answer}");
    }
    for chunks in [
        "fffffffffffffffff\r\n",
        "-1\r\n",
        "2;\r\n{}\r\nx\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2\n{}\n0\n\n",
        "2\r\n{}0\r\n\r\n",
    ] {
        let request = format!(
            "POST /api/sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{chunks}{hidden}"
        );
        let answer = answered(&server, request.as_bytes()).await;
        assert!(status(&answer) < 500 && answers(&answer) <= 1, "{chunks:?}: {answer}");
    }
    unharmed(&server, &session).await;
}

#[tokio::test]
async fn heads_that_are_too_much_are_refused() {
    let (server, session, _) = attacked().await;
    let many = (0..100).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let thousands = (0..10_000).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let long = format!("x: {}\r\n", "y".repeat(17 * 1024));
    let endless = format!("{}: y\r\n", "x".repeat(70_000));
    for head in [many, thousands, long, endless] {
        let answer = asked(&server, "GET", "/health", &head, "").await;
        assert!(matches!(status(&answer), 0 | 400 | 431), "{answer}");
    }
    for first in [
        "GET",
        "GET /health",
        "GET  /health HTTP/1.1",
        "GET /health HTTP/9.9",
        "PRI * HTTP/2.0",
        "\u{16}\u{3}\u{1}",
        "\0\0\0\0",
    ] {
        let answer = answered(&server, format!("{first}\r\n\r\n").as_bytes()).await;
        assert!(matches!(status(&answer), 0 | 400 | 505), "{first:?}: {answer}");
    }
    unharmed(&server, &session).await;
}

/// What a client says of its address goes back into links to itself, and must be an address at least.
#[tokio::test]
async fn a_host_cannot_lead_elsewhere_than_it_says() {
    let (server, session, _) = attacked().await;
    for host in [
        "a b",
        "a\"b",
        "<script>",
        "user@evil.example",
        "evil.example/path",
        "evil.example?q",
        "evil.example#f",
        "",
        "evil.example\\",
        "[::1",
        "a:b:c",
        "a:99999999",
    ] {
        let request = format!(
            "POST /api/sessions HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        let answer = answered(&server, request.as_bytes()).await;
        if status(&answer) == 201 {
            let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
            let link = body["join_link"].as_str().unwrap();
            assert!(link.starts_with("http://localhost:") || host.starts_with("a:"), "{host}: {link}");
            assert!(!link.contains("evil"), "{host}: {link}");
        } else {
            assert_eq!(status(&answer), 400, "{host}: {answer}");
        }
    }
    // A forwarded host is a stranger's word.
    let head = "x-forwarded-host: evil.example\r\nforwarded: host=evil.example\r\nx-original-url: /x\r\nx-rewrite-url: /x\r\n";
    let answer = asked(&server, "POST", "/api/sessions", head, "").await;
    assert_eq!(status(&answer), 201);
    assert!(!answer.contains("evil"), "{answer}");
    unharmed(&server, &session).await;
}

#[tokio::test]
async fn bodies_are_read_as_they_are_and_never_unpacked() {
    let (server, session, _) = attacked().await;
    // The beginning of ten gigabytes of zeros, and what is no compressed data at all.
    let bomb = "\u{1f}\u{8b}\u{8}\0\0\0\0\0\0\u{3}";
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, gzip, gzip", "identity", "x"] {
        let head = format!("content-encoding: {encoding}\r\n");
        assert_eq!(code(&asked(&server, "POST", "/api/sessions", &head, bomb).await), "INVALID_PARAMETERS");
    }
    for content_type in [
        "text/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-7",
    ] {
        let head = format!("content-type: {content_type}\r\n");
        let body = "<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]><x>&y;</x>";
        assert_eq!(code(&asked(&server, "POST", "/api/sessions", &head, body).await), "INVALID_PARAMETERS");
    }
    let answer = asked(&server, "POST", "/api/sessions", "expect: 100-continue\r\n", "{}").await;
    assert!(answer.contains(" 201 "), "{answer}");
    unharmed(&server, &session).await;
}

#[tokio::test]
async fn json_that_is_a_trap_costs_nothing() {
    let (server, session, _) = attacked().await;
    let path = format!("/api/sessions/{}", session.id);
    let bearer = format!("authorization: Bearer {}\r\n", session.creator);
    let keys = (0..1_200).map(|n| format!("\"{n}\":0,")).collect::<String>();
    let deep = |times: usize| format!("{{\"name\":{}1{}}}", "[".repeat(times), "]".repeat(times));
    for (body, status_expected) in [
        (deep(8_000), 400),
        ("[".repeat(100_000), 413),
        ("{\"a\":".repeat(3_000), 400),
        (format!("{{{keys}\"name\":null}}"), 200),
        ("{\"expires_in_minutes\":1e999}".to_owned(), 400),
        ("{\"expires_in_minutes\":-1e999}".to_owned(), 400),
        ("{\"expires_in_minutes\":NaN}".to_owned(), 400),
        ("{\"expires_in_minutes\":Infinity}".to_owned(), 400),
        ("{\"expires_in_minutes\":99999999999999999999999999999999999999}".to_owned(), 400),
        ("{\"expires_in_minutes\":18446744073709551617}".to_owned(), 400),
        ("{\"expires_in_minutes\":\"18446744073709551617\"}".to_owned(), 400),
        ("{\"expires_in_minutes\":-0}".to_owned(), 400),
        ("{\"expires_in_minutes\":-60}".to_owned(), 400),
        (format!("{{\"expires_in_minutes\":{}}}", "9".repeat(16_000)), 400),
        (format!("{{\"expires_in_minutes\":0.{}1}}", "0".repeat(16_000)), 400),
        ("{\"name\":\"\\ud800\"}".to_owned(), 400),
        ("{\"name\":\"\\u0000\"}".to_owned(), 400),
        ("{\"locked\":1}".to_owned(), 400),
        ("{\"name\":1,\"name\":\"last\"}".to_owned(), 200),
        ("\u{feff}{}".to_owned(), 400),
        ("{}{}".to_owned(), 400),
        ("{} // comment".to_owned(), 400),
        ("{'name':'x'}".to_owned(), 400),
        ("{\"__proto__\":{\"locked\":true},\"constructor\":{}}".to_owned(), 200),
    ] {
        let answer = asked(&server, "PATCH", &path, &bearer, &body).await;
        assert_eq!(status(&answer), status_expected, "{body:.60}: {answer}");
    }
    let shown = server.request("GET", &path, None, "").await.body;
    assert_eq!((&shown["locked"], &shown["name"]), (&Value::Bool(false), &Value::from("last")));
    unharmed(&server, &session).await;
}

#[tokio::test]
async fn names_cannot_pretend_or_break_out() {
    let (server, session, _) = attacked().await;
    let join = format!("/api/sessions/{}/join", session.id);
    let name = async |name: &str| {
        let body = serde_json::json!({"display_name": name}).to_string();
        server.request("POST", &join, None, body).await
    };
    for same in ["Ada\u{fe0f}", "\u{2060}Ada", " Ada\u{3000}"] {
        assert_eq!(name(same).await.code(), (400, "DISPLAY_NAME_TAKEN"), "{same:?}");
    }
    for unfit in [
        "",
        "\u{200b}",
        "\u{3164}",
        "a\u{202e}b",
        "a\u{2066}b",
        "a\r\nset-cookie: x",
        "a\u{0}",
        "a\u{1b}[2J",
        "a\u{85}b",
        "a\u{2029}b",
    ] {
        assert_eq!(name(unfit).await.code(), (400, "INVALID_PARAMETERS"), "{unfit:?}");
    }
    for odd in [
        "<script>alert(1)</script>",
        "' OR 1=1; --",
        "../../x",
        "%00%0a",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "{{7*7}}",
    ] {
        let joined = name(odd).await;
        assert_eq!((joined.status, joined.body["display_name"].as_str()), (201, Some(odd)));
        assert_eq!(joined.headers["content-type"], "application/json");
    }
    // One letter with a tower of accents is one letter for nobody's eyes, but not for the limit.
    assert_eq!(name(&format!("Z{}", "\u{301}".repeat(101))).await.code(), (400, "INVALID_PARAMETERS"));
}
