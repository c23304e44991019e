//! Suites under `testdata/suites/`: lines are written, the store is told to do things, and what it holds
//! afterwards is the expectation. The head of each suite explains the steps.

use std::fmt::Write as _;

use watchpost_storage::predicate::{Comparison, Literal, Subject};
use watchpost_storage::{
    Aggregate, Options, Predicate, ScanRequest, Storage, TimeRange, Windowing,
};
use watchpost_testkit::cases::{self, Block, Case};

use crate::fixture::{BUCKET, batch_at, quick, text_of};

const SUITES: [&str; 5] = [
    "aggregates.md",
    "deletes.md",
    "retention.md",
    "schema.md",
    "writes.md",
];

#[test]
fn suites() {
    for suite in SUITES {
        cases::run(format!("testdata/suites/{suite}"), run);
    }
    cases::assert_none_forgotten("testdata/suites", &SUITES);
}

/// A store and the clock of a test.
struct World {
    folder: watchpost_testkit::TempFolder,
    storage: Option<Storage>,
    options: Options,
    retention: Option<i64>,
    now: i64,
    told: String,
}

fn run(case: &Case) -> String {
    let folder = watchpost_testkit::temp_folder();
    let options = Options {
        max_series_per_bucket: 3,
        ..quick()
    };
    let storage = Storage::open(folder.path(), options.clone(), 0).unwrap();
    let mut world = World {
        folder,
        storage: Some(storage),
        options,
        retention: None,
        now: 0,
        told: String::new(),
    };
    for block in case.inputs() {
        world.step(block);
    }
    world.told
}

impl World {
    fn storage(&self) -> &Storage {
        self.storage.as_ref().unwrap()
    }

    fn tell(&mut self, line: impl std::fmt::Display) {
        writeln!(self.told, "{line}").unwrap();
    }

    fn step(&mut self, block: &Block) {
        match block.language.as_str() {
            "write" => {
                let outcome = self
                    .storage()
                    .write(BUCKET, batch_at(&block.text, self.now), self.now)
                    .unwrap();
                if outcome.dropped() > 0 {
                    self.tell(format_args!("written {}", outcome.written));
                }
                for rejection in outcome.rejected {
                    self.tell(format_args!(
                        "line {}: {}",
                        rejection.line, rejection.reason
                    ));
                }
                if let Some(beyond) = outcome.beyond_retention {
                    let ((oldest, from), (newest, to)) = (beyond.oldest, beyond.newest);
                    self.tell(format_args!(
                        "{} beyond {}: {oldest} {from} to {newest} {to}",
                        beyond.count, beyond.lower_bound
                    ));
                }
            }
            "do" => block.text.lines().for_each(|line| self.command(line)),
            other => panic!("line {}: no such step: {other}", block.line),
        }
    }

    fn command(&mut self, line: &str) {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let storage = self.storage.as_ref().unwrap();
        match command {
            "seal" => drop(storage.seal().unwrap()),
            "compact" => drop(storage.compact().unwrap()),
            "maintain" => drop(storage.maintain(self.now).unwrap()),
            "reopen" => {
                self.storage = None;
                let storage =
                    Storage::open(self.folder.path(), self.options.clone(), self.now).unwrap();
                storage.set_retention(BUCKET, self.retention);
                self.storage = Some(storage);
            }
            "now" => self.now = rest.parse().unwrap(),
            "retention" => {
                self.retention = rest.parse().ok();
                storage.set_retention(BUCKET, self.retention);
            }
            "enforce" => {
                for dropped in storage.enforce_retention(self.now).unwrap() {
                    let TimeRange { start, stop } = dropped.range;
                    writeln!(self.told, "dropped shard {start} to {stop}").unwrap();
                }
            }
            "drop" => storage.drop_bucket(BUCKET).unwrap(),
            "delete" => {
                let (range, predicate) = request_of(rest);
                if let Err(error) = storage.delete(BUCKET, range, &predicate) {
                    self.tell(error);
                }
            }
            _ => self.query(line, command, rest),
        }
    }

