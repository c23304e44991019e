//! Flux queries, answered as typed tables, whole or as they arrive.
//!
//! Values reach a query as parameters ([`Query::param`]): they travel beside the text as the options
//! of an `extern` file, the way Grafana and the InfluxDB UI send theirs, so no value is ever parsed
//! as Flux. The text reads them as `params.name`.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value as Json, json};
use watchpost_core::csv::{ReadError, Reader, Table};

use crate::client::{Body, Client, Request};
use crate::{Error, Result};

/// Rows a query may answer unless it says otherwise: some 100 MB of tables.
pub const DEFAULT_ROW_LIMIT: usize = 1_000_000;

/// Bytes an answer may have unless the query says otherwise.
pub const DEFAULT_BYTE_LIMIT: usize = 256 * 1024 * 1024;

/// A Flux query.
#[derive(Debug, Clone)]
pub struct Query {
    text: String,
    params: Vec<(String, Param)>,
    now: Option<i64>,
    row_limit: usize,
    byte_limit: usize,
    timeout: Option<Duration>,
}

/// A value handed to a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// A text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Float(f64),
    /// A truth.
    Boolean(bool),
    /// Nanoseconds since 1970.
    Time(i64),
    /// A length of time.
    Duration(Duration),
    /// Several texts.
    Strings(Vec<String>),
}

impl Query {
    /// A query with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            params: Vec::new(),
            now: None,
            row_limit: DEFAULT_ROW_LIMIT,
            byte_limit: DEFAULT_BYTE_LIMIT,
            timeout: None,
        }
    }

    /// Hands a value to the text, which reads it as `params.NAME`.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Param>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// What `now()` gives in the query: nanoseconds since 1970.
    #[must_use]
    pub fn now(mut self, nanoseconds: i64) -> Self {
        self.now = Some(nanoseconds);
        self
    }

    /// Rows of all tables together that may be answered.
    #[must_use]
    pub fn row_limit(mut self, rows: usize) -> Self {
        self.row_limit = rows;
        self
    }

    /// Bytes of CSV that may be answered.
    #[must_use]
    pub fn byte_limit(mut self, bytes: usize) -> Self {
        self.byte_limit = bytes;
        self
    }

    /// Longest the query may take, instead of the client's timeout.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    fn body(&self) -> Json {
        let mut body = json!({
            "query": self.text,
            "type": "flux",
            "dialect": { "header": true, "delimiter": ",", "annotations": ["datatype", "group", "default"] },
        });
        if let Some(now) = self.now {
            body["now"] = json!(watchpost_core::time::format_rfc3339(now));
        }
        if !self.params.is_empty() {
            body["extern"] = extern_file(&self.params);
        }
        body
    }
}

/// `option params = {name: value, …}` as the syntax tree the API takes.
fn extern_file(params: &[(String, Param)]) -> Json {
    let identifier = |name: &str| json!({ "type": "Identifier", "name": name });
    let properties: Vec<Json> = params
        .iter()
        .map(|(name, value)| json!({ "type": "Property", "key": identifier(name), "value": value.literal() }))
        .collect();
    json!({
        "type": "File",
        "package": null,
        "imports": null,
        "body": [{
            "type": "OptionStatement",
            "assignment": {
                "type": "VariableAssignment",
                "id": identifier("params"),
                "init": { "type": "ObjectExpression", "properties": properties },
            },
        }],
    })
}

impl Param {
    /// The value as a node of the syntax tree.
    fn literal(&self) -> Json {
        match self {
            Param::String(text) => json!({ "type": "StringLiteral", "value": text }),
            Param::Integer(value) => {
                json!({ "type": "IntegerLiteral", "value": value.to_string() })
            }
            Param::Float(value) => json!({ "type": "FloatLiteral", "value": value }),
            Param::Boolean(value) => json!({ "type": "BooleanLiteral", "value": value }),
            Param::Time(nanoseconds) => {
                json!({ "type": "DateTimeLiteral", "value": watchpost_core::time::format_rfc3339(*nanoseconds) })
            }
            Param::Duration(length) => {
                let magnitude = i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
                json!({ "type": "DurationLiteral", "values": [{ "magnitude": magnitude, "unit": "ns" }] })
            }
            Param::Strings(texts) => {
                let elements: Vec<Json> = texts
                    .iter()
                    .map(|text| json!({ "type": "StringLiteral", "value": text }))
                    .collect();
                json!({ "type": "ArrayExpression", "elements": elements })
            }
        }
    }
}

/// An answer while it arrives.
#[derive(Debug)]
pub struct QueryStream {
    client: Client,
    /// `None` once the answer has ended, well or not.
    response: Option<Response>,
    reader: Reader,
    bytes: usize,
    byte_limit: usize,
}

impl QueryStream {
    /// The next table, complete; `None` at the end.
    ///
    /// Errors: the query failed on the way, a limit is exceeded, the connection broke, or the CSV is
    /// not valid. The stream is spent then.
    pub async fn next_table(&mut self) -> Result<Option<Table>> {
        loop {
            if let Some(table) = self.reader.next_table() {
                return Ok(Some(table));
            }
            let Some(mut response) = self.response.take() else {
                return Ok(None);
            };
            let Some(piece) = self.client.chunk(&mut response).await? else {
                self.reader.finish().map_err(read_error)?;
                continue;
            };
            self.bytes += piece.len();
            if self.bytes > self.byte_limit {
                return Err(Error::TooLarge {
                    limit: self.byte_limit,
                    unit: "bytes",
                });
            }
            self.reader.feed(&piece).map_err(read_error)?;
            self.response = Some(response);
        }
    }
}

fn read_error(error: ReadError) -> Error {
    match error {
        ReadError::Query { message, reference } => Error::Query { message, reference },
        ReadError::TooManyRows { limit } => Error::TooLarge {
            limit,
            unit: "rows",
        },
        other => Error::Answer(other.to_string()),
    }
}

impl Client {
    /// Sends a query and gives its tables as they arrive.
    pub async fn query_stream(&self, query: &Query) -> Result<QueryStream> {
        let request = Request {
            method: Method::POST,
            path: "api/v2/query",
            query: &[("org", self.org())],
            body: Some(Body::json(&query.body())?),
            timeout: query.timeout,
            ..Request::default()
        };
        let response = self.send_ok(&request).await?;
        Ok(QueryStream {
            client: self.clone(),
            response: Some(response),
            reader: Reader::new(query.row_limit),
            bytes: 0,
            byte_limit: query.byte_limit,
        })
    }

    /// Sends a query and gives all its tables.
    pub async fn query(&self, query: &Query) -> Result<Vec<Table>> {
        let mut stream = self.query_stream(query).await?;
        let mut tables = Vec::new();
        while let Some(table) = stream.next_table().await? {
            tables.push(table);
        }
        Ok(tables)
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for Param {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Param {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<bool> for Param {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<Duration> for Param {
    fn from(length: Duration) -> Self {
        Self::Duration(length)
    }
}

impl From<Vec<String>> for Param {
    fn from(texts: Vec<String>) -> Self {
        Self::Strings(texts)
    }
}
