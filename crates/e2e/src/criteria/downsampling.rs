//! A simulated past is made into hours and days, and compared with a computation of our own over
//! the same raw points: nothing is wrong, and nothing is missing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use watchpost_query::{Ask, Kind, Question, Range, Series, Statistic as Asked};
use watchpost_testkit::wait;

use super::{Finding, Miss, Scene, ensure};
use crate::seconds;

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

/// Most points that are read: a week of the five hosts, and what the fleet writes meanwhile.
const ROWS: usize = 2_000_000;

/// Host, field and the further tags of a series; start of the window.
type Key = (String, String, String, i64);

/// Least, greatest, sum and number of the points of a window, and the newest of them.
#[derive(Debug, Clone, Copy)]
struct Window {
    least: f64,
    greatest: f64,
    sum: f64,
    count: f64,
    last: (i64, f64),
}

/// What is compared, of every host and in every window: gauges and a counter.
const GAUGES: [&str; 4] = [
    "cpu_usage_percent",
    "memory_used_bytes",
    "disk_usage_percent",
    "cpu_load_1m",
];
const COUNTERS: [&str; 1] = ["network_bytes_recv"];

/// Which fields have the statistic, and how it follows from the points.
type Statistic = (&'static str, &'static [&'static str], fn(&Window) -> f64);

const STATISTICS: [Statistic; 5] = [
    ("mean", &GAUGES, |it| it.sum / it.count),
    ("min", &GAUGES, |it| it.least),
    ("max", &GAUGES, |it| it.greatest),
    ("count", &GAUGES, |it| it.count),
    ("last", &COUNTERS, |it| it.last.1),
];

/// Longest that a server hides what it took: new series were seen after 12 s at most.
const SHOWN: Duration = Duration::from_secs(13);

/// A past to simulate. It ends before the present, where the incidents happen.
struct Past {
    hours: i64,
    ended_hours_ago: i64,
    interval: &'static str,
}

/// As long as the raw tier keeps, less an hour.
const WEEK: Past = Past {
    hours: 7 * 24 - 1,
    ended_hours_ago: 1,
    interval: "5m",
};
/// At least one whole day (UTC), whatever time it is.
const TWO_DAYS: Past = Past {
    hours: 49,
    ended_hours_ago: 1,
    interval: "20m",
};

pub(super) fn judge(scene: &Scene) -> Finding {
    let past = if scene.terms.quick { TWO_DAYS } else { WEEK };
    let now = seconds::now();
    let span = (now - past.hours * HOUR, now - past.ended_hours_ago * HOUR);
    let is_influxdb2 = scene.platform().kind() == Kind::InfluxDb2;
    // Two values of one time are no later and earlier one there.
    if !is_influxdb2 && !raw_points(scene, span)?.is_empty() {
        let why = "the server holds a past of these hosts already, which cannot be written over";
        return Err(Miss::Skipped(why.into()));
    }
    let from = format!("-{}h", past.hours);
    let length = format!("{}h", past.hours - past.ended_hours_ago);
    let simulate = [
        "simulate",
        "--hosts",
        "5",
        "--seed",
        "7",
        "--from",
        &from,
        "--for",
        &length,
        "--interval",
        past.interval,
    ];
    scene.platform().run("watchpost-agent", "agent", &simulate);
    if !is_influxdb2 {
        until_all_is_shown(scene, span);
    }
    // One more, for the clock has gone on.
    let all = (now - (past.hours + 1) * HOUR, now + HOUR);
    let raw = raw_points(scene, all)?;
    make(scene, is_influxdb2, &from);
    let made = Instant::now();
    if !is_influxdb2 {
        // What was written last is not shown yet either.
        wait::until_or_none(|| (made.elapsed() > SHOWN).then_some(()));
    }
    let hours = compare(scene, &raw, "1h", "hourly", HOUR, span)?;
    let days = compare(scene, &raw, "1d", "daily", DAY, span)?;
    Ok(format!(
        "{} points of {} h: all {hours} hourly and {days} daily values of {} series fields as computed",
        raw.len(),
        past.hours,
        GAUGES.len() + COUNTERS.len()
    ))
}

/// Waits until the points of a span become no more: VictoriaMetrics shows after some seconds what it took.
fn until_all_is_shown(scene: &Scene, (start, stop): (i64, i64)) {
    let all = Ask::Values(vec![Asked::Count]);
    let question = Question::new(
        "system_metrics_raw",
        "system_metrics",
        Range::new(start, stop),
        all,
    )
    .select(GAUGES, vec![seconds::simulated()]);
    let (mut known, mut since) = (0.0, Instant::now());
    wait::until_or_none(|| {
        let answer = scene.platform().ask(&question)?;
        let count: f64 = answer.series.iter().filter_map(Series::number).sum();
        if count != known {
            (known, since) = (count, Instant::now());
        }
        (count > 0.0 && since.elapsed() > SHOWN).then_some(())
    });
}

/// Makes the hours and days: by the tasks, or by the rollup where there are none.
fn make(scene: &Scene, by_tasks: bool, from: &str) {
    let run = |arguments: &[&str]| {
        scene
            .platform()
            .run("watchpost-provisioner", "operator", arguments);
    };
    if !by_tasks {
        return run(&["rollup", "--from", from, "--again"]);
    }
    for task in ["downsample_hourly", "downsample_daily"] {
        run(&["backfill", "--task", task, "--from", from]);
    }
}

/// The number of values in the tier. All agree, and every whole window within the span is there.
fn compare(
    scene: &Scene,
    raw: &[Point],
    tier: &str,
    name: &str,
    every: i64,
    span: (i64, i64),
) -> Result<usize, String> {
    let expected = windows(raw, every);
    let mut found = 0;
    for (statistic, fields, of) in STATISTICS {
        let stored = stored(scene, tier, name, statistic, fields)?;
        for (key, value) in &stored {
            let window = expected
                .get(key)
                .ok_or_else(|| format!("{key:?} was never measured"))?;
            let wanted = of(window);
            let close = (value - wanted).abs() <= 1e-9 * wanted.abs().max(1.0);
            ensure(close, || {
                format!("{statistic} of {key:?} is {value}, but {wanted} by our own computation")
            })?;
        }
        let whole = |start: i64| start >= span.0 && start + every <= span.1;
        let lacking = expected.keys().find(|key| {
            fields.contains(&key.1.as_str()) && whole(key.3) && !stored.contains_key(*key)
        });
        ensure(lacking.is_none(), || {
            format!("system_metrics_{tier} has no {statistic} of {lacking:?}")
        })?;
        found += stored.len();
    }
    ensure(found > 0, || format!("system_metrics_{tier} is empty"))?;
    Ok(found)
}

fn windows(raw: &[Point], every: i64) -> BTreeMap<Key, Window> {
    let mut windows: BTreeMap<Key, Window> = BTreeMap::new();
    for ((host, field, tags), time, value) in raw {
        let start = time.div_euclid(every) * every;
        let key = (host.clone(), field.clone(), tags.clone(), start);
        let window = windows.entry(key).or_insert(Window {
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
            sum: 0.0,
            count: 0.0,
            last: (i64::MIN, f64::NAN),
        });
        window.least = window.least.min(*value);
        window.greatest = window.greatest.max(*value);
        window.sum += value;
        window.count += 1.0;
        if *time >= window.last.0 {
            window.last = (*time, *value);
        }
    }
    windows
}

fn raw_points(scene: &Scene, span: (i64, i64)) -> Result<Vec<Point>, String> {
    let fields = GAUGES.iter().chain(&COUNTERS).copied();
    rows(
        scene,
        "system_metrics_raw",
        "system_metrics",
        fields.map(str::to_owned).collect(),
        span,
    )
}

fn stored(
    scene: &Scene,
    tier: &str,
    name: &str,
    statistic: &str,
    fields: &[&str],
) -> Result<BTreeMap<Key, f64>, String> {
    let named = fields.iter().map(|field| format!("{field}_{statistic}"));
    let (bucket, measurement) = (
        format!("system_metrics_{tier}"),
        format!("system_metrics_{name}"),
    );
    let span = (seconds::now() - 8 * DAY, seconds::now());
    let all = rows(scene, &bucket, &measurement, named.collect(), span)?;
    let all = all
        .into_iter()
        .filter_map(|((host, field, tags), time, value)| {
            let field = field.strip_suffix(&format!("_{statistic}"))?.to_owned();
            Some(((host, field, tags, time), value))
        });
    Ok(all.collect())
}

/// Host, field and further tags; time; value.
type Point = ((String, String, String), i64, f64);

/// The points of the simulated hosts.
fn rows(
    scene: &Scene,
    bucket: &str,
    measurement: &str,
    fields: Vec<String>,
    (start, stop): (i64, i64),
) -> Result<Vec<Point>, String> {
    let range = Range::new(start, stop);
    let question = Question::new(bucket, measurement, range, Ask::Rows { limit: None })
        .select(fields, vec![seconds::simulated()]);
    let answer = scene.platform().ask_for(&question, ROWS)?;
    let mut points = Vec::new();
    for series in &answer.series {
        let further = ["cpu", "device", "mountpoint", "interface"].map(|tag| series.label(tag));
        let key = (
            series.label("host").to_owned(),
            series.field.to_string(),
            further.join(","),
        );
        let of_series = series.points.iter();
        points.extend(
            of_series.filter_map(|point| Some((key.clone(), point.time?, point.value.as_f64()?))),
        );
    }
    Ok(points)
}
