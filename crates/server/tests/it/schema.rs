//! Holds values against the schemas of a description (JSON Schema 2020-12), and stricter: what is not described is
//! wrong.

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::Validator;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// The schemas of an OpenAPI or AsyncAPI description, each compiled when it is first used.
pub(crate) struct Schemas {
    components: Value,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Schemas {
    pub(crate) fn of(description: &Value) -> Self {
        let mut components = description["components"].clone();
        let schemas = components["schemas"].as_object_mut().unwrap();
        schemas.values_mut().for_each(close_parts);
        Self { components, compiled: Mutex::default() }
    }

    /// Whether a value is as a schema of the description says, and has nothing besides.
    pub(crate) fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let name = schema.to_string();
        let known = self.compiled.lock().get(&name).cloned();
        let validator = known.unwrap_or_else(|| {
            let made = Arc::new(self.compile(schema));
            self.compiled.lock().insert(name, Arc::clone(&made));
            made
        });
        validator.validate(value).map_err(|wrong| format!("{wrong} at \"{}\"", wrong.instance_path()))
    }

    fn compile(&self, schema: &Value) -> Validator {
        let mut schema = schema.clone();
        close(&mut schema);
        schema["components"] = self.components.clone();
        jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
    }
}

/// Refuses what a schema does not describe. Parts of an `allOf` and schemas that are referred to may describe one
/// object together, so it is closed where it is used.
fn close(schema: &mut Value) {
    if ["type", "$ref", "oneOf", "allOf"].iter().any(|keyword| schema.get(keyword).is_some()) {
        schema["unevaluatedProperties"] = json!(false);
    }
    close_parts(schema);
}

fn close_parts(schema: &mut Value) {
    for (keyword, parts) in schema.as_object_mut().into_iter().flatten() {
        match (keyword.as_str(), parts) {
            ("properties", Value::Object(parts)) => parts.values_mut().for_each(close),
            ("items" | "additionalProperties", part) => close(part),
            ("prefixItems" | "oneOf", Value::Array(parts)) => parts.iter_mut().for_each(close),
            ("allOf", Value::Array(parts)) => parts.iter_mut().for_each(close_parts),
            _ => {}
        }
    }
}

#[test]
fn a_value_that_is_not_as_described_is_refused() {
    let schemas = Schemas::of(&json!({"components": {"schemas": {
        "Person": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        "Place": {
            "allOf": [{"$ref": "#/components/schemas/Person"}],
            "type": "object",
            "required": ["at"],
            "properties": {"at": {"type": "string", "format": "date-time"}, "seen": {"type": "array",
                "items": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Person"}]}}},
        },
    }}}));
    let place = json!({"$ref": "#/components/schemas/Place"});
    let good = json!({"name": "Ada", "at": "2026-11-24T02:53:10Z", "seen": [null, {"name": "Ben"}]});
    assert_eq!(schemas.check(&place, &good), Ok(()));
    for (key, wrong) in [
        ("name", json!(1)),
        ("at", json!("yesterday")),
        ("seen", json!([1])),
        ("seen", json!([{"name": "Ben", "secret": 1}])),
        ("secret", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[key] = wrong;
        assert!(schemas.check(&place, &bad).is_err(), "{bad}");
    }
    assert!(schemas.check(&place, &json!({"at": "2026-11-24T02:53:10Z"})).is_err());
}
