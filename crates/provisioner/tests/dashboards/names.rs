//! Which measurements, fields and tags a query names, and whether there are such.

use std::collections::BTreeSet;

use regex::Regex;
use watchpost_core::catalogue::{
    self, AGENT_METRICS, COMMON_TAGS, Kind, MEASUREMENT, MEASUREMENT_AGENT, MEASUREMENT_ALERTS,
    MEASUREMENT_DAILY, MEASUREMENT_HOURLY,
};
use watchpost_provisioner::health;

/// What a query names.
#[derive(Debug, Default)]
pub(super) struct Names {
    measurements: BTreeSet<String>,
    pub(super) fields: BTreeSet<String>,
    /// Members of rows and columns of lists, those with `_` left out.
    columns: BTreeSet<String>,
}

pub(super) fn of(query: &str) -> Names {
    let found = |pattern: &str| -> BTreeSet<String> {
        let pattern = Regex::new(pattern).unwrap();
        let all = pattern.captures_iter(query);
        all.map(|it| it[1].to_owned()).collect()
    };
    let mut columns = found(r"\br\.([a-z]\w*)");
    for list in found(r"columns: \[([^\]]*)\]") {
        let names = list.split(',').map(|it| it.trim().trim_matches('"'));
        columns.extend(names.filter(|it| !it.starts_with('_')).map(str::to_owned));
    }
    columns.extend(found(r#"tag: "(\w+)""#));
    Names {
        measurements: found(r#"r\._measurement == "(\w+)""#),
        fields: found(r#"r\._field == "(\w+)""#),
        columns,
    }
}

/// # Errors
/// What there is not.
pub(super) fn check(query: &str) -> Result<(), String> {
    let names = of(query);
    let mut known: BTreeSet<&str> = names.fields.iter().map(String::as_str).collect();
    known.insert("");
    let alerts = query.contains("\"alerts_history\"");
    match names
        .measurements
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()[..]
    {
        [] if alerts => known.extend(ALERT_TAGS),
        [] | [MEASUREMENT] => known.extend(tags(&names.fields, "")?),
        [MEASUREMENT_HOURLY | MEASUREMENT_DAILY] => known.extend(tags(&names.fields, "_")?),
        [MEASUREMENT_ALERTS] => {
            known.extend(ALERT_TAGS);
            require(
                &names.fields,
                |it| ALERT_FIELDS.contains(&it),
                "field of alerts",
            )?;
        }
        [MEASUREMENT_AGENT] => {
            let of = |name: &str| AGENT_METRICS.iter().find(|it| it.name == name);
            require(&names.fields, |it| of(it).is_some(), "field of agents")?;
            known.extend(["host", "region", "environment", "service"]);
            let metrics = names.fields.iter().filter_map(|it| of(it));
            known.extend(metrics.flat_map(|it| it.tags));
        }
        [PROGRAMS_SCRAPED | PROGRAMS_RUN | PROGRAMS_LOGS] => {
            require(
                &names.fields,
                |it| FIELDS_OF_PROGRAMS.contains(&it),
                "field of what programs send",
            )?;
            known.extend(["host", "job", "instance", "command", "log", "pattern"]);
        }
        ["annotations"] => known.extend(["host", "text", "author", "deleted"]),
        [health::MEASUREMENT] => known.extend(["part", "bucket", "host"]),
        _ => return Err(format!("measurements {:?}", names.measurements)),
    }
    require(&names.columns, |it| known.contains(it), "tag or column")
}

/// Measurements of the collectors for what programs send (docs/sources.md).
pub(super) const PROGRAMS_SCRAPED: &str = "prometheus";
pub(super) const PROGRAMS_RUN: &str = "exec";
pub(super) const PROGRAMS_LOGS: &str = "log";
const FIELDS_OF_PROGRAMS: [&str; 6] = [
    "up",
    "scrape_duration_seconds",
    "duration_seconds",
    "lines",
    "bytes",
    "matches",
];

const ALERT_TAGS: [&str; 6] = ["event", "rule", "severity", "host", "state", "receiver"];
const ALERT_FIELDS: [&str; 4] = ["message", "reason", "value", "threshold"];

/// The tags of points with these fields; in the lower tiers a field has a statistic behind `_`.
fn tags(fields: &BTreeSet<String>, separator: &str) -> Result<Vec<&'static str>, String> {
    let mut tags: Vec<&str> = COMMON_TAGS.iter().map(|(name, _)| *name).collect();
    for field in fields {
        let (name, statistic) = match separator {
            "" => (field.as_str(), None),
            _ => field
                .rsplit_once(separator)
                .map_or((field.as_str(), None), |(name, it)| (name, Some(it))),
        };
        let metric = catalogue::metric(name);
        let metric = metric.ok_or_else(|| format!("the catalogue has no {name}"))?;
        let kept = match (statistic, metric.kind) {
            (None, _) => true,
            (Some(it), Kind::Counter) => it == "last",
            (Some(it), Kind::Gauge) => ["mean", "min", "max", "count"].contains(&it),
        };
        if !kept {
            return Err(format!("no tier keeps {field}"));
        }
        tags.extend(metric.tags);
        tags.extend(metric.optional_tags);
        // A total is told by the tag that it lacks, whatever else the query reads.
        tags.extend(["cpu", "interface"]);
    }
    Ok(tags)
}

fn require(
    names: &BTreeSet<String>,
    known: impl Fn(&str) -> bool,
    what: &str,
) -> Result<(), String> {
    match names.iter().find(|it| !known(it)) {
        Some(name) => Err(format!("there is no {what} {name:?}")),
        None => Ok(()),
    }
}
