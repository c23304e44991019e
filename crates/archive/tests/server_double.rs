//! A server as a follower sees it: records in a log that is sealed into segments, which are merged. A record is a number
//! that counts them, so that it is known what a copy has to hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use watchpost_archive::Result;
use watchpost_archive::ship::Source;
use watchpost_archive::ship::chain::LOG_HEAD;
use watchpost_client::archive::{
    Document, LogHead, LogPlace, NamedBucket, Segment, ServerSnapshot,
};

/// Bytes of one answer: less than what is read in a round, and no multiple of a record.
const PIECE: usize = 37;

/// Sealed files that stay readable.
const KEPT: u64 = 3;

/// A server; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct ServerDouble(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// How many records there are.
    records: u64,
    /// The log files that can be read, by number.
    log: BTreeMap<u64, Vec<u8>>,
    current: u64,
    segments: BTreeMap<String, Vec<u8>>,
    merges: u64,
    clock: i64,
}

impl ServerDouble {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }

    /// So many records more; gives how many there are.
    pub(crate) fn write(&self, count: u64) -> u64 {
        let mut state = self.state();
        for _ in 0..count {
            let record = state.records.to_le_bytes();
            let current = state.current;
            state.log.entry(current).or_default().extend(record);
            state.records += 1;
        }
        state.records
    }

    pub(crate) fn records(&self) -> u64 {
        self.state().records
    }

    /// Nanoseconds.
    pub(crate) fn set_clock(&self, time: i64) {
        self.state().clock = time;
    }

    /// The log becomes a segment.
    pub(crate) fn seal(&self) {
        let mut state = self.state();
        let current = state.current;
        let Some(records) = state.log.get(&current).cloned() else {
            return;
        };
        let name = format!("data/00000000000000aa/0_9/{current}_{current}.segment");
        state.segments.insert(name, records);
        state.current += 1;
        let oldest = state.current.saturating_sub(KEPT);
        state.log.retain(|number, _| *number >= oldest);
    }

    /// All segments become one.
    pub(crate) fn merge(&self) {
        let mut state = self.state();
        if state.segments.len() > 1 {
            let records = state.segments.values().flatten().copied().collect();
            state.merges += 1;
            let name = format!("data/00000000000000aa/0_9/0_{}.segment", state.merges);
            state.segments = BTreeMap::from([(name, records)]);
        }
    }
}

fn segment_of(name: &str, records: &[u8]) -> Segment {
    Segment {
        name: name.to_owned(),
        bucket: "00000000000000aa".to_owned(),
        bytes: records.len() as u64,
        check: crc32fast::hash(records),
    }
}

/// A head that says where the acknowledged bytes end.
fn head_of(end: u64) -> Vec<u8> {
    let mut head = vec![1; LOG_HEAD as usize - 8];
    head.extend(end.to_le_bytes());
    head
}

impl Source for ServerDouble {
    async fn snapshot(&self) -> Result<ServerSnapshot> {
        self.seal();
        let state = self.state();
        Ok(ServerSnapshot {
            platform: "0123".to_owned(),
            time: state.clock,
            layout: STANDARD.encode("layout\n"),
            log: LogPlace {
                file: state.current,
                offset: LOG_HEAD,
            },
            segments: state
                .segments
                .iter()
                .map(|(name, records)| segment_of(name, records))
                .collect(),
            documents: vec![Document {
                name: "documents/tasks".to_owned(),
                content: STANDARD.encode("tasks"),
            }],
            management: STANDARD.encode(format!("management of {}", state.records)),
            buckets: vec![NamedBucket {
                id: "00000000000000aa".to_owned(),
                name: "raw".to_owned(),
            }],
        })
    }

    async fn segment(&self, segment: &Segment, from: u64) -> Result<Option<Vec<u8>>> {
        let state = self.state();
        let records = state.segments.get(&segment.name);
        let records = records.filter(|records| segment_of(&segment.name, records) == *segment);
        Ok(records.map(|records| {
            let rest = &records[from as usize..];
            rest[..rest.len().min(PIECE)].to_vec()
        }))
    }

    async fn log(&self, from: LogPlace, known: Option<u32>) -> Result<Option<(LogHead, Bytes)>> {
        let state = self.state();
        let records = match state.log.get(&from.file) {
            Some(records) => records.as_slice(),
            None if from.file == state.current && from.offset == LOG_HEAD => &[],
            None => return Ok(None),
        };
        let end = LOG_HEAD + records.len() as u64;
        let rest = &records[(from.offset - LOG_HEAD) as usize..];
        let bytes = &rest[..rest.len().min(PIECE)];
        let reached = from.offset + bytes.len() as u64;
        let is_whole = reached == end;
        let next = match is_whole && from.file < state.current {
            true => LogPlace {
                file: from.file + 1,
                offset: LOG_HEAD,
            },
            false => LogPlace {
                file: from.file,
                offset: reached,
            },
        };
        let management = format!("management of {}", state.records);
        let check = crc32fast::hash(management.as_bytes());
        let head = LogHead {
            platform: "0123".to_owned(),
            time: state.clock,
            file: from.file,
            offset: from.offset,
            head: STANDARD.encode(head_of(end)),
            is_whole,
            next,
            management: (known != Some(check)).then(|| STANDARD.encode(management)),
            management_check: check,
        };
        Ok(Some((head, Bytes::copy_from_slice(bytes))))
    }
}

/// The files of a backup's stream, each compared with its checksum.
pub(crate) fn files(backup: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut rest = backup.strip_prefix(b"WPBACKUP1\n").expect("a backup");
    let mut files = BTreeMap::new();
    while rest[0] == 1 {
        let begin = rest;
        let name_length = u32::from_le_bytes(rest[1..5].try_into().expect("four")) as usize;
        let name = String::from_utf8(rest[5..5 + name_length].to_vec()).expect("a name");
        rest = &rest[5 + name_length..];
        let length = u64::from_le_bytes(rest[..8].try_into().expect("eight")) as usize;
        files.insert(name, rest[8..8 + length].to_vec());
        rest = &rest[8 + length..];
        let crc = crc32fast::hash(&begin[..begin.len() - rest.len()]);
        assert_eq!(rest[..4], crc.to_le_bytes());
        rest = &rest[4..];
    }
    assert_eq!(rest[0], 0);
    assert_eq!(rest[1..9], (files.len() as u64).to_le_bytes());
    files
}

/// How many records a backup holds: all up to that one, none twice at odds, and the log as far as its heads say.
pub(crate) fn records_in(backup: &[u8]) -> u64 {
    let mut found = BTreeSet::new();
    for (name, content) in files(backup) {
        let records = match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("segment") => content.as_slice(),
            Some("wal") => {
                let (head, records) = content.split_at(LOG_HEAD as usize);
                let end = u64::from_le_bytes(head[head.len() - 8..].try_into().expect("eight"));
                assert_eq!(
                    end,
                    content.len() as u64,
                    "{name} is as long as its head says"
                );
                records
            }
            _ => continue,
        };
        let (records, rest) = records.as_chunks::<8>();
        assert!(rest.is_empty(), "{name} ends within a record");
        found.extend(records.iter().map(|it| u64::from_le_bytes(*it)));
    }
    let count = found.len() as u64;
    assert!(
        found.into_iter().eq(0..count),
        "no record is missing among them"
    );
    count
}
