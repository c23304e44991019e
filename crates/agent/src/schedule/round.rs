//! One round of collecting: every collector that is due, each within its deadline, as one batch of line
//! protocol. The time comes in; only the deadlines are measured here.

use std::time::{Duration, Instant};

use watchpost_core::line_protocol;
use watchpost_core::point::{Point, SeriesKey};

use super::Plan;
use super::lane::{Answer, Lane};
use super::ticks::Ticks;
use crate::batch::Batch;
use crate::cardinality::CardinalityGuard;
use crate::collectors::{Assignment, CollectError, Collector, HostFiles, Points};
use crate::metrics::AgentMetrics;
use crate::programs;

/// Waited for at most while no collector is due: a step of the clock is noticed after this long.
const LONGEST_WAIT: i64 = 10 * watchpost_core::time::NANOS_PER_SECOND;

/// Collectors that run no more often than this compare nothing with the look before, and are not waited for.
const SELDOM: Duration = Duration::from_secs(30);

/// A collector, its previous sample and its file buffers: what travels into a job and back.
type Crew = (Box<dyn Collector>, HostFiles);

/// What a job gives back: the crew, and what it collected.
type Collected = (Crew, Result<Points, CollectError>);

struct Slot {
    assignment: Assignment,
    ticks: Ticks,
    /// Away while its collector hangs, or works in the background.
    crew: Option<Crew>,
    /// Since when it works in the background.
    working_since: Option<Instant>,
    /// What a listener took from programs in a collection that was overdue.
    sent_late: Vec<Point>,
    /// Whether it gave something once, failed, or was overdue.
    answered: bool,
    stale: bool,
    failing: bool,
    /// Why the last collection gave nothing.
    failure: Option<String>,
}

/// What one look of a collector gave, and what it cost.
#[derive(Debug)]
pub struct Look {
    /// The collector.
    pub name: &'static str,
    /// The time between its collections.
    pub interval: Duration,
    /// How long this one took.
    pub took: Duration,
    /// The series and fields that it gave.
    pub series: usize,
    /// See `series`.
    pub fields: usize,
    /// Why it gave nothing, if it failed.
    pub failure: Option<String>,
}

/// All collectors and when they are due.
pub struct Round {
    plan: Plan,
    slots: Vec<Slot>,
    lane: Lane<&'static str, Collected>,
    guard: CardinalityGuard,
    /// Whether every collector that does not run seldom has answered once: what there is to share is known.
    settled: bool,
    refusal_told: bool,
    unwritable_told: bool,
    metrics: AgentMetrics,
}

impl Round {
    /// The collectors of `plan`, first due after `now` (nanoseconds since 1970).
    pub fn new(plan: Plan, metrics: AgentMetrics, now: i64) -> Self {
        let slots = plan
            .assignments
            .iter()
            .map(|assignment| Slot::new(assignment, &plan, now))
            .collect();
        let guard = CardinalityGuard::new(plan.max_series);
        Self {
            plan,
            slots,
            lane: Lane::new("collect"),
            guard,
            settled: false,
            refusal_told: false,
            unwritable_told: false,
            metrics,
        }
    }

    /// Another plan: only collectors whose configuration changed start anew.
    pub fn replace(&mut self, plan: Plan, now: i64) {
        let same_root = plan.host_root == self.plan.host_root;
        let (mut old, gone): (Vec<Slot>, Vec<Slot>) = std::mem::take(&mut self.slots)
            .into_iter()
            .partition(|slot| same_root && plan.assignments.iter().any(|new| slot.serves(new)));
        for slot in gone.iter().filter(|slot| {
            let mut names = plan.assignments.iter().map(|new| new.name);
            names.all(|name| name != slot.assignment.name)
        }) {
            tracing::info!(collector = slot.assignment.name, "The collector stops.");
        }
        // Before others begin: a listener gives its socket back.
        drop(gone);
        for assignment in &plan.assignments {
            let known = old.iter().position(|slot| slot.serves(assignment));
            self.slots.push(match known {
                Some(index) => old.swap_remove(index),
                None => {
                    tracing::info!(collector = assignment.name, "The collector starts.");
                    Slot::new(assignment, &plan, now)
                }
            });
        }
        if plan.max_series != self.plan.max_series {
            self.guard = CardinalityGuard::new(plan.max_series);
        }
        self.plan = plan;
    }

