//! Names of objects say what they are, and others are not taken for ours.

use watchpost_archive::layout::{
    ChainId, PartName, SnapshotName, Stamp, segment_id_of, segment_name, sha256, sha256_of,
    writer_name, writer_of,
};

#[test]
fn names_are_read_as_they_were_written_and_sort_by_time() {
    let sum = sha256(b"content");
    let mut names = Vec::new();
    for time in [0, 999, 1_000, 1_764_497_700_123, 253_402_200_000_000] {
        let part = PartName {
            chain: ChainId {
                writer: 3,
                number: 12,
            },
            sequence: 41,
            time: Stamp(time),
            sha256: sum.clone(),
        };
        assert_eq!(part.to_string().parse(), Ok(part.clone()));
        assert_eq!(sha256_of(&part.to_string()), Some(sum.as_str()));
        let snapshot = SnapshotName {
            time: Stamp(time),
            writer: 3,
            number: 5,
            sha256: sum.clone(),
        };
        assert_eq!(snapshot.to_string().parse(), Ok(snapshot.clone()));
        assert_eq!(sha256_of(&snapshot.references()), None);
        names.push(snapshot.to_string());
    }
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(segment_id_of(&segment_name("ab12", &sum)), Some("ab12"));
    assert_eq!(writer_of(&writer_name(7)), Some(7));
}

#[test]
fn other_names_are_none_of_ours() {
    for name in [
        "",
        "log",
        "log/1/2",
        "log/00000001-000001/0000000001-20261130T101500123Z.age",
        "snapshots/x.age",
        "snapshots/20261130T101500Z-00000001-00000001-00.age",
        "snapshots/20261330T101500000Z-00000001-00000001-00.age",
        "snapshots/ä-ö-ü.age",
    ] {
        assert!(name.parse::<PartName>().is_err(), "{name}");
        assert!(name.parse::<SnapshotName>().is_err(), "{name}");
        assert_eq!(segment_id_of(name), None);
        assert_eq!(writer_of(name), None);
    }
}
