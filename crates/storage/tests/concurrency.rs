//! Many writers, readers and the background thread at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use watchpost_storage::{Options, Storage};

use crate::fixture::{BUCKET, all_cells, batch, open};

const WRITERS: usize = 6;
const WRITES: usize = 25;

#[test]
fn what_is_acknowledged_is_seen_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    // Little memory, so that writers seal themselves now and then.
    let options = Options {
        memory_bytes: 8 * 1024,
        ..Options::default()
    };
    let storage = Storage::open(folder.path(), options, 0).unwrap();
    let (done, acknowledged) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (storage, acknowledged) = (&storage, &acknowledged);
                scope.spawn(move || {
                    for number in 0..WRITES {
                        let time = number * 3;
                        let text =
                            format!("m,w={writer} v={number}i {time}\nshared x={writer}i {time}");
                        storage.write(BUCKET, batch(&text), 0).unwrap();
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                storage.wait_for_work(std::time::Duration::from_millis(1));
                storage.maintain(0).unwrap();
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let before = acknowledged.load(Ordering::SeqCst);
                let own = all_cells(&storage)
                    .keys()
                    .filter(|cell| cell.0.starts_with("m,"))
                    .count();
                assert!(own >= before, "{own} of {before} acknowledged");
            }
        });
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::SeqCst);
    });
    let cells = all_cells(&storage);
    assert_eq!(cells.len(), WRITERS * WRITES + WRITES);
    drop(storage);
    assert_eq!(all_cells(&open(folder.path())), cells, "as the log has it");
}
