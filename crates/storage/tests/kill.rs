//! A real process with several writers, seals and merges is killed again and again; what it said
//! was stored is there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use watchpost_storage::{Options, Storage};

use crate::fixture::{BUCKET, Cells, all_cells, batch, open};

const WRITERS: usize = 3;
const KILLS: usize = 5;
const ACKNOWLEDGEMENTS: usize = 60;
const ROWS: usize = 5;

/// Tells the child which folder to write to and which number to begin with.
const FOLDER: &str = "STORAGE_KILL_FOLDER";
const BEGIN: &str = "STORAGE_KILL_BEGIN";

/// The lines of a write: some rows of its own, and one that every write replaces.
fn lines(writer: usize, number: usize) -> String {
    let own: String = (0..ROWS)
        .map(|row| format!("m,w={writer} v={number}i {}\n", number * ROWS + row))
        .collect();
    format!("{own}m,w={writer} latest={number}i -1\n")
}

/// Not a test of its own: the process that is killed. Without a folder there is nothing to do.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let begin: usize = std::env::var(BEGIN).unwrap().parse().unwrap();
    // So little memory that it seals all the time.
    let options = Options {
        memory_bytes: 4 * 1024,
        ..Options::default()
    };
    let storage = Storage::open(Path::new(&folder), options, 0).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                storage.wait_for_work(std::time::Duration::from_millis(1));
                storage.maintain(i64::MAX).unwrap();
            }
        });
        for writer in 0..WRITERS {
            let storage = &storage;
            scope.spawn(move || {
                for number in begin.. {
                    storage
                        .write(BUCKET, batch(&lines(writer, number)), 0)
                        .unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "stored {writer} {number}")
                        .and_then(|()| out.flush())
                        .unwrap();
                }
            });
        }
    });
}

/// Runs the child until it has acknowledged some writes, then kills it. Gives the last number each
/// writer was told.
fn run_and_kill(folder: &Path, begin: usize) -> [Option<usize>; WRITERS] {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(BEGIN, begin.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stored = [None; WRITERS];
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some((_, told)) = line.split_once("stored ") else {
            continue;
        };
        let (writer, number) = told.split_once(' ').unwrap();
        stored[writer.parse::<usize>().unwrap()] = Some(number.parse().unwrap());
        seen += 1;
        if seen == ACKNOWLEDGEMENTS {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(
        seen >= ACKNOWLEDGEMENTS,
        "the child died by itself after {seen} writes"
    );
    stored
}

fn number_of(cells: &Cells, writer: usize, field: &str, time: i64) -> Option<usize> {
    let cell = (format!("m,w={writer}"), field.to_owned(), time);
    cells
        .get(&cell)
        .map(|value| value.trim_end_matches('i').parse().unwrap())
}

#[test]
fn what_a_killed_process_acknowledged_is_there() {
    let folder = watchpost_testkit::temp_folder();
    let mut begin = 0;
    for kill in 0..KILLS {
        let stored = run_and_kill(folder.path(), begin);
        let storage = open(folder.path());
        assert_eq!(storage.damages(), [], "kill {kill}");
        let cells = all_cells(&storage);
        let mut next = begin;
        for (writer, stored) in stored.into_iter().enumerate() {
            let latest = number_of(&cells, writer, "latest", -1);
            // One more write may have been on its way when the process died.
            let whole = latest.map_or(begin, |latest| latest + 1);
            assert!(
                latest >= stored,
                "kill {kill}: {latest:?} of {stored:?} acknowledged"
            );
            assert!(
                stored.is_none_or(|stored| whole <= stored + 2),
                "kill {kill}: {latest:?} after {stored:?}"
            );
            for number in (begin..whole).filter(|_| latest >= Some(begin)) {
                for row in 0..ROWS {
                    let time = (number * ROWS + row) as i64;
                    assert_eq!(
                        number_of(&cells, writer, "v", time),
                        Some(number),
                        "kill {kill}, writer {writer}"
                    );
                }
            }
            next = next.max(whole);
        }
        let rows = cells
            .keys()
            .filter(|(_, field, _)| field == "v")
            .map(|(.., time)| *time)
            .max();
        assert!(
            rows < Some((next * ROWS) as i64),
            "kill {kill}: rows that nobody wrote"
        );
        assert_eq!(storage.verify().unwrap().damages, [], "kill {kill}");
        begin = next;
    }
}
