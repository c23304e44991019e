//! The packages that have a file of signatures, sorted by path.

pub(super) const PACKAGES: &[(&str, &str)] = &[
    ("array", include_str!("../signatures/array.types")),
    ("bitwise", include_str!("../signatures/bitwise.types")),
    (
        "contrib/RohanSreerama5/naiveBayesClassifier",
        include_str!("../signatures/contrib/RohanSreerama5/naiveBayesClassifier.types"),
    ),
    (
        "contrib/anaisdg/anomalydetection",
        include_str!("../signatures/contrib/anaisdg/anomalydetection.types"),
    ),
    (
        "contrib/anaisdg/statsmodels",
        include_str!("../signatures/contrib/anaisdg/statsmodels.types"),
    ),
    (
        "contrib/bonitoo-io/alerta",
        include_str!("../signatures/contrib/bonitoo-io/alerta.types"),
    ),
    (
        "contrib/bonitoo-io/hex",
        include_str!("../signatures/contrib/bonitoo-io/hex.types"),
    ),
    (
        "contrib/bonitoo-io/servicenow",
        include_str!("../signatures/contrib/bonitoo-io/servicenow.types"),
    ),
    (
        "contrib/bonitoo-io/tickscript",
        include_str!("../signatures/contrib/bonitoo-io/tickscript.types"),
    ),
    (
        "contrib/bonitoo-io/victorops",
        include_str!("../signatures/contrib/bonitoo-io/victorops.types"),
    ),
    (
        "contrib/bonitoo-io/zenoss",
        include_str!("../signatures/contrib/bonitoo-io/zenoss.types"),
    ),
    (
        "contrib/chobbs/discord",
        include_str!("../signatures/contrib/chobbs/discord.types"),
    ),
    (
        "contrib/jsternberg/influxdb",
        include_str!("../signatures/contrib/jsternberg/influxdb.types"),
    ),
    (
        "contrib/qxip/clickhouse",
        include_str!("../signatures/contrib/qxip/clickhouse.types"),
    ),
    (
        "contrib/qxip/hash",
        include_str!("../signatures/contrib/qxip/hash.types"),
    ),
    (
        "contrib/qxip/logql",
        include_str!("../signatures/contrib/qxip/logql.types"),
    ),
    (
        "contrib/rhajek/bigpanda",
        include_str!("../signatures/contrib/rhajek/bigpanda.types"),
    ),
    (
        "contrib/sranka/opsgenie",
        include_str!("../signatures/contrib/sranka/opsgenie.types"),
    ),
    (
        "contrib/sranka/sensu",
        include_str!("../signatures/contrib/sranka/sensu.types"),
    ),
    (
        "contrib/sranka/teams",
        include_str!("../signatures/contrib/sranka/teams.types"),
    ),
    (
        "contrib/sranka/telegram",
        include_str!("../signatures/contrib/sranka/telegram.types"),
    ),
    (
        "contrib/sranka/webexteams",
        include_str!("../signatures/contrib/sranka/webexteams.types"),
    ),
    (
        "contrib/tomhollingworth/events",
        include_str!("../signatures/contrib/tomhollingworth/events.types"),
    ),
    ("csv", include_str!("../signatures/csv.types")),
    ("date", include_str!("../signatures/date.types")),
    (
        "date/boundaries",
        include_str!("../signatures/date/boundaries.types"),
    ),
    ("dict", include_str!("../signatures/dict.types")),
    (
        "experimental",
        include_str!("../signatures/experimental.types"),
    ),
    (
        "experimental/aggregate",
        include_str!("../signatures/experimental/aggregate.types"),
    ),
    (
        "experimental/array",
        include_str!("../signatures/experimental/array.types"),
    ),
    (
        "experimental/bigtable",
        include_str!("../signatures/experimental/bigtable.types"),
    ),
    (
        "experimental/bitwise",
        include_str!("../signatures/experimental/bitwise.types"),
    ),
    (
        "experimental/csv",
        include_str!("../signatures/experimental/csv.types"),
    ),
    (
        "experimental/date/boundaries",
        include_str!("../signatures/experimental/date/boundaries.types"),
    ),
    (
        "experimental/dynamic",
        include_str!("../signatures/experimental/dynamic.types"),
    ),
    (
        "experimental/geo",
        include_str!("../signatures/experimental/geo.types"),
    ),
    (
        "experimental/http",
        include_str!("../signatures/experimental/http.types"),
    ),
    (
        "experimental/http/requests",
        include_str!("../signatures/experimental/http/requests.types"),
    ),
    (
        "experimental/influxdb",
        include_str!("../signatures/experimental/influxdb.types"),
    ),
    (
        "experimental/iox",
        include_str!("../signatures/experimental/iox.types"),
    ),
    (
        "experimental/json",
        include_str!("../signatures/experimental/json.types"),
    ),
    (
        "experimental/mqtt",
        include_str!("../signatures/experimental/mqtt.types"),
    ),
    (
        "experimental/oee",
        include_str!("../signatures/experimental/oee.types"),
    ),
    (
        "experimental/polyline",
        include_str!("../signatures/experimental/polyline.types"),
    ),
    (
        "experimental/prometheus",
        include_str!("../signatures/experimental/prometheus.types"),
    ),
    (
        "experimental/query",
        include_str!("../signatures/experimental/query.types"),
    ),
    (
        "experimental/record",
        include_str!("../signatures/experimental/record.types"),
    ),
    (
        "experimental/table",
        include_str!("../signatures/experimental/table.types"),
    ),
    (
        "experimental/usage",
        include_str!("../signatures/experimental/usage.types"),
    ),
    ("generate", include_str!("../signatures/generate.types")),
    ("http", include_str!("../signatures/http.types")),
    (
        "http/requests",
        include_str!("../signatures/http/requests.types"),
    ),
    (
        "influxdata/influxdb",
        include_str!("../signatures/influxdata/influxdb.types"),
    ),
    (
        "influxdata/influxdb/monitor",
        include_str!("../signatures/influxdata/influxdb/monitor.types"),
    ),
    (
        "influxdata/influxdb/sample",
        include_str!("../signatures/influxdata/influxdb/sample.types"),
    ),
    (
        "influxdata/influxdb/schema",
        include_str!("../signatures/influxdata/influxdb/schema.types"),
    ),
    (
        "influxdata/influxdb/secrets",
        include_str!("../signatures/influxdata/influxdb/secrets.types"),
    ),
    (
        "influxdata/influxdb/tasks",
        include_str!("../signatures/influxdata/influxdb/tasks.types"),
    ),
    (
        "influxdata/influxdb/v1",
        include_str!("../signatures/influxdata/influxdb/v1.types"),
    ),
    (
        "internal/debug",
        include_str!("../signatures/internal/debug.types"),
    ),
    (
        "internal/gen",
        include_str!("../signatures/internal/gen.types"),
    ),
    (
        "internal/influxql",
        include_str!("../signatures/internal/influxql.types"),
    ),
    (
        "internal/location",
        include_str!("../signatures/internal/location.types"),
    ),
    (
        "internal/promql",
        include_str!("../signatures/internal/promql.types"),
    ),
    (
        "internal/testing",
        include_str!("../signatures/internal/testing.types"),
    ),
    (
        "internal/testutil",
        include_str!("../signatures/internal/testutil.types"),
    ),
    (
        "interpolate",
        include_str!("../signatures/interpolate.types"),
    ),
    ("join", include_str!("../signatures/join.types")),
    ("json", include_str!("../signatures/json.types")),
    ("kafka", include_str!("../signatures/kafka.types")),
    ("math", include_str!("../signatures/math.types")),
    ("pagerduty", include_str!("../signatures/pagerduty.types")),
    ("planner", include_str!("../signatures/planner.types")),
    ("profiler", include_str!("../signatures/profiler.types")),
    ("pushbullet", include_str!("../signatures/pushbullet.types")),
    ("regexp", include_str!("../signatures/regexp.types")),
    ("runtime", include_str!("../signatures/runtime.types")),
    ("sampledata", include_str!("../signatures/sampledata.types")),
    ("slack", include_str!("../signatures/slack.types")),
    ("socket", include_str!("../signatures/socket.types")),
    ("sql", include_str!("../signatures/sql.types")),
    ("strings", include_str!("../signatures/strings.types")),
    ("system", include_str!("../signatures/system.types")),
    ("testing", include_str!("../signatures/testing.types")),
    (
        "testing/expect",
        include_str!("../signatures/testing/expect.types"),
    ),
    ("timezone", include_str!("../signatures/timezone.types")),
    ("types", include_str!("../signatures/types.types")),
    ("universe", include_str!("../signatures/universe.types")),
];
