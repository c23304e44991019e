//! The buffer over a real folder: what overflows goes oldest first and is counted, what is held survives.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use watchpost_agent::batch::Batch;
use watchpost_agent::buffer::{Buffer, Delivery, DiskQueue, Limits, SyncWork, Wish};
use watchpost_durable::Disk;
use watchpost_durable::faulty::{Fault, FaultyDisk};

const NOW: Duration = Duration::from_secs(100);

fn limits(memory: usize, disk: u64) -> Limits {
    Limits {
        memory,
        disk,
        sync_interval: Duration::from_secs(1),
        overflow_log: None,
    }
}

/// A line of about a hundred bytes that deflate cannot make small.
fn line(number: u32) -> String {
    let mut rng = fastrand::Rng::with_seed(u64::from(number));
    let noise: String = (0..80).map(|_| rng.alphanumeric()).collect();
    format!("m,n={number} v=\"{noise}\" {number}\n")
}

fn batch(number: u32) -> Arc<Batch> {
    Arc::new(Batch::new(line(number)))
}

fn open(folder: &Path, limits: &Limits) -> Buffer {
    Buffer::new(
        limits.clone(),
        Some(DiskQueue::open(folder, limits.disk).unwrap()),
    )
}

const SAVE_ALL: Wish = Wish {
    backlog: None,
    save_all: true,
};

/// Lets the disk do what is due and what is wished for, until there is nothing more.
fn work(
    buffer: &mut Buffer,
    mut in_flight: Option<&mut Delivery>,
    wish: Wish,
    now: Duration,
) -> Option<Delivery> {
    let mut taken = None;
    while let Some(work) = buffer.begin_work(in_flight.as_deref_mut(), wish, now) {
        taken = buffer.finish_work(work.run(), in_flight.as_deref_mut(), now);
        if taken.is_some() {
            break;
        }
    }
    taken
}

fn save_all(buffer: &mut Buffer) {
    work(buffer, None, SAVE_ALL, NOW);
}

fn take_backlog(buffer: &mut Buffer) -> Option<Delivery> {
    let wish = Wish {
        backlog: Some(500),
        save_all: false,
    };
    work(buffer, None, wish, NOW)
}

/// Takes everything there is, as the numbers of the lines.
fn take_all(buffer: &mut Buffer) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let Some(delivery) = buffer.take_fresh(500).or_else(|| take_backlog(buffer)) {
        let number = |line: &str| line.rsplit(' ').next()?.parse::<u32>().ok();
        numbers.extend(delivery.batch.text().lines().filter_map(number));
        buffer.written(delivery);
    }
    work(buffer, None, Wish::default(), NOW);
    numbers.sort_unstable();
    numbers
}

#[test]
fn memory_alone_drops_the_oldest_and_counts() {
    let mut buffer = Buffer::new(limits(1000, 0), None);
    for number in 0..30 {
        buffer.push(batch(number), NOW);
    }
    let dropped = buffer.take_dropped();
    let kept = take_all(&mut buffer);
    assert_eq!(kept.last(), Some(&29));
    assert_eq!(dropped.lines["memory_full"] as usize + kept.len(), 30);
    assert!(
        kept.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "the newest are kept: {kept:?}"
    );
}

#[test]
fn the_disk_drops_the_oldest_segment_and_counts() {
    let folder = watchpost_testkit::temp_folder();
    let mut buffer = open(folder.path(), &limits(1 << 20, 64 * 1024));
    for hundred in 0..20 {
        for number in hundred * 100..(hundred + 1) * 100 {
            buffer.push(batch(number), NOW);
        }
        // The server does not take them: what is on disk leaves memory.
        save_all(&mut buffer);
        let delivery = buffer.take_fresh(100).unwrap();
        let remaining = Arc::clone(&delivery.batch);
        buffer.failed(delivery, &remaining);
    }
    let fill = buffer.fill();
    assert!(fill.disk_bytes <= 64 * 1024, "{fill:?}");
    assert_eq!(fill.memory_lines, 0);
    let dropped = buffer.take_dropped();
    let kept = take_all(&mut buffer);
    assert_eq!(kept.last(), Some(&1999));
    assert_eq!(dropped.lines["disk_limit"] as usize + kept.len(), 2000);
    assert!(kept.windows(2).all(|pair| pair[1] == pair[0] + 1));
    assert_eq!(
        buffer.fill().disk_bytes,
        0,
        "an empty queue has no segments"
    );
}

