//! JSON Schema, as far as our descriptions use it.

use serde_json::{Map, Value, json};
use tagalong_core::id::SessionId;
use tagalong_core::time::Timestamp;

/// Whether a value is as a schema of a document says:
/// as JSON Schema has it, as far as the description uses it; and stricter: what is not described is wrong.
pub(crate) fn conforms(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(any) = schema.get("oneOf").and_then(Value::as_array) {
        let tried: Vec<_> = any.iter().map(|schema| conforms(document, schema, value)).collect();
        return tried.iter().find(|tried| tried.is_ok()).unwrap_or(&tried[0]).clone();
    }
    let schema = whole(document, schema);
    if let Some(wanted) = schema.get("const")
        && wanted != value
    {
        return Err(format!("{value} in place of {wanted}"));
    }
    if let Some(Value::Array(choices)) = schema.get("enum")
        && !choices.contains(value)
    {
        return Err(format!("{value} is none of {choices:?}"));
    }
    if !schema.contains_key("type") {
        return Ok(());
    }
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
        Value::Array(items) => items_conform(document, &schema, items),
        Value::Object(fields) => fields_conform(document, &schema, fields),
        _ => Ok(()),
    }
}

fn items_conform(document: &Value, schema: &Map<String, Value>, items: &[Value]) -> Result<(), String> {
    let Some(Value::Array(places)) = schema.get("prefixItems") else {
        return items.iter().try_for_each(|item| conforms(document, &schema["items"], item));
    };
    if places.len() != items.len() {
        return Err(format!("{} items in place of {}", items.len(), places.len()));
    }
    places.iter().zip(items).try_for_each(|(place, item)| conforms(document, place, item))
}

fn fields_conform(
    document: &Value,
    schema: &Map<String, Value>,
    fields: &Map<String, Value>,
) -> Result<(), String> {
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
        conforms(document, described, value).map_err(|wrong| format!("{field}: {wrong}"))
    })
}

/// A schema with what it refers to and what it is put together of in it.
fn whole(document: &Value, schema: &Value) -> Map<String, Value> {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.strip_prefix('#').unwrap();
        return whole(document, document.pointer(pointer).unwrap_or_else(|| panic!("{name} leads nowhere")));
    }
    let mut made = schema.as_object().unwrap().clone();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        for (key, value) in whole(document, part) {
            match (made.get_mut(&key), value) {
                (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
                (_, value) => _ = made.insert(key, value),
            }
        }
    }
    made
}
