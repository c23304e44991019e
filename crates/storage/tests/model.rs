//! Random histories against a model that is nothing but a sorted map.

use std::sync::Arc;

use watchpost_storage::disk::Disk;
use watchpost_storage::predicate::{Comparison, Literal, Subject};
use watchpost_storage::{
    Aggregate, Column, Options, Predicate, ScanRequest, Storage, TimeRange, Windowing,
};

use crate::faulty_disk::NoSync;
use crate::fixture::{BUCKET, Cells, all_cells, batch, cells_of};

const HOSTS: [&str; 4] = ["a", "b", "c", "d"];
const FIELDS: [(&str, u8); 5] = [("f", 0), ("i", 1), ("u", 2), ("s", 3), ("b", 4)];

/// A line of random fields, and what it changes.
fn random_line(random: &mut fastrand::Rng, cells: &mut Cells) -> String {
    let measurement = ["m", "n"][random.usize(..2)];
    let host = HOSTS[random.usize(..HOSTS.len())];
    let series = format!("{measurement},host={host}");
    let time = match random.u8(..10) {
        0 => random.i64(-200_000_000_000_000..200_000_000_000_000),
        1..=3 => random.i64(-50..50),
        _ => random.i64(0..400) * 10,
    };
    let mut fields = Vec::new();
    for (name, kind) in FIELDS {
        if random.u8(..3) == 0 && !(name == "s" && fields.is_empty()) {
            continue;
        }
        let number = random.i64(-40..40);
        let text = match kind {
            0 => format!("{}", number as f64 / 4.0),
            1 => format!("{number}i"),
            2 => format!("{}u", number.unsigned_abs()),
            3 => format!("\"text {number}\""),
            _ => format!("{}", number > 0),
        };
        cells.insert((series.clone(), name.to_owned(), time), text.clone());
        fields.push(format!("{name}={text}"));
    }
    if fields.is_empty() {
        cells.insert((series.clone(), "i".to_owned(), time), "1i".to_owned());
        fields.push("i=1i".to_owned());
    }
    format!("{series} {} {time}\n", fields.join(","))
}

fn random_range(random: &mut fastrand::Rng) -> TimeRange {
    let start = random.i64(-100..4_000);
    TimeRange::new(start, start + random.i64(0..2_000))
}

fn options() -> Options {
    Options {
        disk: Disk::with_faults(Arc::new(NoSync)),
        memory_bytes: 64 * 1024,
        ..Options::default()
    }
}

#[test]
fn random_histories_agree_with_the_model() {
    for seed in 0..8 {
        history(seed);
    }
}

fn history(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Storage::open(folder.path(), options(), 0).unwrap();
    let mut model = Cells::new();
    for step in 0..60 {
        match random.u8(..20) {
            0 => drop(storage.seal().unwrap()),
            1 => drop(storage.compact().unwrap()),
            2 => drop(
                storage
                    .maintain(i64::from(random.u32(..)) * 1_000_000_000)
                    .unwrap(),
            ),
            3 => {
                drop(storage);
                storage = Storage::open(folder.path(), options(), 0).unwrap();
            }
            4 => {
                storage.close().unwrap();
                storage = Storage::open(folder.path(), options(), 0).unwrap();
            }
            5 | 6 => delete(&storage, &mut model, &mut random),
            7..=9 => compare(&storage, &model, &mut random, seed, step),
            _ => {
                let text: String = (0..random.usize(1..60))
                    .map(|_| random_line(&mut random, &mut model))
                    .collect();
                let outcome = storage.write(BUCKET, batch(&text), 0).unwrap();
                assert_eq!(outcome.dropped(), 0);
            }
        }
    }
    compare(&storage, &model, &mut random, seed, usize::MAX);
    drop(storage);
    let storage = Storage::open(folder.path(), options(), 0).unwrap();
    assert_eq!(storage.damages(), []);
    assert_eq!(
        all_cells(&storage),
        model,
        "seed {seed}, after the last opening"
    );
    assert_eq!(storage.verify().unwrap().damages, []);
}

fn delete(storage: &Storage, model: &mut Cells, random: &mut fastrand::Rng) {
    let range = random_range(random);
    let host = HOSTS[random.usize(..HOSTS.len())];
    let other = Predicate::Compare(
        Subject::Tag("host".into()),
        Comparison::NotEqual,
        Literal::String(host.into()),
    );
    let of_host = |series: &str| series.ends_with(&format!("host={host}"));
    let (predicate, kind) = match random.u8(..4) {
        0 => (Predicate::tag("host", host), 0),
        1 => (
            Predicate::And(vec![
                Predicate::measurement("m"),
                Predicate::tag("host", host),
            ]),
            1,
        ),
        2 => (Predicate::And(vec![Predicate::measurement("n"), other]), 2),
        _ => (Predicate::measurement("n"), 3),
    };
    storage.delete(BUCKET, range, &predicate).unwrap();
    model.retain(|(series, _, time), _| {
        let matches = match kind {
            0 => of_host(series),
            1 => series.starts_with("m,") && of_host(series),
            2 => series.starts_with("n,") && !of_host(series),
            _ => series.starts_with("n,"),
        };
        !(matches && range.contains(*time))
    });
}

