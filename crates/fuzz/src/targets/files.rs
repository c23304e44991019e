//! The files of the roles: changed, with checksums that fit again, so that what lies behind them is reached. Somebody who
//! hands over a backup can make such.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;
use watchpost_agent::buffer::DiskQueue;
use watchpost_core::line_protocol::{Lines, Precision};
use watchpost_core::point::FieldType;
use watchpost_durable::{Disk, Faults, Operation, Verdict};
use watchpost_engine::meta::{JOURNAL, MetaStore};
use watchpost_storage::{
    Batch, Column, Options, Predicate, ScanRequest, Storage, TimeRange, codec,
};

use super::{Answer, PARSER, Target};

const FILE: Target = Target {
    longest: 64 << 10,
    memory: 128 << 20,
    processor: Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 5 }),
    ..PARSER
};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "chunk",
        about: "a column as it lies in a segment",
        // The longest input as lz4 at its best is half of it.
        memory: 32 << 20,
        more_seeds: chunks,
        make: || Box::new(chunk),
        ..FILE
    },
    Target {
        name: "log_file",
        about: "storage's log, replayed, sealed, read and verified",
        more_seeds: || sample(LOG),
        make: || Box::new(at(LOG, mend_log)),
        ..FILE
    },
    Target {
        name: "segment_file",
        about: "a segment of storage, opened, read and verified",
        more_seeds: || sample(SEGMENT),
        make: || Box::new(at(SEGMENT, mend_segment)),
        ..FILE
    },
    Target {
        name: "backup",
        about: "a backup of storage, restored and read",
        more_seeds: backups,
        make: || Box::new(backup),
        ..FILE
    },
    Target {
        name: "journal",
        about: "the server's meta.journal",
        more_seeds: journals,
        words: JOURNAL_WORDS,
        nests: &[("[", "]"), ("{\"a\":", "}")],
        make: || Box::new(journal),
        ..FILE
    },
    Target {
        name: "agent_queue",
        about: "a segment of the agent's queue on disk",
        more_seeds: || Ok(vec![b"WPQUEUE1".to_vec()]),
        make: || Box::new(agent_queue),
        ..FILE
    },
];

const BUCKET: u64 = 1;
const LOG: &str = "log";
const SEGMENT: &str = "data";

/// Syncs are pretended: an input a millisecond would wait for the disk alone.
struct NoSync;

impl Faults for NoSync {
    fn judge(&self, operation: Operation<'_>, _: &Path) -> Verdict {
        match operation {
            Operation::Sync | Operation::SyncFolder => Verdict::Pretend,
            _ => Verdict::Proceed,
        }
    }
}

fn disk() -> Disk {
    Disk::with_faults(Arc::new(NoSync))
}

fn open(folder: &Path) -> watchpost_storage::Result<Storage> {
    Storage::open(
        folder,
        Options {
            disk: disk(),
            ..Options::default()
        },
        0,
    )
}

/// Memory where there is some: a thousand folders a second are hard on a disk.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a folder")
}

// === columns ===

const KINDS: [FieldType; 5] = [
    FieldType::Float,
    FieldType::Integer,
    FieldType::Unsigned,
    FieldType::String,
    FieldType::Boolean,
];

/// Bytes before the chunk: the number of the kind, and the rows in two bytes, low one first.
const CHUNK_HEAD: usize = 3;

fn chunks() -> Result<Vec<Vec<u8>>> {
    let columns = [
        Column::Float((0..300).map(|row| f64::from(row % 17) / 8.0).collect()),
        Column::Float(vec![0.1 + 0.2, f64::NAN, f64::INFINITY, -0.0, 1e300]),
        Column::Integer((0..300).map(|row| row * row * 7 - 3).collect()),
        Column::Integer(vec![i64::MIN, i64::MAX, 0, -1]),
        Column::Unsigned((0..100).map(|row| u64::MAX - row).collect()),
        Column::String(
            (0..50)
                .map(|row| format!("text {}", row % 5).into())
                .collect(),
        ),
        Column::Boolean((0..77).map(|row| row % 3 == 0).collect()),
    ];
    let seed = |column: &Column| {
        let kind = KINDS
            .iter()
            .position(|kind| *kind == column.kind())
            .unwrap_or_default();
        let [low, high] = u16::try_from(column.len())
            .unwrap_or_default()
            .to_le_bytes();
        [&[kind as u8, low, high], codec::encode(column).as_slice()].concat()
    };
    Ok(columns.iter().map(seed).collect())
}

/// The values without their `PartialEq`: a NaN is itself.
fn bits(column: &Column) -> Vec<u64> {
    match column {
        Column::Float(values) => values.iter().map(|value| value.to_bits()).collect(),
        _ => Vec::new(),
    }
}

