//! A backup folder of a real InfluxDB 2 is read: every value that was written to it, and no other.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use watchpost_archive::import::{self, Format};
use watchpost_archive::influxdb::folder::{Bucket, manifest};
use watchpost_archive::influxdb::tsm::Tsm;
use watchpost_archive::influxdb::{codec, read};
use watchpost_archive::transfer::Lines;
use watchpost_core::line_protocol::{Precision, parse_points};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/influxdb")
        .join(name)
}

/// Values by series, field and time.
type Values = BTreeMap<(String, String, i64), String>;

fn values(lines: &[u8]) -> Values {
    let points = parse_points(lines, Precision::Nanoseconds, 0).expect("good lines");
    let mut values = Values::new();
    for point in points {
        for (field, value) in point.fields() {
            let key = (point.series.to_string(), field.clone(), point.timestamp);
            values.insert(key, format!("{value:?}"));
        }
    }
    values
}

fn written() -> Values {
    let packed = std::fs::read(testdata("written.lp.gz")).expect("testdata");
    let mut lines = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut lines)
        .expect("gzip");
    values(&lines)
}

fn raw(folder: &Path) -> Bucket {
    let manifest = manifest(folder).expect("a manifest");
    let mut buckets = manifest.buckets.into_iter();
    buckets
        .find(|bucket| bucket.bucket_name == "raw")
        .expect("the bucket")
}

fn lines_of(folder: &Path) -> (Vec<u8>, import::Imported) {
    let mut lines = Vec::new();
    let read = read(folder, &raw(folder), &mut |some, _| {
        lines.extend(some);
        Ok(())
    });
    let read = read.expect("read");
    let imported = import::Imported {
        values: read.values,
        damaged: read.damaged,
    };
    (lines, imported)
}

#[test]
fn every_value_of_every_type_comes_back() {
    let (lines, read) = lines_of(&testdata("backup"));
    assert_eq!(read.damaged, Vec::<String>::new());
    let (found, written) = (values(&lines), written());
    assert_eq!(read.values, written.len() as u64);
    for (key, value) in &written {
        assert_eq!(found.get(key), Some(value), "{key:?}");
    }
    assert_eq!(found.len(), written.len());
}

/// A copy of the folder with one archive changed.
fn changed(file: &str, change: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
    let folder = watchpost_testkit::temp_folder();
    for entry in std::fs::read_dir(testdata("backup")).expect("testdata") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copied");
    }
    let path = folder.path().join(file);
    let packed = std::fs::read(&path).expect("read");
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut plain)
        .expect("gzip");
    change(&mut plain);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&plain).expect("packed");
    std::fs::write(&path, packed.finish().expect("packed")).expect("written");
    folder
}

#[test]
fn of_a_damaged_shard_the_rest_is_read_and_the_damage_is_named() {
    let whole = written();
    let folder = changed("20261130T000000Z.1.tar.gz", |tar| tar[2_000] ^= 1);
    let (lines, read) = lines_of(folder.path());
    assert_eq!(read.damaged.len(), 1, "{:?}", read.damaged);
    assert!(read.damaged[0].contains("checksum"), "{:?}", read.damaged);
    let found = values(&lines);
    assert!(found.len() < whole.len() && found.len() + 1_000 >= whole.len());
    assert!(
        found
            .iter()
            .all(|(key, value)| whole.get(key) == Some(value))
    );

    let folder = changed("20261130T000000Z.1.tar.gz", |tar| tar.truncate(20_000));
    let (lines, read) = lines_of(folder.path());
    assert!(!read.damaged.is_empty());
    let found = values(&lines);
    assert!(!found.is_empty(), "the other shards");
    assert!(
        found
            .iter()
            .all(|(key, value)| whole.get(key) == Some(value))
    );
}

#[test]
fn folders_that_are_none_are_refused() {
    let folder = watchpost_testkit::temp_folder();
    let error = manifest(folder.path()).expect_err("none");
    assert!(error.to_string().contains("influx backup"), "{error}");
    std::fs::write(folder.path().join("1.manifest"), "{").expect("written");
    assert!(manifest(folder.path()).is_err());
}

/// Bytes of any kind cost an error, no panic and no memory.
#[test]
fn hostile_bytes_are_refused() {
    let mut random = fastrand::Rng::with_seed(1);
    let packed = std::fs::read(testdata("backup/20261130T000000Z.1.tar.gz")).expect("testdata");
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut tar)
        .expect("gzip");
    let tsm = &tar[512..];
    for _ in 0..300 {
        let mut bytes = tsm.to_vec();
        for _ in 0..random.usize(1..20) {
            let place = random.usize(..bytes.len());
            bytes[place] = random.u8(..);
        }
        bytes.truncate(random.usize(..=bytes.len()));
        if let Ok(tsm) = Tsm::open(&bytes) {
            for column in tsm.columns().flatten() {
                tsm.values(&column).for_each(drop);
            }
        }
        let from = random.usize(..tsm.len());
        let mut block = tsm[from..tsm.len().min(from + random.usize(1..300))].to_vec();
        block[0] = random.u8(..6);
        let _ = codec::decode(&block);
    }
}

/// Keeps the lines that are written.
#[derive(Default)]
struct Kept(Vec<u8>);

impl Lines for Kept {
    async fn take(&mut self, lines: &[u8]) -> watchpost_archive::Result<()> {
        self.0.extend(lines);
        Ok(())
    }
}

#[tokio::test]
async fn files_and_folders_are_written_in_batches() {
    let path = testdata("written.lp.gz");
    let mut kept = Kept::default();
    let imported = import::file(&path, &import::format_of(&path), &mut kept)
        .await
        .expect("imported");
    assert_eq!(imported.values, 1_515);
    assert_eq!(values(&kept.0), written());

    let folder = testdata("backup");
    assert_eq!(import::format_of(&folder), Format::Backup);
    let mut kept = Kept::default();
    let imported = import::backup(&folder, &raw(&folder), &mut kept)
        .await
        .expect("imported");
    assert_eq!(imported.damaged, Vec::<String>::new());
    assert_eq!(values(&kept.0), written());
}

#[tokio::test]
async fn annotated_csv_becomes_points() {
    let folder = watchpost_testkit::temp_folder();
    let path = folder.path().join("some.csv");
    let csv = "#datatype,string,long,dateTime:RFC3339Nano,double,string,string,string\r\n\
               #group,false,false,false,false,true,true,true\r\n#default,_result,,,,,,\r\n\
               ,result,table,_time,_value,_field,_measurement,host\r\n\
               ,,0,1970-01-01T00:00:00.000000007Z,1.5,v,m,a b\r\n\r\n";
    std::fs::write(&path, csv).expect("written");
    let mut kept = Kept::default();
    import::file(&path, &import::format_of(&path), &mut kept)
        .await
        .expect("imported");
    assert_eq!(String::from_utf8_lossy(&kept.0), "m,host=a\\ b v=1.5 7\n");
}
