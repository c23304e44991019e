//! The text of a series query in Flux. Pure; values from outside only as escaped literals.

use watchpost_client::flux_text;
use watchpost_core::catalogue::{Kind, Metric};
use watchpost_core::time::NANOS_PER_HOUR;

use super::Request;
use crate::metric::Series;
use crate::tier::{Part, Tier, floor};

/// The query for one part of a request.
pub fn text(bucket: &str, part: &Part, request: &Request) -> String {
    let metric = request.choice.metric;
    let counter = metric.kind == Kind::Counter;
    // A rate needs the value before the first point; a point of a lower tier stands at the start of
    // its period.
    let begin = match (counter, part.tier) {
        (true, tier) => part.range.start - request.step.max(tier.period()),
        (false, _) => part.range.start,
    };
    let begin = match part.tier {
        Tier::Raw => begin,
        tier => floor(begin, tier.period()),
    };
    let mut lines = vec![
        format!("data = from(bucket: {})", flux_text::string(bucket)),
        format!(
            "    |> range(start: {}, stop: {})",
            flux_text::time(begin),
            flux_text::time(part.range.stop)
        ),
        format!(
            "    |> filter(fn: (r) => {})",
            flux_text::equals("_measurement", part.tier.measurement())
        ),
        format!("    |> filter(fn: (r) => {})", fields(part.tier, metric)),
    ];
    if !request.hosts.is_empty() {
        lines.push(format!(
            "    |> filter(fn: (r) => {})",
            flux_text::one_of("host", &request.hosts)
        ));
    }
    if let Some(condition) = which(&request.choice.series, metric) {
        lines.push(format!("    |> filter(fn: (r) => {condition})"));
    }
    lines.push(String::new());
    let every = request.step.min(NANOS_PER_HOUR);
    if part.tier != Tier::Raw {
        lines.push(ending("data", None, metric, None));
    } else if counter {
        lines.push(ending("data", Some((every, "last")), metric, None));
    } else if request.band || request.step > NANOS_PER_HOUR {
        for statistic in ["mean", "min", "max", "count"] {
            lines.push(ending(
                "data",
                Some((every, statistic)),
                metric,
                Some(statistic),
            ));
        }
    } else {
        lines.push(ending("data", Some((every, "mean")), metric, None));
    }
    lines.join("\n") + "\n"
}

/// The fields of a metric in a tier.
fn fields(tier: Tier, metric: &Metric) -> String {
    let suffixes: &[&str] = match (tier, metric.kind) {
        (Tier::Raw, _) => &[""],
        (_, Kind::Counter) => &["_last"],
        (_, Kind::Gauge) => &["_mean", "_min", "_max", "_count"],
    };
    let names = suffixes
        .iter()
        .map(|suffix| format!("{}{suffix}", metric.name));
    flux_text::one_of("_field", names)
}

/// Which series, where the metric has some with and some without a tag.
fn which(series: &Series, metric: &Metric) -> Option<String> {
    let all = |word: &str| {
        let tags = metric.optional_tags.iter();
        let conditions: Vec<String> = tags
            .map(|tag| format!("{word} r[{}]", flux_text::string(tag)))
            .collect();
        (!conditions.is_empty()).then(|| conditions.join(" and "))
    };
    match series {
        Series::Total => all("not exists"),
        Series::Each => all("exists"),
        Series::Core(number) => Some(flux_text::one_of(
            "cpu",
            [number.to_string(), format!("cpu{number}")],
        )),
    }
}

fn ending(from: &str, window: Option<(i64, &str)>, metric: &Metric, name: Option<&str>) -> String {
    let mut text = from.to_owned();
    if let Some((every, function)) = window {
        let every = flux_text::duration(std::time::Duration::from_nanos(every.unsigned_abs()));
        // A counter's value keeps its own time: a rate divides by the time between values.
        text.push_str(&match function {
            "last" => format!("\n    |> window(every: {every})\n    |> last()"),
            _ => format!("\n    |> aggregateWindow(every: {every}, fn: {function}, createEmpty: false, timeSrc: \"_start\")"),
        });
    }
    let own = metric.tags.iter().chain(metric.optional_tags);
    let columns = ["_time", "_value", "_field", "host"]
        .into_iter()
        .chain(own.copied());
    text.push_str(&format!(
        "\n    |> keep(columns: {})",
        flux_text::strings(columns)
    ));
    if let Some(name) = name {
        text.push_str(&format!(
            "\n    |> yield(name: {})",
            flux_text::string(name)
        ));
    }
    text
}
