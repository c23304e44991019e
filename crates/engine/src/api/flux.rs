//! What tells about a script without running it: its errors, its tree, and the functions there are.

use serde_json::{Value, json};
use watchpost_flux::error::Error;
use watchpost_flux::semantic::suggestion::{self, Suggestion};
use watchpost_flux::syntax;

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::json::first_object;
use crate::query::query_error;

fn script(call: &Call) -> Result<String, ApiError> {
    let request = first_object(&call.body, "langRequest", "http.langRequest")
        .map_err(|error| ApiError::from(error).within("invalid json"))?;
    Ok(request.text("query")?)
}

/// `POST /api/v2/query/analyze`: the script's errors, by line and column.
pub fn analyze(call: &Call) -> Reply {
    let text = script(call)?;
    let errors: Vec<Value> = match watchpost_flux::Program::compile(&text, None, call.now()) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => diagnostics
            .iter()
            .map(|diagnostic| {
                json!({
                    "line": diagnostic.span.start.line,
                    "column": diagnostic.span.start.column,
                    "character": diagnostic.span.start.offset,
                    "message": diagnostic.message,
                })
            })
            .collect(),
    };
    Ok(Answer::ok(json!({ "errors": errors })))
}

/// `POST /api/v2/query/ast`: the script's tree.
pub fn ast(call: &Call) -> Reply {
    let text = script(call)?;
    let (file, diagnostics) = syntax::parse(&text);
    if let Some(first) = diagnostics.first() {
        return Err(ApiError::invalid(format!(
            "invalid AST: loc {}: {}",
            first.span, first.message
        )));
    }
    let (bytes, limit) = (syntax::json::bytes(&file), call.app.limits.max_query_bytes);
    if bytes > limit {
        return Err(query_error(Error::out_of_memory(limit, bytes)));
    }
    let _reserved = call.app.memory.reserve(bytes)?;
    Ok(Answer::ok(
        json!({ "ast": syntax::json::write_package(&file, &text) }),
    ))
}

/// `GET /api/v2/query/suggestions`: every function that needs no import, and its parameters.
pub fn suggestions(_call: &Call) -> Reply {
    let funcs: Vec<Value> = suggestion::suggestions().iter().map(shown).collect();
    Ok(Answer::ok(json!({ "funcs": funcs })))
}

/// `GET /api/v2/query/suggestions/{name}`.
pub fn one_suggestion(call: &Call) -> Reply {
    let name = call.parameter("name");
    let found = suggestion::suggestion(name);
    let found =
        found.ok_or_else(|| ApiError::not_found(format!("function \"{name}\" not found")))?;
    Ok(Answer::ok(shown(&found)))
}

fn shown(suggestion: &Suggestion) -> Value {
    let parameters = suggestion
        .parameters
        .iter()
        .map(|(name, kind)| (name.to_string(), json!(kind)));
    let parameters: serde_json::Map<String, Value> = parameters.collect();
    json!({ "name": suggestion.name, "params": parameters })
}