/// Bytes are refused, or decode to as many values as asked for, which encode and decode to themselves.
fn chunk(input: &[u8]) -> Answer {
    let Some((head, chunk)) = input.split_at_checked(CHUNK_HEAD) else {
        return Answer::refused("short");
    };
    let kind = KINDS[usize::from(head[0]) % KINDS.len()];
    // As many as a block can have; none has none.
    let rows = usize::from(u16::from_le_bytes([head[1], head[2]]) % 4_096).max(1);
    let column = match codec::decode(kind, rows, chunk) {
        Ok(column) => column,
        Err(error) => return Answer::refused(error),
    };
    assert_eq!((column.kind(), column.len()), (kind, rows));
    let again = codec::decode(kind, rows, &codec::encode(&column)).expect("our own chunk");
    assert_eq!(bits(&again), bits(&column));
    assert!(
        kind == FieldType::Float || again == column,
        "another column"
    );
    Answer::taken(kind)
}

// === storage ===

/// A store with two segments, a log with writes and a delete, and a document.
fn filled() -> Result<(TempDir, Storage)> {
    let folder = folder();
    let storage = open(folder.path())?;
    let write = |text: &str| {
        let mut batch = Batch::new();
        let mut lines = Lines::new(text.as_bytes(), Precision::Nanoseconds, 0);
        while let Some(Ok(line)) = lines.next_line() {
            batch.push(&line);
        }
        storage.write(BUCKET, batch, 0)
    };
    let lines: String = (0..30)
        .map(|row| {
            format!(
                "m,host=a f={}.25,i={row}i,s=\"text {row}\" {row}\n",
                row % 7
            )
        })
        .collect();
    write(&lines)?;
    write("m,host=b f=0.1,i=5i,b=true,u=7u 100000000000000\nm,host=b f=0.7 100000000000001")?;
    storage.seal()?;
    write("m,host=c f=4 5\nm,host=a s=\"replaced\" 3")?;
    storage.delete(BUCKET, TimeRange::new(10, 12), &Predicate::tag("host", "a"))?;
    write("m,host=c f=5 6")?;
    storage.put_document("settings", b"first")?;
    Ok((folder, storage))
}

/// The files of the sample below one of its folders.
fn sample_files(below: &str) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let (folder, storage) = filled()?;
    let mut found = Vec::new();
    let mut folders = vec![folder.path().join(below)];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push((
                    path.strip_prefix(folder.path())?.to_owned(),
                    fs::read(&path)?,
                )),
            }
        }
    }
    found.sort();
    drop(storage);
    Ok(found)
}

fn sample(below: &str) -> Result<Vec<Vec<u8>>> {
    Ok(sample_files(below)?
        .into_iter()
        .map(|(_, bytes)| bytes)
        .collect())
}

/// A store with this one file in it is opened and used.
fn at(below: &'static str, mend: fn(&mut [u8])) -> impl FnMut(&[u8]) -> Answer {
    let files = sample_files(below).expect("a sample");
    let (name, _) = files.into_iter().next().expect("a file");
    move |input| {
        let mut bytes = input.to_vec();
        // Half of them as they are: a checksum that does not fit has to be noticed.
        if crc32fast::hash(input).is_multiple_of(2) {
            mend(&mut bytes);
        }
        let folder = folder();
        let path = folder.path().join(&name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
        used(folder.path())
    }
}

/// Reads all, verifies, seals and merges: each may refuse.
fn used(folder: &Path) -> Answer {
    let storage = match open(folder) {
        Ok(storage) => storage,
        Err(error) => return Answer::refused(error),
    };
    let read = |storage: &Storage| {
        let request = ScanRequest {
            range: TimeRange::ALL,
            predicate: Predicate::default(),
        };
        let scan = storage.scan(BUCKET, &request)?;
        scan.map(|batch| batch.map(|batch| batch.times.len()))
            .sum::<watchpost_storage::Result<usize>>()
    };
    let rows = read(&storage);
    let steps = [
        storage.verify().map(drop),
        storage.seal().map(drop),
        storage.compact().map(drop),
        storage.repair().map(drop),
        read(&storage).map(drop),
    ];
    let damages = storage.damages().len();
    for step in steps {
        if let Err(error) = step {
            return Answer::refused(error);
        }
    }
    match rows {
        Ok(rows) => Answer::taken(format!("{} {}", letters(rows), letters(damages))),
        Err(error) => Answer::refused(error),
    }
}

/// A number as letters, which tell kinds of answers apart.
fn letters(number: usize) -> String {
    "x".repeat(number.min(20))
}

fn put(bytes: &mut [u8], at: usize, crc: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(four)).ok()
}

/// Places of a magic word.
fn places(bytes: &[u8], magic: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(magic.len()).enumerate();
    windows
        .filter(|(_, window)| *window == magic)
        .map(|(place, _)| place)
        .collect()
}

/// Checksums of a log, by FORMAT.md: title, mark, and head and payload of each record.
fn mend_log(bytes: &mut [u8]) {
    if bytes.len() < 72 {
        return;
    }
    put(bytes, 16, crc32fast::hash(&bytes[..16]));
    let mark = [&bytes[8..16], &bytes[20..68]].concat();
    put(bytes, 68, crc32fast::hash(&mark));
    for place in places(bytes, b"WREC") {
        // magic 4, event 1, bucket 8, sequence 8, rows 4, start 8, stop 8, length 4, payload_crc 4, head_crc 4.
        let (length_at, payload_crc_at, head_crc_at, payload_at) =
            (place + 41, place + 45, place + 49, place + 53);
        let Some(length) = u32_at(bytes, length_at) else {
            continue;
        };
        if let Some(payload) = bytes.get(payload_at..payload_at.saturating_add(length)) {
            put(bytes, payload_crc_at, crc32fast::hash(payload));
        }
        if let Some(head) = bytes.get(place..head_crc_at) {
            put(bytes, head_crc_at, crc32fast::hash(head));
        }
    }
}

