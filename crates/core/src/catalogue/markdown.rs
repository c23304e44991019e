//! The catalogue as the document `docs/metrics.md`.

use super::{
    AGENT_METRICS, ARCHIVE_METRICS, AgentMetric, COMMON_TAGS, LEGACY_FIELDS, MEASUREMENT,
    MEASUREMENT_AGENT, MEASUREMENT_ARCHIVE, Metric, MetricType, metrics_of,
};

const HEAD: &str = "\
# Metrics

<!-- Written from the catalogue in crates/core; after a change there run
     UPDATE_EXPECT=1 cargo test -p watchpost-core -->

";

/// The whole document.
pub fn render_markdown() -> String {
    let mut out = HEAD.to_owned();
    out.push_str(&format!(
        "Every metric is a field of the measurement `{MEASUREMENT}`. A gauge goes up and down; a \
         counter only grows and begins at zero again after a restart, so look at its rate. \
         Percent is 0 to 100.\n\nTags of every point:\n\n| tag | what |\n|---|---|\n"
    ));
    for (tag, what) in COMMON_TAGS {
        out.push_str(&format!("| `{tag}` | {what} |\n"));
    }
    for metric_type in MetricType::ALL {
        out.push_str(&format!("\n## {}\n\n", metric_type.name()));
        out.push_str(
            "| field | type | unit | kind | further tags | what |\n|---|---|---|---|---|---|\n",
        );
        for metric in metrics_of(metric_type) {
            out.push_str(&row(metric));
        }
    }
    out.push_str(
        "\nA tag in parentheses is on some points only; the points without it carry the total.\n",
    );
    out.push_str(&agent_section());
    out.push_str(&archive_section());
    out.push_str(
        "\n## Names of the older single-host tool\n\n\
         The web API also answers to these.\n\n| old name | metric |\n|---|---|\n",
    );
    for field in LEGACY_FIELDS {
        out.push_str(&format!("| `{}` | `{}` |\n", field.name, field.metric));
    }
    out.push_str(
        "| `cpu_usage_1` … `cpu_usage_N` | `cpu_usage_percent` with the tag `cpu` of 0 … N-1 |\n",
    );
    out
}

fn agent_section() -> String {
    let mut out = format!(
        "\n## The agent itself\n\nFields of the measurement `{MEASUREMENT_AGENT}`, in the same bucket, with the \
         tags `host`, `region`, `environment` and `service`. Downsampling leaves it out.\n\n\
         | field | type | unit | kind | further tags | what |\n|---|---|---|---|---|---|\n"
    );
    for metric in AGENT_METRICS {
        out.push_str(&own_row(metric));
    }
    out
}

fn archive_section() -> String {
    let mut out = format!(
        "\n## Copies elsewhere\n\nFields of the measurement `{MEASUREMENT_ARCHIVE}`, in the same bucket, with the tag \
         `host`: written by `watchpost-archive`.\n\n\
         | field | type | unit | kind | further tags | what |\n|---|---|---|---|---|---|\n"
    );
    for metric in ARCHIVE_METRICS {
        out.push_str(&own_row(metric));
    }
    out
}

fn own_row(metric: &AgentMetric) -> String {
    let AgentMetric {
        name,
        field_type,
        help,
        ..
    } = metric;
    let tags: Vec<String> = metric.tags.iter().map(|tag| format!("`{tag}`")).collect();
    let (unit, kind, tags) = (metric.unit.name(), metric.kind.name(), tags.join(", "));
    format!("| `{name}` | {field_type} | {unit} | {kind} | {tags} | {help} |\n")
}

fn row(metric: &Metric) -> String {
    let mandatory = metric.tags.iter().map(|tag| format!("`{tag}`"));
    let optional = metric.optional_tags.iter().map(|tag| format!("(`{tag}`)"));
    let tags: Vec<String> = mandatory.chain(optional).collect();
    format!(
        "| `{}` | {} | {} | {} | {} | {} |\n",
        metric.name,
        metric.field_type,
        metric.unit.name(),
        metric.kind.name(),
        tags.join(", "),
        metric.help,
    )
}