#[test]
fn an_overflow_log_gets_what_is_dropped() {
    let folder = watchpost_testkit::temp_folder();
    let log = folder.path().join("overflow.lp");
    let limits = Limits {
        overflow_log: Some(log.clone()),
        ..limits(300, 64 * 1024)
    };
    let mut buffer = open(&folder.path().join("queue"), &limits);
    for number in 0..1500 {
        buffer.push(batch(number), NOW);
        work(&mut buffer, None, Wish::default(), NOW);
    }
    let dropped = buffer.take_dropped();
    let kept = take_all(&mut buffer);
    let logged: Vec<String> = std::fs::read_to_string(&log)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(dropped.logged as usize, logged.len());
    assert!(dropped.lines.is_empty(), "{dropped:?}");
    assert_eq!(logged.len() + kept.len(), 1500);
    assert_eq!(logged[0], line(0).trim_end());
}

#[test]
fn what_was_synced_is_there_after_a_restart() {
    let folder = watchpost_testkit::temp_folder();
    let limits = limits(1 << 20, 1 << 20);
    let mut buffer = open(folder.path(), &limits);
    for number in 0..10 {
        buffer.push(batch(number), NOW);
    }
    let due = NOW + Duration::from_secs(1);
    assert_eq!(buffer.work_due(None), Some(due));
    work(&mut buffer, None, Wish::default(), due);
    assert_eq!(buffer.work_due(None), None);
    buffer.push(batch(10), NOW + Duration::from_secs(1));
    drop(buffer);
    let mut buffer = open(folder.path(), &limits);
    assert_eq!(
        take_all(&mut buffer),
        (0..10).collect::<Vec<_>>(),
        "all but the one that was not synced"
    );
}

#[test]
fn what_is_in_flight_is_synced_too_and_goes_when_it_is_written() {
    let folder = watchpost_testkit::temp_folder();
    let limits = limits(1 << 20, 1 << 20);
    let mut buffer = open(folder.path(), &limits);
    buffer.push(batch(1), NOW);
    let mut delivery = buffer.take_fresh(500).unwrap();
    let due = NOW + Duration::from_secs(2);
    work(&mut buffer, Some(&mut delivery), Wish::default(), due);
    assert_eq!(buffer.fill().disk_lines, 1);
    buffer.written(delivery);
    work(&mut buffer, None, Wish::default(), due);
    assert_eq!(
        (buffer.fill().disk_lines, buffer.has_backlog(None)),
        (0, false)
    );
}

#[test]
fn a_backlog_that_failed_is_taken_again() {
    let folder = watchpost_testkit::temp_folder();
    let limits = limits(1 << 20, 1 << 20);
    let mut buffer = open(folder.path(), &limits);
    for number in 0..5 {
        buffer.push(batch(number), NOW);
    }
    save_all(&mut buffer);
    drop(buffer);
    let mut buffer = open(folder.path(), &limits);
    let delivery = take_backlog(&mut buffer).unwrap();
    assert!(take_backlog(&mut buffer).is_none(), "it is under way");
    let remaining = Arc::clone(&delivery.batch);
    buffer.failed(delivery, &remaining);
    assert_eq!(take_all(&mut buffer), [0, 1, 2, 3, 4]);
}

#[test]
fn a_record_cut_short_by_a_crash_is_no_damage() {
    let folder = watchpost_testkit::temp_folder();
    let limits = limits(1 << 20, 1 << 20);
    let mut buffer = open(folder.path(), &limits);
    for number in 0..3 {
        buffer.push(batch(number), NOW);
    }
    save_all(&mut buffer);
    drop(buffer);
    let segment = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "segment")
        })
        .unwrap();
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &bytes[..bytes.len() - 7]).unwrap();
    let mut buffer = open(folder.path(), &limits);
    assert_eq!(take_all(&mut buffer), [0, 1]);
    assert_eq!(buffer.take_dropped().corrupt, 0);
}

#[test]
fn what_fails_in_part_keeps_its_records_and_returns_the_rest() {
    let folder = watchpost_testkit::temp_folder();
    let limits = limits(1 << 20, 1 << 20);
    let mut buffer = open(folder.path(), &limits);
    buffer.push(batch(1), NOW);
    buffer.push(batch(2), NOW);
    save_all(&mut buffer);
    buffer.push(batch(3), NOW);
    buffer.push(batch(4), NOW);
    let segments = || {
        std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect::<Vec<_>>()
    };
    let before = segments();
    let delivery = buffer.take_fresh(500).unwrap();
    // The first line was written, and all others were not.
    let remaining = Batch::new(format!("{}{}{}", line(2), line(3), line(4)));
    buffer.failed(delivery, &remaining);
    let fill = buffer.fill();
    assert_eq!(
        (fill.memory_lines, fill.disk_lines),
        (2, 2),
        "what is on disk stays there until it is written"
    );
    assert_eq!(segments(), before);
    assert_eq!(take_all(&mut buffer), [1, 2, 3, 4]);
}

