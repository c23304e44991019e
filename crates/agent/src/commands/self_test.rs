//! `self-test`: is all well between this agent and its server? Writes records of its own, reads them back,
//! compares, deletes them, and says what worked and what to do about what did not.

use std::process::ExitCode;

use serde::Serialize;
use watchpost_client::query::Query;
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, Error, Kind};
use watchpost_core::time::NANOS_PER_SECOND;
use watchpost_service::cli::Output;
use watchpost_service::config::InfluxConfig;

use crate::clock;
use crate::config::{AgentConfig, PRIMARY_OUTPUT};
use crate::pipeline::{PipelineError, client};

/// The measurement of the records, which no dashboard reads.
const MEASUREMENT: &str = "watchpost_self_test";

/// How many records.
const RECORDS: i64 = 10;

/// A clock further off than this spoils rules that look at the last minute.
const MAX_SKEW_SECONDS: f64 = 5.0;

/// One step and how it went.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) ok: bool,
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Step {
    fn passed(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            detail: detail.into(),
            hint: None,
        }
    }

    fn failed(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            name,
            ok: false,
            detail: detail.into(),
            hint: Some(hint.into()),
        }
    }
}

/// Runs the steps and prints them. Exit code 0 if all passed.
pub(super) async fn run(config: AgentConfig, output: Output) -> ExitCode {
    let steps = match steps(&config, Depth::All).await {
        Ok(steps) => steps,
        Err(error) => return super::fail(&error),
    };
    let ok = steps.iter().all(|step| step.ok);
    match output {
        Output::Json => watchpost_service::cli::print(format_args!(
            "{}\n",
            serde_json::json!({ "ok": ok, "steps": steps })
        )),
        Output::Human => {
            print(&steps);
            let verdict = if ok {
                "All checks passed."
            } else {
                "Some checks failed."
            };
            watchpost_service::cli::print(format_args!("{verdict}\n"));
        }
    }
    if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// How far the steps go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Until the server has taken a write.
    Write,
    /// The records are read and deleted, too.
    All,
}

/// The steps, up to the first that failed and that the others need.
///
/// Errors: no client can be made of the configuration.
pub(super) async fn steps(config: &AgentConfig, depth: Depth) -> Result<Vec<Step>, PipelineError> {
    let client = client(PRIMARY_OUTPUT, &config.influx)?;
    let bucket = config.influx.bucket.as_str();
    // Servers of other kinds have no API of InfluxDB 2 to ask; what an agent does there is to write.
    let is_influxdb2 = client.config().kind == Kind::InfluxDb2;
    let mut steps = Vec::new();
    if is_influxdb2 {
        steps.push(reach(&client).await);
        steps.extend(missing_token(&config.influx));
    }
    if steps.iter().all(|step| step.ok) {
        let run = Run {
            client: &client,
            bucket,
            id: format!("{:016x}", fastrand::u64(..)),
            at: clock::now(),
        };
        if is_influxdb2 {
            steps.push(run.clock_skew().await);
        }
        let written = run.write().await;
        let stored = written.ok;
        steps.push(written);
        if stored && is_influxdb2 && depth == Depth::All {
            steps.push(run.read().await);
            steps.push(run.delete().await);
        }
    }
    Ok(steps)
}

/// A line a step, and what to do about one that failed.
pub(super) fn print(steps: &[Step]) {
    for step in steps {
        let verdict = if step.ok { "ok" } else { "FAIL" };
        watchpost_service::cli::print(format_args!(
            "{verdict:<4} {:<10} {}\n",
            step.name, step.detail
        ));
        if let Some(hint) = &step.hint {
            watchpost_service::cli::print(format_args!("     {:<10} {hint}\n", ""));
        }
    }
}

async fn reach(client: &Client) -> Step {
    let url = &client.config().url;
    match client.health().await {
        Ok(health) if health.status == "pass" => Step::passed(
            "reach",
            format!("{url} answers, version {}", health.version),
        ),
        Ok(health) => Step::failed(
            "reach",
            format!("{url} is unhealthy: {}", health.message),
            "Look at the server's log.",
        ),
        Err(error) => Step::failed("reach", error.to_string(), cause(&error)),
    }
}

