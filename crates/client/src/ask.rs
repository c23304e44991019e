//! Neutral questions, sent in the language of the server's kind and read back into one form.
//!
//! An answer that is not whole is an error: a rule that judges half of the data pages for nothing, or stays
//! silent. So is one in another form than the kind's: a proxy's page, or a server of another kind.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Method, Url};
use watchpost_query::dialect::sql::Schema;
use watchpost_query::dialect::{flux, metricsql, sql};
use watchpost_query::reader::{ReadError, annotated_csv, influxdb3, prometheus};
use watchpost_query::{Answer, Ask, Kind, Question};

use crate::client::{Body, Client, Request};
use crate::query::{DEFAULT_BYTE_LIMIT, DEFAULT_ROW_LIMIT, Query};
use crate::{Error, Result};

/// How much an answer may be, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Points of all series together.
    pub rows: usize,
    /// Bytes of each request's answer.
    pub bytes: usize,
    /// Longest each request may take, instead of the client's timeout. VictoriaMetrics does not stop a
    /// calculation of its own accord.
    pub timeout: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            rows: DEFAULT_ROW_LIMIT,
            bytes: DEFAULT_BYTE_LIMIT,
            timeout: None,
        }
    }
}

/// The columns of InfluxDB 3's tables, by bucket and measurement.
#[derive(Debug, Default)]
pub(crate) struct Schemas(Mutex<HashMap<(String, String), Schema>>);

impl Client {
    /// Asks a question.
    ///
    /// Errors: the server cannot be asked, refuses, answers in part, or in another form than its kind's.
    pub async fn ask(&self, question: &Question, limits: &Limits) -> Result<Answer> {
        // InfluxDB 2 refuses an empty range; nothing is in it.
        if question.range.length() <= 0 {
            return Ok(Answer::default());
        }
        match self.config().kind {
            Kind::InfluxDb2 => self.ask_in_flux(question, limits).await,
            Kind::VictoriaMetrics => self.ask_in_metricsql(question, limits).await,
            Kind::InfluxDb3 => self.ask_in_sql(question, limits).await,
        }
    }

    async fn ask_in_flux(&self, question: &Question, limits: &Limits) -> Result<Answer> {
        let mut query = Query::new(flux::text(question))
            .row_limit(limits.rows)
            .byte_limit(limits.bytes);
        if let Some(timeout) = limits.timeout {
            query = query.timeout(timeout);
        }
        let tables = self
            .query(&query)
            .await
            .map_err(|error| self.hinted(error))?;
        Ok(annotated_csv::read(question, &tables))
    }

    async fn ask_in_metricsql(&self, question: &Question, limits: &Limits) -> Result<Answer> {
        let unsupported =
            |error: watchpost_query::dialect::Unsupported| Error::Config(error.to_string());
        let requests = metricsql::requests(question).map_err(unsupported)?;
        let mut reader = prometheus::Reader::new(question, limits.rows);
        for request in &requests {
            let body = self
                .metricsql(request.path, &request.parameters, limits)
                .await?;
            reader.take(request, &body).map_err(read_error)?;
        }
        Ok(reader.finish())
    }

    /// Sends one request of VictoriaMetrics' query API and gives the body of its answer.
    async fn metricsql(
        &self,
        path: &str,
        parameters: &[(&str, String)],
        limits: &Limits,
    ) -> Result<Vec<u8>> {
        let path = format!("{}{path}", self.reading_prefix());
        let form = Url::parse_with_params("http://form", parameters)
            .map_err(|error| Error::Config(error.to_string()))?;
        let form = form.query().unwrap_or_default().to_owned();
        let request = Request {
            method: Method::POST,
            path: &path,
            body: Some(Body {
                bytes: form.into(),
                content_type: "application/x-www-form-urlencoded",
                gzip: false,
            }),
            timeout: limits.timeout,
            ..Request::default()
        };
        self.whole_body(&request, limits).await
    }

