//! Holds every REST answer that a test gets against the description that the server gives of itself.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use tagalong_core::id::SessionId;
use tagalong_core::time::Timestamp;

use crate::harness::Server;

static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(tagalong::http::description()).unwrap());

/// Fails when an answer at a described address is not as described.
pub(crate) fn check(method: &str, path: &str, status: u16, body: &Value) {
    let path = path.split('?').next().unwrap_or_default();
    let operation = &operations(path)[method.to_lowercase()];
    if operation.is_null() {
        return;
    }
    let described = &operation["responses"][status.to_string()]["content"]["application/json"];
    assert!(described.is_object(), "{method} {path}: nothing says that it may answer {status}");
    if let Err(wrong) = conforms(&described["schema"], body) {
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

/// As JSON Schema has it, as far as the description uses it; and stricter: what is not described is wrong.
fn conforms(schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(any) = schema.get("oneOf").and_then(Value::as_array) {
        let tried: Vec<_> = any.iter().map(|schema| conforms(schema, value)).collect();
        return tried.iter().find(|tried| tried.is_ok()).unwrap_or(&tried[0]).clone();
    }
    let schema = whole(schema);
    let names = match schema.get("type") {
        Some(Value::Array(names)) => names.clone(),
        name => name.cloned().into_iter().collect(),
    };
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if names.contains(&json!("integer")) && number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !names.contains(&json!(name)) {
        return Err(format!("{name} in place of {names:?}"));
    }
    match value {
        Value::String(text) => match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => Timestamp::parse(text).map(|_| ()).map_err(|error| error.to_string()),
            Some("uuid") => SessionId::parse(text).map(|_| ()).map_err(|error| error.to_string()),
            _ => Ok(()),
        },
        Value::Array(items) => items.iter().try_for_each(|item| conforms(&schema["items"], item)),
        Value::Object(fields) => fields_conform(&schema, fields),
        _ => Ok(()),
    }
}

fn fields_conform(schema: &Map<String, Value>, fields: &Map<String, Value>) -> Result<(), String> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let missing = required.filter_map(Value::as_str).find(|field| !fields.contains_key(*field));
    if let Some(missing) = missing {
        return Err(format!("no {missing}"));
    }
    fields.iter().try_for_each(|(field, value)| {
        let described = schema
            .get("properties")
            .and_then(|properties| properties.get(field))
            .or(schema.get("additionalProperties"));
        let described = described.ok_or_else(|| format!("{field} is not described"))?;
        conforms(described, value).map_err(|wrong| format!("{field}: {wrong}"))
    })
}

/// A schema with what it refers to and what it is put together of in it.
fn whole(schema: &Value) -> Map<String, Value> {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.strip_prefix('#').unwrap();
        return whole(DESCRIPTION.pointer(pointer).unwrap_or_else(|| panic!("{name} leads nowhere")));
    }
    let mut made = schema.as_object().unwrap().clone();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        for (key, value) in whole(part) {
            match (made.get_mut(&key), value) {
                (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
                (_, value) => _ = made.insert(key, value),
            }
        }
    }
    made
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