    /// The random delay of a collection.
    pub fn jitter(&self) -> Duration {
        self.plan.jitter
    }

    /// When something is due. A clock that was set back moves the due times with it.
    pub fn next_due(&mut self, now: i64) -> i64 {
        let mut set_back = false;
        for slot in &mut self.slots {
            let interval = i64::try_from(slot.assignment.interval.as_nanos()).unwrap_or(i64::MAX);
            if slot.ticks.next().saturating_sub(now) > interval {
                slot.ticks.restart(now);
                set_back = true;
            }
        }
        if set_back {
            tracing::warn!("The clock was set back; the schedule starts over.");
        }
        let next = self.slots.iter().map(|slot| slot.ticks.next()).min();
        next.unwrap_or(i64::MAX)
            .min(now.saturating_add(LONGEST_WAIT))
    }

    /// Collects what is due at `now`.
    pub fn collect(&mut self, now: i64) -> Batch {
        let mut points = Vec::new();
        for index in 0..self.slots.len() {
            if let Some(arrived) = self.take_from_background(index) {
                points.extend(arrived);
            }
            let slot = &mut self.slots[index];
            let Some(due) = slot.ticks.take(now) else {
                continue;
            };
            let name = slot.assignment.name;
            if due.skipped > 0 {
                tracing::debug!(
                    collector = name,
                    skipped = due.skipped,
                    "Collections could not be kept."
                );
                self.metrics
                    .collecting
                    .ticks_skipped
                    .with(&[name])
                    .add(due.skipped);
            }
            if self.slots[index].assignment.in_background {
                self.start_in_background(index, due.tick);
            } else {
                points.extend(self.collect_one(index, due.tick));
            }
        }
        self.encode(points, now)
    }

    /// Collects with every collector, due or not: for a single look at the host.
    pub fn collect_all(&mut self, now: i64) -> Batch {
        let points = (0..self.slots.len())
            .flat_map(|index| self.collect_one(index, now))
            .collect();
        self.encode(points, now)
    }

    /// Collects with those that may need an earlier sample, and gives nothing: what runs seldom counts over no time.
    pub fn warm_up(&mut self, now: i64) {
        for index in 0..self.slots.len() {
            if self.slots[index].assignment.interval < SELDOM {
                drop(self.collect_one(index, now));
            }
        }
    }

    /// Looks with every collector, one by one, and says what each gave and cost.
    pub fn looks(&mut self, now: i64) -> Vec<Look> {
        let slots = 0..self.slots.len();
        let look = |index| {
            let began = Instant::now();
            let points = self.collect_one(index, now);
            let slot = &self.slots[index];
            Look {
                name: slot.assignment.name,
                interval: slot.assignment.interval,
                took: began.elapsed(),
                series: points.len(),
                fields: points.iter().map(|point| point.fields().len()).sum(),
                failure: slot.failure.clone(),
            }
        };
        slots.map(look).collect()
    }

    /// Runs one collector within its deadline.
    fn collect_one(&mut self, index: usize, at: i64) -> Vec<Point> {
        let Some(crew) = self.crew(index) else {
            self.slots[index].overdue(&self.metrics);
            return Vec::new();
        };
        let slot = &mut self.slots[index];
        let mut points = std::mem::take(&mut slot.sent_late);
        let name = slot.assignment.name;
        let began = Instant::now();
        match self.lane.run(name, slot.assignment.timeout, job(crew, at)) {
            Answer::Done(collected) => {
                points.extend(slot.take_back(collected, began, &self.metrics));
            }
            Answer::Overdue => slot.overdue(&self.metrics),
        }
        points
    }

