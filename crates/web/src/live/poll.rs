//! The tasks that look for new points.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchpost_core::catalogue::{self, Kind, MEASUREMENT};
use watchpost_core::time::{NANOS_PER_HOUR, NANOS_PER_MILLI, NANOS_PER_SECOND};
use watchpost_query::{Answer, Ask, Label, Matcher, Question, Range, Statistic};

use super::alerts::Firing;
use super::{Event, Live, copies};
use crate::Result;
use crate::fleet::{FIELDS, SPARK_POINTS, SPARK_STEP, State};
use crate::tier::Tier;

/// How far back each look goes: points come late by the agents' flush and the write's way.
const LOOK_BACK: i64 = 15 * NANOS_PER_SECOND;

/// A look may take this share of the time; a slow database is asked less often.
const BUSY_SHARE: u32 = 4;

/// Longest pause between looks, also while the database is down.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Watches the fleet until shutdown.
pub(super) async fn fleet(live: Live) {
    let shutdown = live.inner.shutdown.clone();
    let sweep_interval = live.inner.config.sweep_interval.get();
    let mut swept: Option<Instant> = None;
    let mut states = HashMap::new();
    loop {
        let begun = Instant::now();
        let sweep = swept.is_none_or(|at| at.elapsed() >= sweep_interval);
        let Some(looked) = shutdown.unless_requested(look(&live, sweep)).await else {
            return;
        };
        live.report(looked.as_ref().map(drop));
        if let Ok(changed) = looked {
            swept = if sweep { Some(begun) } else { swept };
            tell(&live, &changed, &mut states);
        } else {
            // What was missed meanwhile is found by the next whole look.
            swept = swept.and_then(|_| begun.checked_sub(sweep_interval));
        }
        let pause = pause(begun.elapsed(), live.inner.config.interval.get());
        if shutdown
            .unless_requested(tokio::time::sleep(pause))
            .await
            .is_none()
        {
            return;
        }
    }
}

fn pause(took: Duration, interval: Duration) -> Duration {
    let gentle = took.saturating_mul(BUSY_SHARE - 1).min(LONGEST_PAUSE);
    interval.saturating_sub(took).max(gentle)
}

/// One look: the newest values, and with a sweep the past of the sparklines, which agents that were
/// cut off fill in later. Gives hosts with news.
async fn look(live: &Live, sweep: bool) -> Result<Vec<String>> {
    let database = &live.inner.database;
    let now = crate::now();
    let retention = database.retention.0[Tier::Raw as usize];
    let start = now
        - if sweep {
            swept_back(live, retention)
        } else {
            LOOK_BACK
        };
    let bucket = database.bucket(Tier::Raw);
    let newest = database.ask(&newest(bucket, start, now)).await?;
    let past = match sweep {
        true => Some(database.ask(&past(bucket, now)).await?),
        false => None,
    };
    if sweep {
        let copies = copies::look(live, now).await?;
        *live
            .inner
            .copies
            .write()
            .unwrap_or_else(PoisonError::into_inner) = copies;
    }
    let mut fleet = live
        .inner
        .fleet
        .write()
        .unwrap_or_else(PoisonError::into_inner);
    if sweep {
        fleet.forget(now - retention);
    }
    if start <= now - retention {
        fleet.forget_others(&newest);
    }
    // Hosts first, so that their past finds them.
    let changed = fleet.see(&newest);
    fleet.remember(&past.unwrap_or_default());
    if sweep || !changed.is_empty() {
        live.inner.revision.fetch_add(1, Ordering::Relaxed);
    }
    Ok(changed)
}

/// How far back a sweep looks. InfluxDB 2 and the engine find the newest point of a series without reading
/// the others; of other kinds, which read all of the range, a day is asked for once and then an hour: hosts
/// that are known stay known.
fn swept_back(live: &Live, retention: i64) -> i64 {
    let knows_hosts = live.fleet(|fleet| fleet.hosts().len() > 0);
    match (live.inner.database.kind(), knows_hosts) {
        (watchpost_query::Kind::InfluxDb2, _) => retention,
        (_, true) => retention.min(NANOS_PER_HOUR),
        (_, false) => retention.min(24 * NANOS_PER_HOUR),
    }
}

fn newest(bucket: &str, start: i64, now: i64) -> Question {
    let totals = vec![Matcher::absent("cpu"), Matcher::absent("interface")];
    Question::new(bucket, MEASUREMENT, Range::new(start, now), Ask::Newest).select(FIELDS, totals)
}