    fn query(&mut self, line: &str, command: &str, rest: &str) {
        let (function, rest) = match command {
            "aggregate" => rest.split_once(' ').unwrap_or((rest, "")),
            "tag-values" => rest.split_once(' ').unwrap_or((rest, "")),
            _ => ("", rest),
        };
        let (windowing, rest) = match command {
            "aggregate" => windowing_of(rest),
            _ => (Windowing::Whole, rest),
        };
        let (range, predicate) = request_of(rest);
        let request = ScanRequest {
            range,
            predicate: predicate.clone(),
        };
        let storage = self.storage.as_ref().unwrap();
        let lines: Vec<String> = match command {
            "scan" => {
                let batches = storage.scan(BUCKET, &request).unwrap().map(Result::unwrap);
                batches
                    .map(|batch| {
                        let rows = (0..batch.times.len()).map(|row| {
                            format!(
                                " {}@{}",
                                text_of(&batch.values.value(row)),
                                batch.times[row]
                            )
                        });
                        format!(
                            "{} {}:{}",
                            batch.series,
                            batch.field,
                            rows.collect::<String>()
                        )
                    })
                    .collect()
            }
            "aggregate" => aggregates(storage, &request, &windowing, function),
            "series" => {
                let series = storage.series(BUCKET, range, &predicate).unwrap();
                series.iter().map(ToString::to_string).collect()
            }
            "cardinality" => {
                let count = storage.cardinality(BUCKET, range, &predicate).unwrap();
                vec![count.to_string()]
            }
            "measurements" => storage.measurements(BUCKET, range, &predicate).unwrap(),
            "tag-keys" => storage.tag_keys(BUCKET, range, &predicate).unwrap(),
            "tag-values" => storage
                .tag_values(BUCKET, function, range, &predicate)
                .unwrap(),
            "field-keys" => {
                let fields = storage.field_keys(BUCKET, range, &predicate).unwrap();
                fields
                    .into_iter()
                    .map(|(name, kind)| format!("{name} {kind}"))
                    .collect()
            }
            "stats" => stats(storage),
            other => panic!("no such command: {other}"),
        };
        self.tell(format_args!("> {line}"));
        lines.into_iter().for_each(|line| self.tell(line));
    }
}

fn aggregates(
    storage: &Storage,
    request: &ScanRequest,
    windowing: &Windowing,
    function: &str,
) -> Vec<String> {
    let aggregate = match function {
        "count" => Aggregate::Count,
        "sum" => Aggregate::Sum,
        "mean" => Aggregate::Mean,
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        "first" => Aggregate::First,
        "last" => Aggregate::Last,
        other => panic!("no such aggregate: {other}"),
    };
    let batches = storage
        .aggregate(BUCKET, request, windowing, aggregate)
        .unwrap()
        .map(Result::unwrap);
    batches
        .map(|batch| {
            let rows = (0..batch.times.len()).map(|row| {
                let value = text_of(&batch.values.value(row));
                let TimeRange { start, stop } = batch.windows[row];
                match (windowing, batch.times[row] == stop) {
                    (Windowing::Whole, true) => format!(" {value}"),
                    (Windowing::Whole, false) => format!(" {value}@{}", batch.times[row]),
                    (_, true) => format!(" [{start},{stop}) {value}"),
                    (_, false) => format!(" [{start},{stop}) {value}@{}", batch.times[row]),
                }
            });
            format!(
                "{} {} {function}:{}",
                batch.series,
                batch.field,
                rows.collect::<String>()
            )
        })
        .collect()
}

fn stats(storage: &Storage) -> Vec<String> {
    let mut lines = Vec::new();
    for bucket in storage.stats().buckets {
        let range = bucket.range.map(|range| (range.start, range.stop));
        lines.push(format!(
            "series {} shards {} rows {} range {range:?}",
            bucket.series, bucket.shards, bucket.rows
        ));
        for measurement in bucket.measurements {
            let tags = measurement
                .tags
                .iter()
                .map(|tag| format!(" {}={}", tag.key, tag.values));
            let tags: String = tags.collect();
            lines.push(format!(
                "  {} series {} fields {}{tags}",
                measurement.name, measurement.series, measurement.fields
            ));
        }
    }
    lines
}