    async fn ask_in_sql(&self, question: &Question, limits: &Limits) -> Result<Answer> {
        let schema = self.schema(question, limits).await?;
        let mut reader = influxdb3::Reader::new(question, &schema, limits.rows);
        for query in sql::queries(question, &schema) {
            let body = self.sql(&question.bucket, &query.text, limits).await?;
            reader.take(&query, &body).map_err(read_error)?;
        }
        Ok(reader.finish())
    }

    /// The columns of the question's table. Those that are known serve until something else is asked for.
    async fn schema(&self, question: &Question, limits: &Limits) -> Result<Schema> {
        let key = (question.bucket.clone(), question.measurement.clone());
        let known = {
            let schemas = self.schemas().0.lock();
            let schemas = schemas.unwrap_or_else(PoisonError::into_inner);
            schemas.get(&key).cloned()
        };
        if let Some(schema) = known.filter(|schema| covers(schema, question)) {
            return Ok(schema);
        }
        let text = sql::schema_text(&question.measurement);
        let body = self.sql(&question.bucket, &text, limits).await?;
        let schema = Schema::read(&body).map_err(read_error)?;
        let schemas = self.schemas().0.lock();
        let mut schemas = schemas.unwrap_or_else(PoisonError::into_inner);
        schemas.insert(key, schema.clone());
        Ok(schema)
    }

    /// Runs SQL in a database and gives the rows in JSON.
    pub(crate) async fn sql(&self, database: &str, text: &str, limits: &Limits) -> Result<Vec<u8>> {
        let body = serde_json::json!({ "db": database, "q": text, "format": "json" });
        let request = Request {
            method: Method::POST,
            path: "api/v3/query_sql",
            body: Some(Body::json(&body)?),
            timeout: limits.timeout,
            ..Request::default()
        };
        self.whole_body(&request, limits).await
    }

    async fn whole_body(&self, request: &Request<'_>, limits: &Limits) -> Result<Vec<u8>> {
        let response = self
            .send_ok(request)
            .await
            .map_err(|error| self.hinted(error))?;
        self.read(response, limits.bytes).await
    }

    /// Says that the address may be another kind's, where the error looks so.
    fn hinted(&self, error: Error) -> Error {
        let Error::Api {
            status,
            code,
            message,
            retry_after,
        } = error
        else {
            return error;
        };
        let unknown_path = matches!(status, 404 | 405)
            && !message.contains("bucket")
            && !message.contains("database");
        let kind = self.config().kind;
        let message = match unknown_path || message.contains("unsupported path requested") {
            true => format!(
                "{message}: the server does not know the requests of {}; is it of another kind than influx.kind = {:?}?",
                kind.title(),
                kind.name()
            ),
            false => message,
        };
        Error::Api {
            status,
            code,
            message,
            retry_after,
        }
    }
}

/// Whether all that a question names is known.
fn covers(schema: &Schema, question: &Question) -> bool {
    let has_tag = |tag: &String| schema.tags.contains(tag);
    let is_known = |selection: &watchpost_query::Selection| {
        let fields = &selection.fields;
        let tags = selection.matchers.iter().map(|matcher| &matcher.tag);
        !fields.is_empty()
            && fields.iter().all(|field| schema.fields.contains_key(field))
            && tags.into_iter().all(has_tag)
    };
    let asks_tag = match &question.ask {
        Ask::TagValues { tag } => has_tag(tag),
        _ => true,
    };
    asks_tag && !question.selections.is_empty() && question.selections.iter().all(is_known)
}

fn read_error(error: ReadError) -> Error {
    match error {
        ReadError::Partial => Error::Partial(error.to_string()),
        ReadError::TooMany { limit } => Error::TooLarge {
            limit,
            unit: "rows",
        },
        ReadError::Failed(message) => Error::Query {
            message,
            reference: String::new(),
        },
        form @ ReadError::Form { .. } => Error::Answer(form.to_string()),
    }
}
