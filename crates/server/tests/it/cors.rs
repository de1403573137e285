//! What pages of other origins may do with REST.

use tagalong::config::Origins;

use crate::harness::{Fetched, Server};

const FRIEND: &str = "https://friend.example";
const STRANGER: &str = "https://stranger.example";

async fn server() -> Server {
    Server::start_with(|config| config.origins = Origins::Listed(vec![FRIEND.to_owned()])).await
}

async fn preflight(server: &Server, origin: &str, method: &str) -> Fetched {
    let asked = [
        ("origin", origin),
        ("access-control-request-method", method),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    server.fetch("OPTIONS", "/api/sessions", &asked, "").await
}

/// The methods or headers of a list, in order and in lower case.
fn listed(text: &str) -> Vec<String> {
    let mut names: Vec<_> = text.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_listed_origin_may_ask_beforehand_and_need_not_ask_again_soon() {
    let server = server().await;
    for method in ["POST", "PATCH", "DELETE"] {
        let answer = preflight(&server, FRIEND, method).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), FRIEND);
        let methods = listed(answer.header("access-control-allow-methods"));
        assert_eq!(methods, ["delete", "get", "patch", "post"]);
        let headers = listed(answer.header("access-control-allow-headers"));
        assert_eq!(headers, ["authorization", "content-type"]);
        assert_eq!(answer.header("access-control-max-age"), "600");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(listed(answer.header("vary")).contains(&"origin".to_owned()));
    }
}

#[tokio::test]
async fn a_listed_origin_reads_answers_and_refusals() {
    let server = server().await;
    for (method, path, status) in
        [("POST", "/api/sessions", 201), ("GET", "/api/sessions/x", 404), ("PUT", "/api/sessions", 405)]
    {
        let answer = server.fetch(method, path, &[("origin", FRIEND)], "").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("access-control-allow-origin"), FRIEND, "{method} {path}");
        assert_eq!(listed(answer.header("access-control-expose-headers")), ["retry-after", "x-request-id"]);
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(listed(answer.header("vary")).contains(&"origin".to_owned()), "{method} {path}");
    }
}

#[tokio::test]
async fn a_listed_origin_is_told_to_wait_and_is_not_counted_when_it_asks_beforehand() {
    let server = Server::start_with(|config| {
        config.origins = Origins::Listed(vec![FRIEND.to_owned()]);
        config.rate_limits = true;
        config.sessions_per_hour = 1;
        config.misses_per_minute = 1;
    })
    .await;
    let make = || server.fetch("POST", "/api/sessions", &[("origin", FRIEND)], "");
    assert_eq!(make().await.status, 201);
    let refused = make().await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "3600"));
    assert_eq!(refused.header("access-control-allow-origin"), FRIEND);

    let guess = "/api/sessions/00000000-0000-4000-8000-000000000000";
    for status in [404, 429] {
        assert_eq!(server.fetch("GET", guess, &[("origin", FRIEND)], "").await.status, status);
    }
    let asked = [("origin", FRIEND), ("access-control-request-method", "DELETE")];
    assert_eq!(server.fetch("OPTIONS", guess, &asked, "").await.status, 200);
}

#[tokio::test]
async fn any_other_origin_is_allowed_nothing() {
    for server in [server().await, Server::start().await] {
        let similar = format!("{FRIEND}.stranger.example");
        for origin in [STRANGER, "null", "http://friend.example", "https://friend.example:444", &similar] {
            let asked = preflight(&server, origin, "DELETE").await;
            let answer = server.fetch("GET", "/api/config", &[("origin", origin)], "").await;
            for refused in [asked, answer] {
                assert_eq!(refused.header("access-control-allow-origin"), "", "{origin}");
                assert_eq!(refused.header("access-control-allow-credentials"), "", "{origin}");
            }
        }
    }
}

#[tokio::test]
async fn every_origin_may_where_that_is_set_but_never_with_credentials() {
    let server = Server::start_with(|config| config.origins = Origins::Any).await;
    let asked = preflight(&server, STRANGER, "DELETE").await;
    let answer = server.fetch("GET", "/api/config", &[("origin", STRANGER)], "").await;
    for allowed in [asked, answer] {
        assert_eq!(allowed.header("access-control-allow-origin"), "*");
        assert_eq!(allowed.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn pages_metrics_and_apps_are_for_no_other_origin() {
    let server = Server::start_with(|config| config.origins = Origins::Any).await;
    for path in ["/", "/docs", "/metrics", "/dashboard", "/track/x/owntracks"] {
        let answer = server.fetch("GET", path, &[("origin", STRANGER)], "").await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}