    /// The collector and its files; `None` while they hang.
    fn crew(&mut self, index: usize) -> Option<Crew> {
        let slot = &mut self.slots[index];
        let name = slot.assignment.name;
        if slot.crew.is_none() {
            slot.crew = match self.lane.take_late(&name) {
                // What it measured is of a time that is over; what programs sent is there once.
                Some((crew, Ok(points))) if slot.assignment.listens => {
                    slot.sent_late = points.into_vec();
                    Some(crew)
                }
                Some((crew, _too_late)) => Some(crew),
                None if self.lane.is_stuck(&name) => None,
                // Its thread died with it.
                None => Some(new_crew(&slot.assignment, &self.plan)),
            };
        }
        slot.crew.take()
    }

    /// Lets a collector work while the others go on; one that has not ended is overdue.
    fn start_in_background(&mut self, index: usize, at: i64) {
        let crew = self.crew(index);
        let slot = &mut self.slots[index];
        let began = Instant::now();
        let started = crew.is_some_and(|crew| self.lane.start(slot.assignment.name, job(crew, at)));
        if started {
            slot.working_since = Some(began);
        } else {
            slot.overdue(&self.metrics);
        }
    }

    /// What a collector gave that worked in the background, once it has ended.
    fn take_from_background(&mut self, index: usize) -> Option<Vec<Point>> {
        let slot = &mut self.slots[index];
        let began = slot.working_since?;
        if let Some(collected) = self.lane.take_late(&slot.assignment.name) {
            slot.working_since = None;
            return Some(slot.take_back(collected, began, &self.metrics));
        }
        if !slot.stale && began.elapsed() > slot.assignment.timeout {
            slot.overdue(&self.metrics);
        }
        None
    }

    /// Adds the common tags, keeps to the limit of series, and writes line protocol.
    fn encode(&mut self, mut points: Vec<Point>, now: i64) -> Batch {
        for point in &mut points {
            programs::set_own_tags(point, &self.plan.tags);
        }
        let points = one_per_series(points);
        self.settled |= self.slots.iter().all(Slot::has_answered_or_is_seldom);
        let admitted = self.admitted(&points, now);
        let mut text = Vec::with_capacity(points.len() * 160);
        for ((_, point), admitted) in points.iter().zip(admitted) {
            if !admitted {
                self.leave_out(point);
            } else if let Err(error) = line_protocol::append_point(&mut text, point) {
                self.metrics.collecting.points_unwritable.increment();
                if !std::mem::replace(&mut self.unwritable_told, true) {
                    tracing::warn!(%error, "A point cannot be written. Further ones are counted alone.");
                }
            }
        }
        self.metrics.collecting.series.set(self.guard.len() as f64);
        let batch = Batch::new(String::from_utf8_lossy(&text).into_owned());
        self.metrics
            .collecting
            .lines_gathered
            .add(u64::from(batch.lines()));
        batch
    }

    /// Which points the limit of series lets through; each comes with its place in the order of need.
    fn admitted(&mut self, points: &[(usize, Point)], now: i64) -> Vec<bool> {
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_unstable_by_key(|at| points[*at].0);
        let round: Vec<&SeriesKey> = order.iter().map(|at| &points[*at].1.series).collect();
        let mut admitted = vec![false; points.len()];
        for (at, may) in order
            .iter()
            .zip(self.guard.admit(&round, now, self.settled))
        {
            admitted[*at] = may;
        }
        admitted
    }

    /// Counts a point beyond the limit of series, and tells the first.
    fn leave_out(&mut self, point: &Point) {
        self.metrics.collecting.points_refused.increment();
        if self.settled && !std::mem::replace(&mut self.refusal_told, true) {
            tracing::warn!(
                limit = self.plan.max_series,
                series = %point.series,
                "More series than collect.max_series; new ones are left out. Exclude some, or raise it."
            );
        }
    }

    /// A batch no writer took.
    pub fn lost(&self, batch: &Batch) {
        self.metrics
            .writing
            .lines_dropped
            .with(&["all", "writer_behind"])
            .add(u64::from(batch.lines()));
    }
}

impl Slot {
    fn new(assignment: &Assignment, plan: &Plan, now: i64) -> Self {
        let interval = i64::try_from(assignment.interval.as_nanos()).unwrap_or(i64::MAX);
        Self {
            assignment: assignment.clone(),
            ticks: Ticks::new(interval, now),
            crew: Some(new_crew(assignment, plan)),
            working_since: None,
            sent_late: Vec::new(),
            answered: false,
            stale: false,
            failing: false,
            failure: None,
        }
    }