fn compare(storage: &Storage, model: &Cells, random: &mut fastrand::Rng, seed: u64, step: usize) {
    assert_eq!(all_cells(storage), *model, "seed {seed}, step {step}");
    let range = random_range(random);
    let host = HOSTS[random.usize(..HOSTS.len())];
    let request = ScanRequest {
        range,
        predicate: Predicate::tag("host", host),
    };
    let expected: Cells = model
        .iter()
        .filter(|((series, _, time), _)| {
            series.ends_with(&format!("host={host}")) && range.contains(*time)
        })
        .map(|(cell, value)| (cell.clone(), value.clone()))
        .collect();
    assert_eq!(
        cells_of(storage, BUCKET, &request).unwrap(),
        expected,
        "seed {seed}, step {step}, {range:?} of {host}"
    );
    compare_aggregates(storage, &request, random, seed, step);
}

/// Aggregates are what the rows of a scan come to (the floats are quarters, so sums are exact).
fn compare_aggregates(
    storage: &Storage,
    request: &ScanRequest,
    random: &mut fastrand::Rng,
    seed: u64,
    step: usize,
) {
    let windowing = match random.u8(..3) {
        0 => Windowing::Whole,
        1 => Windowing::Every {
            every: random.i64(1..700),
            offset: random.i64(-50..50),
        },
        _ => Windowing::Boundaries(
            (-1..6)
                .map(|number| number * random.i64(100..101) * 7)
                .collect(),
        ),
    };
    for aggregate in [
        Aggregate::Count,
        Aggregate::Sum,
        Aggregate::Mean,
        Aggregate::Min,
        Aggregate::Max,
        Aggregate::First,
        Aggregate::Last,
    ] {
        let mut expected = Vec::new();
        for batch in storage.scan(BUCKET, request).unwrap() {
            let batch = batch.unwrap();
            if aggregate.accepts(batch.values.kind()) {
                expected.extend(naive(
                    &batch.series.to_string(),
                    &batch.field,
                    &batch.times,
                    &batch.values,
                    request,
                    &windowing,
                    aggregate,
                ));
            }
        }
        let mut found = Vec::new();
        for batch in storage
            .aggregate(BUCKET, request, &windowing, aggregate)
            .unwrap()
        {
            let batch = batch.unwrap();
            for (row, window) in batch.windows.iter().enumerate() {
                let value = crate::fixture::text_of(&batch.values.value(row));
                found.push((
                    batch.series.to_string(),
                    batch.field.to_string(),
                    *window,
                    batch.times[row],
                    value,
                ));
            }
        }
        assert_eq!(
            found, expected,
            "seed {seed}, step {step}, {aggregate:?} over {windowing:?}"
        );
    }
}

type Row = (String, String, TimeRange, i64, String);

fn naive(
    series: &str,
    field: &str,
    times: &[i64],
    values: &Column,
    request: &ScanRequest,
    windowing: &Windowing,
    aggregate: Aggregate,
) -> Vec<Row> {
    let mut windows: Vec<(TimeRange, Vec<usize>)> = Vec::new();
    for (row, time) in times.iter().enumerate() {
        let Some(window) = windowing.window_of(*time, request.range) else {
            continue;
        };
        match windows.last_mut() {
            Some((last, rows)) if *last == window => rows.push(row),
            _ => windows.push((window, vec![row])),
        }
    }
    let number = |row: &usize| values.value(*row).as_f64().unwrap_or(0.0);
    let text = |row: usize| crate::fixture::text_of(&values.value(row));
    let first_best = |rows: &[usize], better: fn(f64, f64) -> bool| {
        rows.iter()
            .copied()
            .reduce(|best, row| {
                if better(number(&row), number(&best)) {
                    row
                } else {
                    best
                }
            })
            .unwrap()
    };
    windows
        .into_iter()
        .map(|(window, rows)| {
            let sum: f64 = rows.iter().map(number).sum();
            let (time, value) = match aggregate {
                Aggregate::Count => (window.stop, format!("{}i", rows.len())),
                Aggregate::Mean => (window.stop, format!("{}", sum / rows.len() as f64)),
                Aggregate::Sum => (
                    window.stop,
                    match values {
                        Column::Integer(_) => format!("{sum}i"),
                        Column::Unsigned(_) => format!("{sum}u"),
                        _ => format!("{sum}"),
                    },
                ),
                Aggregate::First => (times[rows[0]], text(rows[0])),
                Aggregate::Last => (times[*rows.last().unwrap()], text(*rows.last().unwrap())),
                Aggregate::Min => {
                    let row = first_best(&rows, |new, best| new < best);
                    (times[row], text(row))
                }
                Aggregate::Max => {
                    let row = first_best(&rows, |new, best| new > best);
                    (times[row], text(row))
                }
            };
            (series.to_owned(), field.to_owned(), window, time, value)
        })
        .collect()
}
