//! Holds every REST answer that a test gets against the description that the server gives of itself.

use std::sync::LazyLock;

use serde_json::Value;

use crate::harness::Server;
use crate::schema::Schemas;

static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(tagalong::http::description()).unwrap());
static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::of(&DESCRIPTION));

/// Fails when an answer at a described address is not as described.
pub(crate) fn check(method: &str, path: &str, status: u16, body: &Value) {
    let path = path.split('?').next().unwrap_or_default();
    let operation = &operations(path)[method.to_lowercase()];
    if operation.is_null() {
        return;
    }
    let described = &operation["responses"][status.to_string()]["content"]["application/json"];
    assert!(described.is_object(), "{method} {path}: nothing says that it may answer {status}");
    if let Err(wrong) = SCHEMAS.check(&described["schema"], body) {
        panic!("{method} {path}: {wrong} in {body}");
    }
    if let Some(code) = body["code"].as_str() {
        assert!(
            described["examples"][code].is_object(),
            "{method} {path}: nothing says that it may be {code}"
        );
    }
}

fn operations(path: &str) -> &'static Value {
    let fits = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len()
            && template.iter().zip(path).all(|(part, given)| part.starts_with('{') || *part == given)
    };
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    paths.iter().find(|(template, _)| fits(template)).map_or(&Value::Null, |(_, operations)| operations)
}

#[tokio::test]
async fn the_server_hands_its_description_out() {
    let server = Server::start().await;
    let answer = server.request("GET", "/api/openapi.json", None, "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.body, *DESCRIPTION);
    assert_eq!(answer.body["openapi"], "3.1.0");
}

#[test]
fn every_operation_says_what_it_is_for() {
    for (path, operations) in DESCRIPTION["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
        }
    }
}

#[test]
fn the_documentation_and_the_description_know_the_same_addresses() {
    let page = include_str!("../../../../docs/API.md");
    let quoted = |line: &str| line.split('`').nth(1).map(str::to_owned);
    let heading = |line: &&str| line.starts_with("### `") || line.starts_with("| `GET /health");
    let mut documented: Vec<String> = page.lines().filter(heading).filter_map(quoted).collect();
    documented.retain(|address| address != "GET /api/openapi.json");
    let operations = DESCRIPTION["paths"].as_object().unwrap().iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let mut described: Vec<String> = operations.collect();
    documented.sort();
    described.sort();
    assert_eq!(documented, described);
}

#[tokio::test]
async fn the_bodies_that_it_gives_as_examples_are_accepted() {
    let server = Server::start().await;
    let session = server.session().await;
    let path = format!("/api/sessions/{}", session.id);
    let example = |name: &str| DESCRIPTION["components"]["schemas"][name]["example"].to_string();
    let made = server.request("POST", "/api/sessions", None, example("NewSession")).await;
    assert_eq!(made.status, 201);
    let joined = server.request("POST", &format!("{path}/join"), None, example("NewParticipant")).await;
    assert_eq!(joined.status, 201);
    let updated = server.request("PATCH", &path, Some(&session.creator), example("SessionUpdate")).await;
    assert_eq!(updated.status, 200);
}