    /// Whether it is what an assignment asks for, as it runs.
    fn serves(&self, assignment: &Assignment) -> bool {
        let own = &self.assignment;
        own.name == assignment.name
            && own.identity == assignment.identity
            && own.interval == assignment.interval
            && own.timeout == assignment.timeout
    }

    fn has_answered_or_is_seldom(&self) -> bool {
        self.answered || self.assignment.interval >= SELDOM
    }

    /// Takes the collector back, and what it gave.
    fn take_back(
        &mut self,
        (crew, result): Collected,
        began: Instant,
        metrics: &AgentMetrics,
    ) -> Vec<Point> {
        self.crew = Some(crew);
        metrics
            .collecting
            .collection_seconds
            .with(&[self.assignment.name])
            .observe(began.elapsed().as_secs_f64());
        self.ended(&result, metrics);
        result.map(Points::into_vec).unwrap_or_default()
    }

    /// Tells a change between working and failing, once.
    fn ended(&mut self, result: &Result<Points, CollectError>, metrics: &AgentMetrics) {
        let collector = self.assignment.name;
        self.answered = true;
        if std::mem::replace(&mut self.stale, false) {
            metrics
                .collecting
                .collector_stale
                .with(&[collector])
                .set(0.0);
            tracing::info!(collector, "The collector answers again.");
        }
        metrics
            .collecting
            .collections
            .with(&[collector, if result.is_ok() { "ok" } else { "error" }])
            .increment();
        self.failure = result.as_ref().err().map(ToString::to_string);
        match result {
            Ok(_) if std::mem::replace(&mut self.failing, false) => {
                tracing::info!(collector, "The collector works again.")
            }
            Err(error) if !std::mem::replace(&mut self.failing, true) => {
                tracing::warn!(collector, "The collector gives nothing: {error}");
            }
            _ => {}
        }
    }

    /// Counts a collection that gave nothing in time, and tells the first of several.
    fn overdue(&mut self, metrics: &AgentMetrics) {
        let collector = self.assignment.name;
        self.answered = true;
        tracing::debug!(collector, "A collection ran beyond its timeout.");
        self.failure = Some("it ran beyond its timeout".to_owned());
        metrics
            .collecting
            .collections
            .with(&[collector, "stale"])
            .increment();
        if !std::mem::replace(&mut self.stale, true) {
            metrics
                .collecting
                .collector_stale
                .with(&[collector])
                .set(1.0);
            let timeout = self.assignment.timeout.as_secs_f64();
            tracing::warn!(
                collector,
                timeout,
                "The collector hangs; the others go on without it."
            );
        }
    }
}

/// Joins the points of one series and time, which different collectors gave: fewer and longer lines. Each comes with
/// the place where its series was first: collectors put first what is needed most.
fn one_per_series(points: Vec<Point>) -> Vec<(usize, Point)> {
    let mut points: Vec<(usize, Point)> = points.into_iter().enumerate().collect();
    points.sort_by(|(_, a), (_, b)| (a.timestamp, &a.series).cmp(&(b.timestamp, &b.series)));
    let mut joined: Vec<(usize, Point)> = Vec::with_capacity(points.len());
    for (place, point) in points {
        match joined.last_mut() {
            Some((_, last)) if last.timestamp == point.timestamp && last.series == point.series => {
                for (field, value) in point.fields() {
                    last.set_field(field, value.clone());
                }
            }
            _ => joined.push((place, point)),
        }
    }
    joined
}

/// One collection, to be run on another thread.
fn job((mut collector, mut files): Crew, at: i64) -> impl FnOnce() -> Collected + Send + 'static {
    move || {
        let mut points = Points::default();
        let result = collector.collect(&mut files, at, &mut points);
        ((collector, files), result.map(|()| points))
    }
}

fn new_crew(assignment: &Assignment, plan: &Plan) -> Crew {
    (assignment.build(), HostFiles::new(&plan.host_root))
}
