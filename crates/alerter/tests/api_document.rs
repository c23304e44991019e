//! `openapi.json`, the routes that are served and the answers they give say the same.

use std::collections::BTreeSet;

use serde_json::Value;
use watchpost_alerter::api::OPENAPI;

#[test]
fn the_document_names_every_route() {
    let source = include_str!("../src/api/mod.rs");
    let quoted = source.split('"').skip(1).step_by(2);
    let served: BTreeSet<&str> = quoted.filter(|text| text.starts_with("/api/")).collect();
    let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    let described: BTreeSet<&str> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(served, described);
}

#[test]
fn every_change_needs_the_token() {
    let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let guarded = operation.get("security").is_some();
            assert_eq!(guarded, method != "get", "{method} {path}");
        }
    }
}

/// The answer to a GET has exactly the keys and the types that the document promises.
///
/// # Panics
/// If it has not, with the place in the answer.
pub(crate) fn check_answer(path: &str, answer: &Value) {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let path = path.split('?').next().unwrap();
    let paths = document["paths"].as_object().unwrap();
    let described = paths.iter().find(|(template, _)| fits(template, path));
    let Some((template, operations)) = described else {
        panic!("{path} is not in the document")
    };
    let schema = operations
        .pointer("/get/responses/200/content/application~1json/schema")
        .unwrap_or_else(|| panic!("{template} has no schema"));
    if let Err(place) = matches(&document, schema, answer) {
        panic!("{path}: {place}\n{answer}");
    }
}

fn fits(template: &str, path: &str) -> bool {
    let same = |(t, p): (&str, &str)| t == p || t.starts_with('{');
    template.split('/').count() == path.split('/').count()
        && template.split('/').zip(path.split('/')).all(same)
}

/// Whether the value is as the schema says: the part of JSON Schema that the document uses.
fn matches(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#'));
        return matches(document, target.unwrap(), value).map_err(|e| format!("{reference}{e}"));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let tried = choices.iter().map(|one| matches(document, one, value));
        let errors: Vec<String> = tried.filter_map(Result::err).collect();
        return match errors.len() < choices.len() {
            true => Ok(()),
            false => Err(format!("none of: {errors:?}")),
        };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = &schema["type"];
    let is = |name: &str| name == kind || (name == "number" && kind == "integer");
    let fits = allowed.as_str().is_some_and(is)
        || allowed
            .as_array()
            .is_some_and(|list| list.iter().any(|name| name.as_str().is_some_and(is)));
    let all = schema["allOf"].as_array();
    if !fits && all.is_none() {
        return Err(format!(": {kind} instead of {allowed}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!(": {value} is none of {allowed:?}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        matches(document, &schema["items"], item).map_err(|e| format!("[{index}]{e}"))?;
    }
    let parts = all.map_or_else(|| vec![schema], |all| all.iter().collect());
    object(document, &parts, value)
}

/// Every key is described, and every described key is there.
fn object(document: &Value, parts: &[&Value], value: &Value) -> Result<(), String> {
    let Some(fields) = value.as_object() else {
        return Ok(());
    };
    let resolve = |part: &Value| match part["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).cloned(),
        None => Some(part.clone()),
    };
    let mut described = serde_json::Map::new();
    for part in parts.iter().filter_map(|part| resolve(part)) {
        if part.get("additionalProperties").is_some() {
            return Ok(());
        }
        described.extend(part["properties"].as_object().cloned().unwrap_or_default());
    }
    let missing = described.keys().find(|key| !fields.contains_key(*key));
    if let Some(key) = missing {
        return Err(format!(".{key}: is missing"));
    }
    for (key, value) in fields {
        let schema = described.get(key);
        let schema = schema.ok_or_else(|| format!(".{key}: is not described"))?;
        matches(document, schema, value).map_err(|e| format!(".{key}{e}"))?;
    }
    Ok(())
}
