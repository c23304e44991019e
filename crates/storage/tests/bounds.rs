//! What one sender can ask of the store by the shape of its rows: thousands of fields, thousands of days, times of the
//! far future. Each costs about as much as its bytes, or is refused with a reason.

use watchpost_storage::{
    DaysOf, Options, Predicate, RejectionReason, ScanRequest, Storage, TimeRange,
};

use crate::fixture::{BUCKET, all_cells, batch, cells_of, everything, open, quick, write};

const DAY: i64 = 24 * 3_600_000_000_000;

fn with_options(dir: &std::path::Path, change: impl FnOnce(&mut Options)) -> Storage {
    let mut options = quick();
    change(&mut options);
    Storage::open(dir, options, 0).expect("the store opens")
}

/// So many fields of one series, each in a row of its own.
fn diagonal(fields: std::ops::Range<usize>) -> String {
    let line = |number: usize| format!("m f{number:05}={number}i {number}\n");
    fields.map(line).collect()
}

#[test]
fn a_series_with_as_many_fields_as_rows_costs_their_sum() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    // Rows times fields would be 100 million cells, of 16 bytes each in memory.
    write(&storage, &diagonal(0..6_000));
    write(&storage, &diagonal(6_000..10_000));
    let written = all_cells(&storage);
    assert_eq!(written.len(), 10_000);
    storage.seal().unwrap();
    assert_eq!(all_cells(&storage), written, "sealed");
    for round in 0..4 {
        write(&storage, &diagonal(round * 2_000..round * 2_000 + 500));
        storage.seal().unwrap();
    }
    storage.compact().unwrap();
    assert_eq!(all_cells(&storage), written, "merged");
    assert_eq!(storage.verify().unwrap().damages, []);
    let bytes = storage.stats().segment_bytes;
    assert!(bytes < 10_000 * 400, "{bytes} bytes for 10,000 values");
    drop(storage);
    assert_eq!(all_cells(&open(folder.path())), written, "opened again");
}

#[test]
fn a_row_with_thousands_of_fields_is_sealed_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    let fields: Vec<String> = (0..20_000)
        .map(|number| format!("f{number}={number}"))
        .collect();
    let line = fields.join(",");
    write(&storage, &format!("m {line} 1\nm {line} 3\nm f7=5 2"));
    let written = all_cells(&storage);
    storage.compact().unwrap();
    assert_eq!(all_cells(&storage), written);
    let request = ScanRequest {
        predicate: Predicate::field("f7"),
        ..everything()
    };
    assert_eq!(cells_of(&storage, BUCKET, &request).unwrap().len(), 3);
}

#[test]
fn a_bucket_has_so_many_fields_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let storage = with_options(folder.path(), |options| options.max_fields_per_bucket = 3);
    let outcome = write(&storage, "m a=1,b=1 1\nn c=1 1\nn c=1,d=1 2\nm b=2 2");
    assert_eq!(outcome.written, 3);
    let reason = &outcome.rejected[0].reason;
    assert_eq!(
        reason.to_string(),
        "the bucket may have 3 fields, and measurement \"n\" would add 1: put what varies in their names into a tag, or raise the limit"
    );
    // Those of a measurement that was deleted make room at once.
    storage
        .delete(BUCKET, TimeRange::ALL, &Predicate::measurement("m"))
        .unwrap();
    assert_eq!(write(&storage, "n c=1,d=1,e=1 2").written, 1);
}

#[test]
fn more_shards_than_descriptors_are_sealed_merged_and_opened() {
    let folder = tempfile::tempdir().unwrap();
    let few = |options: &mut Options| options.max_open_segments = 4;
    let storage = with_options(folder.path(), few);
    let days: String = (0..300)
        .map(|day| format!("m v={day}i {}\n", day * DAY))
        .collect();
    write(&storage, &days);
    storage.seal().unwrap();
    assert_eq!(storage.stats().buckets[0].shards, 300);
    write(&storage, &days);
    let written = all_cells(&storage);
    // A reader goes on while what it reads is merged and deleted.
    let mut scan = storage.scan(BUCKET, &everything()).unwrap();
    storage.compact().unwrap();
    assert_eq!(storage.stats().buckets[0].segments, 300);
    assert_eq!(all_cells(&storage), written);
    let mut copy = Vec::new();
    storage.backup(&mut copy).unwrap();
    drop(storage);
    assert!(scan.next().is_some());
    assert_eq!(all_cells(&with_options(folder.path(), few)), written);
    let restored = folder.path().join("restored");
    Storage::restore(
        &watchpost_storage::disk::Disk::default(),
        &mut copy.as_slice(),
        &restored,
    )
    .unwrap();
    assert_eq!(all_cells(&with_options(&restored, few)), written);
}