/// Without a token there is nothing further to try.
fn missing_token(influx: &InfluxConfig) -> Option<Step> {
    let none = influx.token.reveal().is_empty() && influx.token_file.is_none();
    none.then(|| {
        Step::failed(
            "token",
            "no token is configured",
            "Put one that may write to the bucket into a file of mode 0600 and name it: influx.token_file, or INFLUX_TOKEN_FILE.",
        )
    })
}

/// One run: its records are told from those of others by an id.
struct Run<'a> {
    client: &'a Client,
    bucket: &'a str,
    id: String,
    at: i64,
}

impl Run<'_> {
    /// The server's clock, by a query, against ours at the middle of the exchange.
    async fn clock_skew(&self) -> Step {
        const NAME: &str = "clock";
        let query = Query::new("import \"array\"\narray.from(rows: [{_time: now(), _value: 1}])");
        let before = clock::now();
        let tables = match self.client.query(&query).await {
            Ok(tables) => tables,
            Err(error) => {
                return Step::failed(
                    NAME,
                    format!("the server's time cannot be read: {error}"),
                    cause(&error),
                );
            }
        };
        let after = clock::now();
        let theirs = tables
            .iter()
            .flat_map(|table| table.rows())
            .find_map(|row| row.time("_time"));
        let Some(theirs) = theirs else {
            return Step::failed(
                NAME,
                "the server's answer has no time",
                "Is this InfluxDB 2?",
            );
        };
        let skew = (before + (after - before) / 2 - theirs) as f64 / NANOS_PER_SECOND as f64;
        if skew.abs() <= MAX_SKEW_SECONDS {
            return Step::passed(
                NAME,
                format!("this host and the server differ by {skew:.1} s"),
            );
        }
        let detail = format!(
            "this host is {:.1} s {} the server",
            skew.abs(),
            if skew > 0.0 { "ahead of" } else { "behind" }
        );
        Step::failed(
            NAME,
            detail,
            "Set both clocks by NTP (timedatectl set-ntp true): rules and dashboards ask for the last minutes.",
        )
    }

    async fn write(&self) -> Step {
        const NAME: &str = "write";
        let lines: String = (0..RECORDS)
            .map(|index| {
                format!(
                    "{MEASUREMENT},run={} value={index}i {}\n",
                    self.id,
                    self.at + index * 1_000_000
                )
            })
            .collect();
        let (detail, hint) = match self
            .client
            .write(self.bucket, Precision::Nanoseconds, lines.as_bytes())
            .await
        {
            Outcome::Done => {
                return Step::passed(
                    NAME,
                    format!("{RECORDS} records into bucket {}", self.bucket),
                );
            }
            Outcome::Refused {
                status, message, ..
            } => (format!("{message} ({status})"), cause_of_status(status)),
            Outcome::RetryAfter { message, .. } => (
                message,
                "The server is overloaded or on its way up or down; try again.",
            ),
            Outcome::Split { message } => (
                message,
                "The server accepts less than a kilobyte at a time: check its limits.",
            ),
            Outcome::RejectedLines(rejection) => (
                rejection.message,
                "The bucket has the field `value` with another type, or too short a retention.",
            ),
        };
        Step::failed(NAME, detail, hint)
    }

    async fn read(&self) -> Step {
        const NAME: &str = "read";
        match self.values().await {
            Ok(values) if values == (0..RECORDS).collect::<Vec<_>>() => {
                Step::passed(NAME, format!("the same {RECORDS} records came back"))
            }
            Ok(values) => Step::failed(
                NAME,
                format!(
                    "{} of {RECORDS} records came back: {values:?}",
                    values.len()
                ),
                "Is there another server behind this URL, or too short a retention?",
            ),
            // An agent writes; a token that cannot read is as it should be.
            Err(error) if matches!(error.status(), Some(401 | 403 | 404)) => Step::passed(
                NAME,
                "not checked: the token may write but not read, which is enough for an agent",
            ),
            Err(error) => Step::failed(NAME, error.to_string(), cause(&error)),
        }
    }

    async fn values(&self) -> Result<Vec<i64>, Error> {
        let query = Query::new(
            "from(bucket: params.bucket)
  |> range(start: params.start, stop: params.stop)
  |> filter(fn: (r) => r._measurement == params.measurement and r.run == params.run)
  |> sort(columns: [\"_time\"])",
        )
        .param(
            "bucket",
            watchpost_client::query::Param::String(self.bucket.to_owned()),
        )
        .param(
            "measurement",
            watchpost_client::query::Param::String(MEASUREMENT.to_owned()),
        )
        .param(
            "run",
            watchpost_client::query::Param::String(self.id.clone()),
        )
        .param("start", watchpost_client::query::Param::Time(self.at))
        .param(
            "stop",
            watchpost_client::query::Param::Time(self.at + NANOS_PER_SECOND),
        );
        let tables = self.client.query(&query).await?;
        Ok(tables
            .iter()
            .flat_map(|table| table.rows())
            .filter_map(|row| row.i64("_value"))
            .collect())
    }

    async fn delete(&self) -> Step {
        const NAME: &str = "delete";
        let predicate = format!("_measurement=\"{MEASUREMENT}\" AND run=\"{}\"", self.id);
        let stop = self.at + NANOS_PER_SECOND;
        match self
            .client
            .delete_points(self.bucket, self.at, stop, &predicate)
            .await
        {
            Ok(()) => match self.values().await {
                Ok(values) if values.is_empty() => Step::passed(NAME, "the records are gone"),
                Ok(values) => Step::failed(
                    NAME,
                    format!("{} records are still there", values.len()),
                    "Delete them by hand.",
                ),
                Err(_) => Step::passed(NAME, "the server accepted"),
            },
            // Nor does an agent delete; that its token cannot is as it should be, too.
            Err(error) if matches!(error.status(), Some(401 | 403)) => Step::passed(
                NAME,
                format!(
                    "not done: the token may write but not delete, which is enough for an agent; \
                     the bucket's retention takes the records of measurement {MEASUREMENT}"
                ),
            ),
            Err(error) => Step::failed(
                NAME,
                error.to_string(),
                format!(
                    "The records of measurement {MEASUREMENT} remain until the bucket's retention takes them."
                ),
            ),
        }
    }
}

/// The likely cause of an error, as what to do.
fn cause(error: &Error) -> &'static str {
    let text = error.to_string();
    match error {
        _ if text.contains("organization name") => cause_of_status(404),
        Error::Connection { .. } if text.contains("InvalidContentType") => {
            "What listens there speaks no TLS: is it http:// in influx.url?"
        }
        Error::Connection { .. } if text.contains("dns error") => {
            "The name does not resolve: is the host in influx.url right?"
        }
        Error::Connection { .. } => {
            "No route: is the server running, and is influx.url its address (name, port, http or https)? A firewall drops in silence."
        }
        Error::Tls(_) => {
            "The certificate cannot be checked: influx.ca_file names the authority to trust."
        }
        Error::Token(_) => {
            "The token file cannot be read: influx.token_file, mode 0600, owned by the user of the agent."
        }
        error => cause_of_status(error.status().unwrap_or(0)),
    }
}

fn cause_of_status(status: u16) -> &'static str {
    match status {
        0 => "The request could not be made: is there a token (INFLUX_TOKEN_FILE)?",
        401 => {
            "Bad token: it is unknown to the server or inactive. Make one that may write to the bucket."
        }
        403 => "No permission: the token is known but may not do this in this bucket.",
        404 => "Missing bucket or organization: check influx.bucket and influx.org.",
        _ => {
            "Is this what influx.kind says: InfluxDB 2, or something that speaks its API, if it says nothing?"
        }
    }
}
