//! Reads of many fields are shared by threads, and can be stopped on the way: neither is to be seen in what comes.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use watchpost_storage::{Aggregate, Error, Storage, Windowing};
use watchpost_testkit::temp_folder;

use crate::fixture::{BUCKET, everything, open, write};

const SERIES: usize = 6;
const FIELDS: usize = 20;
const ROWS: usize = 400;

/// Sealed rows of six series, and hot ones in between: 48,000 values, more than one thread reads alone.
fn filled(storage: &Storage) {
    for (rows, seal) in [(0..ROWS / 2, true), (ROWS / 2..ROWS, false)] {
        let mut lines = String::new();
        for row in rows {
            for series in 0..SERIES {
                let _ = write!(lines, "m,host=h{series} ");
                for field in 0..FIELDS {
                    let comma = if field == 0 { "" } else { "," };
                    let _ = write!(
                        lines,
                        "{comma}f{field:02}={}",
                        (row * series + field) as f64
                    );
                }
                let _ = writeln!(lines, " {row}");
            }
        }
        write(storage, &lines);
        if seal {
            storage.seal().expect("seals");
        }
    }
}

/// Series and field of each batch.
fn names<'b>(batches: impl Iterator<Item = (&'b str, &'b str)>) -> Vec<String> {
    batches
        .map(|(host, field)| format!("{host} {field}"))
        .collect()
}

fn all_names() -> Vec<String> {
    let series = 0..SERIES;
    let of_series = |series: usize| (0..FIELDS).map(move |field| format!("h{series} f{field:02}"));
    series.flat_map(of_series).collect()
}

#[test]
fn rows_come_in_order_of_series_and_field() {
    let folder = temp_folder();
    let storage = open(folder.path());
    filled(&storage);
    let batches = storage.scan(BUCKET, &everything()).expect("a scan");
    let batches: Vec<_> = batches.map(|batch| batch.expect("rows")).collect();
    let host =
        |key: &watchpost_core::point::SeriesKey| key.tag("host").unwrap_or_default().to_owned();
    let hosts: Vec<String> = batches.iter().map(|batch| host(&batch.series)).collect();
    let found = hosts.iter().zip(&batches);
    let found = found.map(|(host, batch)| (host.as_str(), batch.field.as_ref()));
    assert_eq!(names(found), all_names());
    assert!(
        batches
            .iter()
            .all(|batch| batch.times.len() == ROWS && batch.times.is_sorted())
    );

    let windows = Windowing::Every {
        every: 100,
        offset: 0,
    };
    let answers = storage.aggregate(BUCKET, &everything(), &windows, Aggregate::Count);
    let answers: Vec<_> = answers
        .expect("a scan")
        .map(|batch| batch.expect("rows"))
        .collect();
    let hosts: Vec<String> = answers.iter().map(|batch| host(&batch.series)).collect();
    let found = hosts.iter().zip(&answers);
    let found = found.map(|(host, batch)| (host.as_str(), batch.field.as_ref()));
    assert_eq!(names(found), all_names());
    assert!(
        answers
            .iter()
            .all(|batch| batch.windows.len() == ROWS / 100)
    );
}

#[test]
fn a_field_of_many_rows_comes_in_several_batches() {
    const MANY: usize = 150_000;
    let folder = temp_folder();
    let storage = open(folder.path());
    let mut lines = String::new();
    for row in 0..MANY {
        let _ = writeln!(lines, "m v={row}i {row}");
    }
    write(&storage, &lines);
    storage.seal().expect("seals");
    let batches = storage.scan(BUCKET, &everything()).expect("a scan");
    let times: Vec<Vec<i64>> = batches.map(|batch| batch.expect("rows").times).collect();
    assert!(times.len() > 1, "{} batch", times.len());
    let wanted: Vec<i64> = (0..MANY as i64).collect();
    assert_eq!(times.concat(), wanted);
}

#[test]
fn a_read_ends_when_it_is_stopped() {
    let folder = temp_folder();
    let storage = open(folder.path());
    filled(&storage);
    let count = || {
        let asked = AtomicUsize::new(0);
        let stop = || {
            asked.fetch_add(1, Ordering::Relaxed);
            false
        };
        let scan = storage.scan(BUCKET, &everything()).expect("a scan");
        assert_eq!(
            scan.stopped_by(&stop).filter(Result::is_ok).count(),
            SERIES * FIELDS
        );
        asked.into_inner()
    };
    let all = count();
    assert!(all >= SERIES * FIELDS, "asked {all} times");
    for after in [0, all / 2] {
        let asked = AtomicUsize::new(0);
        let stop = || asked.fetch_add(1, Ordering::Relaxed) >= after;
        let scan = storage.scan(BUCKET, &everything()).expect("a scan");
        let last = scan.stopped_by(&stop).last();
        assert!(matches!(last, Some(Err(Error::Stopped))), "{last:?}");
        let sums = storage.aggregate(BUCKET, &everything(), &Windowing::Whole, Aggregate::Sum);
        let last = sums.expect("a scan").stopped_by(&stop).last();
        assert!(matches!(last, Some(Err(Error::Stopped))), "{last:?}");
    }
}
