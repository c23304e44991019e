//! `--once`: what the agent would write, on standard output.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Map, Value, json};
use watchpost_core::line_protocol::{LineErrors, Precision, parse_points};
use watchpost_core::point::{FieldValue, Point};
use watchpost_core::time::format_rfc3339;
use watchpost_service::cli::Output;
use watchpost_service::metrics::Registry;

use crate::batch::Batch;
use crate::clock;
use crate::config::AgentConfig;
use crate::metrics::AgentMetrics;
use crate::pipeline::{Surroundings, plan};
use crate::schedule::{Plan, Round};

/// Between the two collections: shares of time need a time to be shares of.
pub(super) const APART: Duration = Duration::from_secs(1);

/// Collects twice and prints the second: line protocol, or a JSON object a point.
pub(super) fn run(config: &AgentConfig, surroundings: &Surroundings, output: Output) -> ExitCode {
    let metrics = AgentMetrics::new(&Registry::new());
    let plan = match plan(config, surroundings, &metrics) {
        Ok(plan) => without_listeners(plan),
        Err(error) => return super::fail(&error),
    };
    let mut round = Round::new(plan, metrics, clock::now());
    round.warm_up(clock::now());
    std::thread::sleep(APART);
    let batch = round.collect_all(clock::now());
    let text = match output {
        Output::Human => batch.text().to_owned(),
        Output::Json => match json(&batch) {
            Ok(text) => text,
            Err(error) => return super::fail(&error),
        },
    };
    // A reader that has left (`| head`) is no mistake.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if batch.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// What a single look runs: nothing listens, since an agent that runs may.
pub(super) fn without_listeners(mut plan: Plan) -> Plan {
    plan.assignments.retain(|assignment| !assignment.listens);
    plan
}

/// A line a point: `{"measurement", "tags", "fields", "time"}`.
fn json(batch: &Batch) -> Result<String, LineErrors> {
    let points = parse_points(batch.text().as_bytes(), Precision::Nanoseconds, 0)?;
    Ok(points.iter().map(|point| object(point) + "\n").collect())
}

fn object(point: &Point) -> String {
    let tags: Map<String, Value> = point
        .series
        .tags()
        .iter()
        .map(|(key, value)| (key.clone(), value.as_str().into()))
        .collect();
    let fields: Map<String, Value> = point
        .fields()
        .iter()
        .map(|(field, value)| (field.clone(), json_value(value)))
        .collect();
    json!({
        "measurement": point.series.measurement(),
        "tags": tags,
        "fields": fields,
        "time": format_rfc3339(point.timestamp),
    })
    .to_string()
}

fn json_value(value: &FieldValue) -> Value {
    match value {
        FieldValue::Float(value) => (*value).into(),
        FieldValue::Integer(value) => (*value).into(),
        FieldValue::Unsigned(value) => (*value).into(),
        FieldValue::String(value) => value.as_str().into(),
        FieldValue::Boolean(value) => (*value).into(),
    }
}