/// Checksums of a segment: head, the header of each block, index and trailer.
fn mend_segment(bytes: &mut [u8]) {
    if bytes.len() < 76 {
        return;
    }
    put(bytes, 48, crc32fast::hash(&bytes[..48]));
    for place in places(bytes, b"WBLK") {
        let Some(length) = u32_at(bytes, place + 4) else {
            continue;
        };
        if let Some(header) = bytes.get(place + 16..(place + 16).saturating_add(length)) {
            let crc = crc32fast::hash(&[&bytes[place + 4..place + 12], header].concat());
            put(bytes, place + 12, crc);
        }
    }
    let trailer = bytes.len() - 24;
    let Some((offset, length)) = u32_at(bytes, trailer).zip(u32_at(bytes, trailer + 8)) else {
        return;
    };
    if let Some(index) = bytes.get(offset..offset.saturating_add(length)) {
        put(bytes, trailer + 16, crc32fast::hash(index));
    }
    put(
        bytes,
        trailer + 20,
        crc32fast::hash(&bytes[trailer..trailer + 20]),
    );
}

fn backups() -> Result<Vec<Vec<u8>>> {
    let (_folder, storage) = filled()?;
    let mut backup = Vec::new();
    storage.backup(&mut backup)?;
    Ok(vec![backup])
}

fn backup(input: &[u8]) -> Answer {
    let folder = folder();
    let place = folder.path().join("restored");
    let mut bytes = input.to_vec();
    if crc32fast::hash(input).is_multiple_of(2) {
        mend_backup(&mut bytes);
    }
    if let Err(error) = Storage::restore(&disk(), &mut bytes.as_slice(), &place) {
        assert!(!place.exists(), "a refused backup left a folder");
        return Answer::refused(error);
    }
    let strange = fs::read_dir(folder.path()).map(Iterator::count);
    assert!(
        strange.is_ok_and(|count| count == 1),
        "a backup wrote beside its folder"
    );
    used(&place)
}

/// Checksums of the files and of the end.
fn mend_backup(bytes: &mut [u8]) {
    let mut at = b"WPBACKUP1\n".len();
    while bytes.get(at) == Some(&1) {
        let Some(content) =
            u32_at(bytes, at + 1).map(|name| at.saturating_add(13).saturating_add(name))
        else {
            return;
        };
        let Some(length) = u32_at(bytes, content.wrapping_sub(8)) else {
            return;
        };
        let end = content.saturating_add(length);
        let Some(file) = bytes.get(at..end) else {
            return;
        };
        put(bytes, end, crc32fast::hash(file));
        at = end + 4;
    }
    if let Some(end) = bytes.get(at..at + 9) {
        put(bytes, at + 9, crc32fast::hash(end));
    }
}

// === the server's journal, the agent's queue ===

const JOURNAL_WORDS: &[&str] = &[
    "{\"put\":",
    "{\"Put\":",
    "{\"delete\":",
    "\"bucket\"",
    "\"id\":",
    "\"0000000000000001\"",
    "\"name\":",
    "\"org\":",
    "null",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\n",
    "00000000 ",
];

fn journals() -> Result<Vec<Vec<u8>>> {
    let folder = folder();
    super::server::Engine::start(folder.path());
    Ok(vec![fs::read(folder.path().join(JOURNAL))?])
}

fn journal(input: &[u8]) -> Answer {
    let folder = folder();
    // The checksum of each line fits again.
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split_inclusive('\n');
    let mut whole = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        match line.split_once(' ') {
            Some((_, json)) => {
                whole += &format!(
                    "{:08x} {json}",
                    crc32fast::hash(json.trim_end_matches('\n').as_bytes())
                )
            }
            None => whole += line,
        }
    }
    fs::write(folder.path().join(JOURNAL), whole).expect("a file");
    Answer::of(&MetaStore::open(&disk(), folder.path()).map_err(|error| error.to_string()))
}

fn agent_queue(input: &[u8]) -> Answer {
    let folder = folder();
    let mut bytes = input.to_vec();
    if let (Some(length), true) = (u32_at(&bytes, 8), bytes.len() > 20) {
        let crc = bytes
            .get(20..20_usize.saturating_add(length))
            .map(|body| crc32fast::hash(&[&bytes[8..16], body].concat()));
        if let Some(crc) = crc {
            put(&mut bytes, 16, crc);
        }
    }
    fs::write(folder.path().join("0000000000000000.segment"), bytes).expect("a file");
    match DiskQueue::open_on(disk(), folder.path(), 1 << 20) {
        Ok(queue) => Answer::taken(letters(queue.records())),
        Err(error) => Answer::refused(error),
    }
}