fn past(bucket: &str, now: i64) -> Question {
    let start = now - SPARK_STEP * SPARK_POINTS as i64;
    let means = Ask::Windows {
        every: SPARK_STEP,
        statistics: vec![Statistic::Mean],
        label: Label::Start,
    };
    Question::new(bucket, MEASUREMENT, Range::new(start, now), means)
        .select(["cpu_usage_percent"], vec![Matcher::absent("cpu")])
        .with_tags(["host"])
}

/// Tells followers which hosts have news or changed their state.
fn tell(live: &Live, changed: &[String], states: &mut HashMap<String, (State, Vec<Firing>)>) {
    let (now, ages) = (crate::now(), live.ages());
    let hosts: Vec<Value> = live.fleet(|fleet| {
        let news = |host: &&crate::fleet::Host| {
            let state = (host.state(now, ages), live.alerts().of(&host.name));
            let changed = changed.binary_search(&host.name).is_ok();
            match states.get_mut(&host.name) {
                Some(known) if *known == state => changed,
                Some(known) => {
                    *known = state;
                    true
                }
                None => states.insert(host.name.clone(), state).is_none(),
            }
        };
        let hosts: Vec<_> = fleet.hosts().filter(news).collect();
        hosts
            .into_iter()
            .map(|host| live.document(host, now))
            .collect()
    });
    if live.inner.events.receiver_count() > 0 {
        let update = json!({ "now": now / NANOS_PER_MILLI, "hosts": hosts });
        let _ = live
            .inner
            .events
            .send(Event::Update(update.to_string().into()));
    }
}

/// Watches one host while somebody follows it.
pub(super) async fn host(live: Live, host: String) {
    let shutdown = live.inner.shutdown.clone();
    let mut seen = HashMap::new();
    loop {
        let begun = Instant::now();
        let bucket = live.inner.database.bucket(Tier::Raw);
        let question = newest_of_host(bucket, &host, crate::now());
        let Some(answer) = shutdown
            .unless_requested(live.inner.database.ask(&question))
            .await
        else {
            return;
        };
        {
            let mut hosts = live
                .inner
                .hosts
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let Some(sender) = hosts.get(&host) else {
                return;
            };
            if sender.receiver_count() == 0 {
                hosts.remove(&host);
                return;
            }
            // What cannot be read is told by the watch of the fleet.
            if let Ok(answer) = &answer {
                let points = news(answer, &mut seen);
                let update = json!({ "now": crate::now() / NANOS_PER_MILLI, "host": host, "points": points });
                let _ = sender.send(Event::Update(update.to_string().into()));
            }
        }
        let pause = pause(begun.elapsed(), live.inner.config.interval.get());
        if shutdown
            .unless_requested(tokio::time::sleep(pause))
            .await
            .is_none()
        {
            return;
        }
    }
}

fn newest_of_host(bucket: &str, host: &str, now: i64) -> Question {
    let range = Range::new(now - LOOK_BACK, now);
    let every: [&str; 0] = [];
    Question::new(bucket, MEASUREMENT, range, Ask::Newest)
        .select(every, vec![Matcher::equal("host", host)])
}

/// Last time and value of each series, by a name made of field and tags.
type Seen = HashMap<String, (i64, f64)>;

/// The points that are newer than those seen; counters as rates.
fn news(answer: &Answer, seen: &mut Seen) -> Vec<Value> {
    let mut points = Vec::new();
    for series in &answer.series {
        let Some(point) = series.points.last() else {
            continue;
        };
        let (Some(time), Some(value)) = (point.time, point.value.as_f64()) else {
            continue;
        };
        let field = &*series.field;
        let Some(metric) = catalogue::metric(field) else {
            continue;
        };
        let own = metric.tags.iter().chain(metric.optional_tags);
        let tags: BTreeMap<&str, &str> = own
            .filter_map(|tag| Some((*tag, series.labels.get(*tag)?.as_str())))
            .collect();
        let before = seen.insert(format!("{field} {tags:?}"), (time, value));
        let value = match (metric.kind, before) {
            (_, Some((at, _))) if at >= time => continue,
            (Kind::Gauge, _) => value,
            (Kind::Counter, None) => continue,
            (Kind::Counter, Some((at, old))) => {
                let growth = if value >= old { value - old } else { value };
                growth / ((time - at) as f64 / NANOS_PER_SECOND as f64)
            }
        };
        points.push(json!({
            "metric": field, "tags": tags, "time": time / NANOS_PER_MILLI, "value": (value * 1e6).round() / 1e6,
        }));
    }
    points
}