#[test]
fn a_batch_cut_by_a_failure_returns_without_what_was_written() {
    let mut buffer = Buffer::new(limits(1 << 20, 0), None);
    let text: String = (1..5).map(line).collect();
    buffer.push(Arc::new(Batch::new(text)), NOW);
    buffer.push(batch(5), NOW);
    let delivery = buffer.take_fresh(500).unwrap();
    buffer.failed(
        delivery,
        &Batch::new(format!("{}{}{}", line(3), line(4), line(5))),
    );
    assert_eq!(take_all(&mut buffer), [3, 4, 5]);
}

/// A disk that hangs: its work is begun and does not end.
#[test]
fn while_the_disk_hangs_memory_goes_on_within_its_limit() {
    let folder = watchpost_testkit::temp_folder();
    let mut buffer = open(folder.path(), &limits(2000, 1 << 20));
    for number in 0..5 {
        buffer.push(batch(number), NOW);
    }
    let hanging = buffer.begin_work(None, SAVE_ALL, NOW).unwrap();
    let sent = buffer.take_fresh(2).unwrap();
    buffer.written(sent);
    for number in 5..40 {
        buffer.push(batch(number), NOW);
        assert!(buffer.fill().memory_bytes <= 2000);
        assert!(
            buffer.begin_work(None, SAVE_ALL, NOW).is_none(),
            "one work at a time"
        );
    }
    let dropped = buffer.take_dropped().lines["memory_full"];
    buffer.finish_work(hanging.run(), None, NOW);
    let kept = take_all(&mut buffer);
    assert!(
        !kept.contains(&0) && !kept.contains(&1),
        "what was sent meanwhile leaves the disk: {kept:?}"
    );
    assert_eq!(&kept[..3], [2, 3, 4], "what memory gave up is on disk");
    assert_eq!(kept.last(), Some(&39));
    assert_eq!(kept.len() + 2 + dropped as usize, 40);
}

#[test]
fn what_a_failing_disk_did_not_take_is_counted_when_memory_gave_it_up() {
    let folder = watchpost_testkit::temp_folder();
    let queue = folder.path().join("queue");
    let mut buffer = open(&queue, &limits(2000, 1 << 20));
    for number in 0..9 {
        buffer.push(batch(number), NOW);
    }
    std::fs::remove_dir_all(&queue).unwrap();
    let failing = buffer.begin_work(None, SAVE_ALL, NOW).unwrap();
    for number in 9..40 {
        buffer.push(batch(number), NOW);
    }
    buffer.finish_work(failing.run(), None, NOW);
    assert!(matches!(buffer.take_disk_report(), Some(Err(_))));
    assert_eq!(
        buffer.work_due(None),
        Some(NOW + Duration::from_secs(1)),
        "it is asked again later"
    );
    let dropped = buffer.take_dropped().lines["memory_full"];
    let kept = take_all(&mut buffer);
    assert_eq!(kept.len() + dropped as usize, 40);
    assert_eq!(kept.last(), Some(&39));
}

/// Pushes and syncs until the disk fails; gives the lines whose sync succeeded.
fn synced_until_failure(disk: Disk, folder: &Path) -> Vec<u32> {
    let limits = limits(1 << 20, 1 << 16);
    let mut synced = Vec::new();
    let Ok(queue) = DiskQueue::open_on(disk, folder, limits.disk) else {
        return synced;
    };
    let mut buffer = Buffer::new(limits, Some(queue));
    for round in 0..4 {
        let numbers = round * 20..(round + 1) * 20;
        for number in numbers.clone() {
            buffer.push(batch(number), NOW);
        }
        save_all(&mut buffer);
        let saved = buffer.fill().disk_lines == u64::from(numbers.end);
        match buffer.begin_sync().map(SyncWork::run) {
            Some(Ok(())) if saved => synced.extend(numbers),
            _ => return synced,
        }
    }
    synced
}

#[test]
fn what_was_synced_outlives_every_failure_of_the_disk_and_a_power_cut() {
    for (fault, keep) in [
        (Fault::Die, false),
        (Fault::Die, true),
        (Fault::Fail, true),
        (Fault::Full, true),
    ] {
        for step in 0.. {
            let folder = watchpost_testkit::temp_folder();
            let faulty = FaultyDisk::new(folder.path()).failing_at(step, fault);
            let mut random = fastrand::Rng::with_seed(step as u64);
            let queue = folder.path().join("queue");
            let synced = synced_until_failure(Disk::with_faults(faulty.clone()), &queue);
            faulty.cut_power(&mut || keep && random.bool());
            let found = take_all(&mut open(&queue, &limits(1 << 20, 1 << 16)));
            for number in &synced {
                assert!(
                    found.contains(number),
                    "{fault:?} at {step}: {number} is lost: {found:?}"
                );
            }
            if !faulty.has_failed() {
                assert_eq!(synced.len(), 80);
                break;
            }
        }
    }
}
