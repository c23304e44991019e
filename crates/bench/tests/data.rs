//! The data of a run: the same from the same seed, whole, and with the sums its lines have.

use std::collections::{BTreeMap, BTreeSet};

use watchpost_bench::data::{Dataset, FieldKind, SeriesSum, host_number, units_of};
use watchpost_bench::scenario::Data;
use watchpost_core::line_protocol::{Precision, parse_points};
use watchpost_service::config::Interval;

const START: i64 = 1_700_000_000_000_000_000;

fn dataset(shape: &Data) -> Dataset {
    Dataset::new(shape, 42, 10_000, 1_000, START)
}

fn body(dataset: &Dataset) -> String {
    let mut out = Vec::new();
    for batch in 0..dataset.batches() {
        dataset.append_batch(batch, &mut out);
    }
    String::from_utf8(out).expect("lines are text")
}

#[test]
fn the_same_seed_gives_the_same_lines() {
    let shape = Data::default();
    assert_eq!(body(&dataset(&shape)), body(&dataset(&shape)));
    let other = Dataset::new(&shape, 43, 10_000, 1_000, START);
    assert_ne!(body(&dataset(&shape)), body(&other));
}

#[test]
fn lines_out_of_order_are_the_same_lines() {
    let ordered = dataset(&Data::default());
    let shuffled = dataset(&Data {
        out_of_order: 0.3,
        ..Data::default()
    });
    assert_ne!(body(&ordered), body(&shuffled));
    let sorted = |dataset: &Dataset| -> BTreeSet<String> {
        body(dataset).lines().map(str::to_owned).collect()
    };
    assert_eq!(sorted(&ordered).len(), 10_000);
    assert_eq!(sorted(&ordered), sorted(&shuffled));
}

#[test]
fn what_is_written_is_what_is_computed() {
    let dataset = dataset(&Data::default());
    let points = parse_points(body(&dataset).as_bytes(), Precision::Nanoseconds, 0)
        .expect("every line is valid");
    assert_eq!(points.len(), 10_000);
    for (position, point) in points.iter().enumerate() {
        let place = dataset.place(position as u64);
        let host = point.series.tag("host").and_then(host_number);
        assert_eq!(host, Some(place.host));
        assert_eq!(point.timestamp, dataset.time(place.index));
        for (at, field) in dataset.fields().iter().enumerate() {
            let value = point.get(&field.name).and_then(|value| value.as_f64());
            let units = value.and_then(|value| units_of(field.kind, value));
            assert_eq!(units, Some(dataset.units(place, at, 0)), "{}", field.name);
        }
    }
}

#[test]
fn rewrites_change_a_share_of_the_lines() {
    let dataset = dataset(&Data {
        rewritten: 0.25,
        ..Data::default()
    });
    let mut again = Vec::new();
    let count: u64 = (0..dataset.batches())
        .map(|batch| dataset.append_rewrites(batch, &mut again))
        .sum();
    assert!((2_200..2_800).contains(&count), "{count} of 10000");
    let first = body(&dataset);
    let before: BTreeSet<&str> = first.lines().collect();
    let again = String::from_utf8(again).expect("lines are text");
    assert!(again.lines().all(|line| !before.contains(line)));
}

#[test]
fn hosts_come_and_go_one_after_another() {
    let dataset = Dataset::new(
        &Data {
            hosts: 10,
            lifetime: Some(Interval::seconds(100)),
            ..Data::default()
        },
        1,
        1_000,
        100,
        START,
    );
    let mut times: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for position in 0..1_000 {
        let place = dataset.place(position);
        let seen = times
            .entry(place.host)
            .or_insert((place.index, place.index));
        seen.1 = place.index;
    }
    assert!(times.values().all(|(first, last)| last - first < 10));
    // Ten at a time for a hundred intervals of which each lives ten, and the staggered ends.
    assert!((100..=110).contains(&times.len()), "{}", times.len());
}

#[test]
fn a_checksum_notices_what_count_and_sum_do_not() {
    let interval = 10_000_000_000;
    let sum = |values: [i64; 2]| {
        let mut sum = SeriesSum::default();
        for (at, units) in (0..).zip(values) {
            sum.add(FieldKind::Percent, units, START + at * interval, interval);
        }
        sum
    };
    let (right, exchanged) = (sum([8, 16]), sum([16, 8]));
    assert_eq!((right.count, right.sum), (exchanged.count, exchanged.sum));
    assert_ne!(right.checksum, exchanged.checksum);
}