/// `every 10`, `every 10 offset 3`, `at 0,7,30`, or nothing.
fn windowing_of(text: &str) -> (Windowing, &str) {
    let mut words = text.splitn(3, ' ');
    match (words.next(), words.next()) {
        (Some("every"), Some(number)) => {
            let rest = words.next().unwrap_or("");
            let every = number.parse().unwrap();
            match rest.strip_prefix("offset ") {
                Some(rest) => {
                    let (offset, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                    (
                        Windowing::Every {
                            every,
                            offset: offset.parse().unwrap(),
                        },
                        rest,
                    )
                }
                None => (Windowing::Every { every, offset: 0 }, rest),
            }
        }
        (Some("at"), Some(numbers)) => {
            let numbers = numbers.split(',').map(|number| number.parse().unwrap());
            (
                Windowing::Boundaries(numbers.collect()),
                words.next().unwrap_or(""),
            )
        }
        _ => (Windowing::Whole, text),
    }
}

/// `START STOP CONDITION…`; `-` stands for all time. Conditions are `key=value`, `key!=value`,
/// `key~pattern`, joined by AND; `_measurement` and `_field` are keys too, `_value>NUMBER` is a row's.
fn request_of(text: &str) -> (TimeRange, Predicate) {
    let mut words = text.split_whitespace();
    let range = match words.next() {
        None | Some("-") => TimeRange::ALL,
        Some(start) => TimeRange::new(
            start.parse().unwrap(),
            words.next().unwrap().parse().unwrap(),
        ),
    };
    (range, Predicate::And(words.map(condition_of).collect()))
}

fn condition_of(word: &str) -> Predicate {
    let subject = |key: &str| match key {
        "_measurement" => Subject::Measurement,
        "_field" => Subject::Field,
        tag => Subject::Tag(tag.into()),
    };
    if let Some(number) = word.strip_prefix("_value>") {
        return Predicate::Compare(
            Subject::Value,
            Comparison::Greater,
            Literal::Float(number.parse().unwrap()),
        );
    }
    if let Some((key, pattern)) = word.split_once('~') {
        let pattern =
            std::sync::Arc::new(watchpost_core::regular_expression::Regex::new(pattern).unwrap());
        return Predicate::Matches {
            subject: subject(key),
            pattern,
            negated: false,
        };
    }
    if let Some((key, value)) = word.split_once("!=") {
        return Predicate::Compare(
            subject(key),
            Comparison::NotEqual,
            Literal::String(value.into()),
        );
    }
    let (key, value) = word.split_once('=').unwrap();
    Predicate::Compare(
        subject(key),
        Comparison::Equal,
        Literal::String(value.into()),
    )
}

/// Not a timing test: with work quadratic in the series this would not end.
#[test]
fn many_series_come_and_go() {
    const SERIES: usize = 20_000;
    let folder = watchpost_testkit::temp_folder();
    let storage = Storage::open(folder.path(), quick(), 0).unwrap();
    let lines: String = (0..SERIES)
        .map(|id| format!("m,id={id},region=eu v=1i {id}\n"))
        .collect();
    storage.write(BUCKET, batch_at(&lines, 0), 0).unwrap();
    storage.seal().unwrap();
    assert_eq!(storage.stats().buckets[0].series, SERIES);
    storage
        .delete(
            BUCKET,
            TimeRange::new(10, i64::MAX),
            &Predicate::tag("region", "eu"),
        )
        .unwrap();
    storage.seal().unwrap();
    let stats = storage.stats().buckets.remove(0);
    assert_eq!((stats.series, stats.rows), (10, 10));
    assert_eq!(stats.measurements[0].tags[0].values, 10);
}