#[test]
fn a_bucket_has_rows_in_so_many_days_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let few = |options: &mut Options| options.max_days_per_bucket = 2;
    let storage = with_options(folder.path(), few);
    let text = format!("m v=1 0\nm v=1 {DAY}\nm v=1 {}\nm v=2 1", 5 * DAY);
    let outcome = write(&storage, &text);
    assert_eq!(outcome.written, 3);
    let of = DaysOf::Bucket;
    let expected = RejectionReason::TooManyDays { limit: 2, of };
    assert_eq!(outcome.rejected[0].reason, expected);
    drop(storage);
    let storage = with_options(folder.path(), few);
    assert_eq!(write(&storage, &text).written, 3, "replayed");
    storage.seal().unwrap();
    assert_eq!(write(&storage, &text).written, 3, "sealed");
    storage
        .delete(BUCKET, TimeRange::new(0, DAY), &Predicate::default())
        .unwrap();
    assert_eq!(write(&storage, &format!("m v=1 {}", 5 * DAY)).written, 1);
}

#[test]
fn one_write_reaches_so_many_days_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    let days: String = (0..4_001)
        .map(|day| format!("m v=1i {}\n", day * DAY))
        .collect();
    let outcome = write(&storage, &days);
    assert_eq!((outcome.written, outcome.rejected.len()), (4_000, 1));
    assert_eq!(outcome.rejected[0].line, 4_001);
    assert_eq!(write(&storage, &days).written, 4_001, "in two parts");
}

#[test]
fn the_far_future_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let storage = with_options(folder.path(), |options| options.max_future = Some(10));
    let outcome = storage
        .write(BUCKET, batch("m v=1 110\nm v=2 111"), 100)
        .unwrap();
    assert_eq!(outcome.written, 1);
    assert_eq!(
        outcome.rejected[0].reason.to_string(),
        "the time 111 is after 110, the latest that is taken: check the precision of the timestamp and the clock of its sender, or raise the limit"
    );
}

#[test]
fn a_deleted_field_comes_again_with_another_type_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    let x = Predicate::measurement("x");
    for sealed in [false, true] {
        for (round, value) in ["1", "\"s\"", "2i", "true"].into_iter().enumerate() {
            write(&storage, "y v=1 1");
            let outcome = write(&storage, &format!("x v={value} 1700000000000000000"));
            assert_eq!(
                outcome.rejected,
                [],
                "{value} after {round} deletes, sealed: {sealed}"
            );
            if sealed {
                storage.seal().unwrap();
            }
            storage.delete(BUCKET, TimeRange::ALL, &x).unwrap();
        }
    }
    // What is left of a series or of another one keeps its type.
    write(&storage, "x,k=a v=1 1\nx,k=a v=2 9\nx,k=b v=3 1");
    storage.seal().unwrap();
    let tag = |value| Predicate::tag("k", value);
    storage
        .delete(BUCKET, TimeRange::new(0, 5), &tag("a"))
        .unwrap();
    assert_eq!(write(&storage, "x,k=a v=\"s\" 1").written, 0);
    storage
        .delete(BUCKET, TimeRange::new(0, 10), &tag("a"))
        .unwrap();
    assert_eq!(write(&storage, "x,k=a v=\"s\" 1").written, 0);
    storage
        .delete(BUCKET, TimeRange::new(0, 10), &tag("b"))
        .unwrap();
    assert_eq!(write(&storage, "x,k=a v=\"s\" 1").written, 1);
    let truth = all_cells(&storage);
    drop(storage);
    let storage = open(folder.path());
    assert_eq!(all_cells(&storage), truth, "replayed");
    assert_eq!(storage.damages(), []);
    storage.compact().unwrap();
    assert_eq!(all_cells(&storage), truth, "compacted");
}

#[test]
fn series_of_deleted_rows_make_room_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let storage = with_options(folder.path(), |options| options.max_series_per_bucket = 2);
    write(&storage, "m,k=a v=1 1\nm,k=b v=1 1");
    storage.seal().unwrap();
    assert_eq!(write(&storage, "m,k=c v=1 1").written, 0);
    storage
        .delete(BUCKET, TimeRange::ALL, &Predicate::tag("k", "a"))
        .unwrap();
    assert_eq!(write(&storage, "m,k=c v=1 1").written, 1);
    assert_eq!(all_cells(&storage).len(), 2);
}
