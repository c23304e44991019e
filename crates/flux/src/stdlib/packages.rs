//! The packages that are written in the language: path and text. Functions in Rust of the same package are visible to it.

/// Path and text of each.
pub(super) const TEXTS: &[(&str, &str)] = &[
    ("", include_str!("packages/universe.flux")),
    (
        "contrib/anaisdg/anomalydetection",
        include_str!("packages/anomalydetection.flux"),
    ),
    (
        "contrib/anaisdg/statsmodels",
        include_str!("packages/statsmodels.flux"),
    ),
    (
        "contrib/bonitoo-io/alerta",
        include_str!("packages/alerta.flux"),
    ),
    (
        "contrib/bonitoo-io/servicenow",
        include_str!("packages/servicenow.flux"),
    ),
    (
        "contrib/bonitoo-io/tickscript",
        include_str!("packages/tickscript.flux"),
    ),
    (
        "contrib/bonitoo-io/victorops",
        include_str!("packages/victorops.flux"),
    ),
    (
        "contrib/bonitoo-io/zenoss",
        include_str!("packages/zenoss.flux"),
    ),
    (
        "contrib/chobbs/discord",
        include_str!("packages/discord.flux"),
    ),
    (
        "contrib/rhajek/bigpanda",
        include_str!("packages/bigpanda.flux"),
    ),
    (
        "contrib/sranka/opsgenie",
        include_str!("packages/opsgenie.flux"),
    ),
    ("contrib/sranka/sensu", include_str!("packages/sensu.flux")),
    ("contrib/sranka/teams", include_str!("packages/teams.flux")),
    (
        "contrib/sranka/telegram",
        include_str!("packages/telegram.flux"),
    ),
    (
        "contrib/sranka/webexteams",
        include_str!("packages/webexteams.flux"),
    ),
    (
        "date/boundaries",
        include_str!("packages/date_boundaries.flux"),
    ),
    ("profiler", include_str!("packages/profiler.flux")),
    ("experimental", include_str!("packages/experimental.flux")),
    (
        "experimental/aggregate",
        include_str!("packages/experimental_aggregate.flux"),
    ),
    (
        "experimental/array",
        include_str!("packages/experimental_array.flux"),
    ),
    (
        "experimental/date/boundaries",
        include_str!("packages/date_boundaries.flux"),
    ),
    (
        "experimental/http/requests",
        include_str!("packages/experimental_requests.flux"),
    ),
    ("experimental/geo", include_str!("packages/geo.flux")),
    ("experimental/oee", include_str!("packages/oee.flux")),
    (
        "experimental/prometheus",
        include_str!("packages/prometheus.flux"),
    ),
    (
        "experimental/query",
        include_str!("packages/experimental_query.flux"),
    ),
    ("http", include_str!("packages/http.flux")),
    ("http/requests", include_str!("packages/requests.flux")),
    (
        "influxdata/influxdb/monitor",
        include_str!("packages/monitor.flux"),
    ),
    (
        "influxdata/influxdb/sample",
        include_str!("packages/sample.flux"),
    ),
    (
        "influxdata/influxdb/schema",
        include_str!("packages/schema.flux"),
    ),
    (
        "influxdata/influxdb/tasks",
        include_str!("packages/tasks.flux"),
    ),
    ("influxdata/influxdb/v1", include_str!("packages/v1.flux")),
    ("internal/influxql", include_str!("packages/influxql.flux")),
    ("internal/location", include_str!("packages/location.flux")),
    ("join", include_str!("packages/join.flux")),
    ("pagerduty", include_str!("packages/pagerduty.flux")),
    ("pushbullet", include_str!("packages/pushbullet.flux")),
    ("slack", include_str!("packages/slack.flux")),
    ("testing", include_str!("packages/testing.flux")),
    ("testing/expect", include_str!("packages/expect.flux")),
];
