//! Reading a query request: JSON or raw Flux, its dialect, its `now`, its `extern` and its `params`.

use axum::http::header;
use serde_json::{Map, Value};
use watchpost_core::csv::{Annotation, Dialect};
use watchpost_flux::syntax::{Diagnostic, ast, format, json, parse};

use crate::api::call::Call;
use crate::api::error::ApiError;
use crate::api::json::{JsonError, Object, first_object};
use crate::clock::parse_rfc3339;
use crate::meta::Id;

/// A query as it was asked for.
#[derive(Debug, Clone)]
pub struct QueryRequest {
    /// The script.
    pub text: String,
    /// The organization.
    pub org: Id,
    /// How the answer is to be written.
    pub dialect: Dialect,
    /// What `now()` answers; none: the time of the request.
    pub now: Option<i64>,
    /// Definitions that come before the script.
    pub externals: Option<ast::File>,
}

impl QueryRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// What cannot be understood, with `failed to decode request body: ` before it.
    pub fn of(call: &Call) -> Result<Self, ApiError> {
        Self::read(call).map_err(|error| {
            let message = format!("failed to decode request body: {}", error.message);
            // Whatever is wrong with a query request is a bad request, an unknown organization too.
            ApiError::invalid(message)
        })
    }

    fn read(call: &Call) -> Result<Self, ApiError> {
        let org =
            |call: &Call| Ok::<_, ApiError>(call.required_organization(&call.app.meta.read())?.id);
        let content_type = call.header(&header::CONTENT_TYPE).unwrap_or_default();
        if content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case("application/vnd.flux")
        {
            let text = String::from_utf8(call.body.to_vec())
                .map_err(|_| ApiError::invalid("the script is not UTF-8"))?;
            let text = required(text)?;
            return Ok(Self {
                text,
                org: org(call)?,
                dialect: Dialect::default(),
                now: None,
                externals: None,
            });
        }
        let request =
            first_object(&call.body, "QueryRequest", "http.QueryRequest").map_err(not_json)?;
        let text = required(request.text("query")?)?;
        match request.text("type")?.as_str() {
            "" | "flux" => {}
            other => return Err(ApiError::invalid(format!("unknown query type: {other}"))),
        }
        let dialect = match request.object("dialect", "http.QueryDialect")? {
            None => Dialect::default(),
            Some(members) => dialect(&Object::new(members.clone(), "QueryDialect"))?,
        };
        let now = match request.string("now")? {
            None => None,
            Some(text) => {
                let time = parse_rfc3339(&text);
                Some(time.ok_or_else(|| {
                    ApiError::invalid(format!("now is not a time in RFC 3339: {text:?}"))
                })?)
            }
        };
        let mut externals = match request.get("extern") {
            None => None,
            Some(tree) => Some(externals(tree)?),
        };
        if let Some(given) = request.object("params", "map[string]interface {}")? {
            let given = parameters(given)?;
            match &mut externals {
                Some(externals) => externals.body.extend(given.body),
                None => externals = Some(given),
            }
        }
        Ok(Self {
            text,
            org: org(call)?,
            dialect,
            now,
            externals,
        })
    }
}

fn required(text: String) -> Result<String, ApiError> {
    match text.is_empty() {
        true => Err(ApiError::invalid(
            "request body requires either query or AST",
        )),
        false => Ok(text),
    }
}

fn not_json(error: JsonError) -> ApiError {
    ApiError::from(error).within(
        "failed parsing request body as JSON; if sending a raw Flux script, set 'Content-Type: application/vnd.flux' \
         in your request headers",
    )
}

fn dialect(given: &Object) -> Result<Dialect, ApiError> {
    let mut dialect = Dialect {
        header: given.boolean("header")?.unwrap_or(true),
        ..Dialect::default()
    };
    let delimiter = given.text("delimiter")?;
    let mut letters = delimiter.chars();
    match (letters.next(), letters.next()) {
        (None, _) => {}
        (Some(letter), None) if !matches!(letter, '\r' | '\n' | '"' | '\u{fffd}') => {
            dialect.delimiter = letter
        }
        _ => {
            return Err(ApiError::invalid(
                "invalid dialect delimeter: must be length 1",
            ));
        }
    }
    if given.text("commentPrefix")?.chars().count() > 1 {
        return Err(ApiError::invalid(
            "invalid dialect comment prefix: must be length 0 or 1",
        ));
    }
    let format = given.text("dateTimeFormat")?;
    if !matches!(format.as_str(), "" | "RFC3339" | "RFC3339Nano") {
        return Err(ApiError::invalid(format!(
            "unknown dialect date time format: {format}"
        )));
    }
    for name in given.list("annotations", "[]string")?.into_iter().flatten() {
        dialect.annotations.push(annotation(name)?);
    }
    Ok(dialect)
}

/// An annotation by its name, or by its number, as the `influxdb2` crate has it.
fn annotation(name: &Value) -> Result<Annotation, ApiError> {
    let found = match name {
        Value::String(name) => Annotation::from_name(name),
        Value::Number(number) => match number.as_i64() {
            Some(1) => Some(Annotation::Group),
            Some(2) => Some(Annotation::Default),
            Some(3) => Some(Annotation::DataType),
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(|| {
        let name = name
            .as_str()
            .map_or_else(|| name.to_string(), str::to_owned);
        ApiError::invalid(format!("unknown dialect annotation type: {name}"))
    })
}

/// `params` as the definition of a record of that name.
fn parameters(given: &Map<String, Value>) -> Result<ast::File, ApiError> {
    let mut record = Vec::with_capacity(given.len());
    for (name, value) in given {
        let literal = match value {
            Value::String(text) => format::quote(text),
            Value::Bool(truth) => truth.to_string(),
            // Flux knows no exponents, which JSON may use.
            Value::Number(number) if number.is_f64() => {
                format!("float(v: {})", format::quote(&number.to_string()))
            }
            Value::Number(number) => number.to_string(),
            _ => {
                return Err(ApiError::invalid(format!(
                    "params: {name:?} is neither a text, a number nor a truth value"
                )));
            }
        };
        record.push(format!("{}: {literal}", format::quote(name)));
    }
    let (file, diagnostics) = parse(&format!("params = {{{}}}", record.join(", ")));
    match diagnostics.is_empty() {
        true => Ok(file),
        false => {
            let reasons = Diagnostic::join(&diagnostics);
            Err(ApiError::invalid(format!("params: {reasons}")))
        }
    }
}

fn externals(tree: &Value) -> Result<ast::File, ApiError> {
    json::read_file(tree)
        .map_err(|error| ApiError::invalid(format!("extern is no Flux file: {error}")))
}
