//! A real file system on a loop device: the image below it is copied after each acknowledged change, which is what a
//! machine finds after a power cut, and the store is opened on the copy. Needs the right to mount; skipped elsewhere.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use watchpost_storage::{Options, Predicate, Storage, TimeRange};
use watchpost_testkit::skip;

use crate::fixture::{BUCKET, Cells, all_cells, write};

/// Large enough for ext4 with its journal.
const IMAGE_BYTES: u64 = 24 << 20;

/// An image of a file system, mounted as long as this lives.
struct Mounted {
    at: PathBuf,
}

impl Mounted {
    fn new(image: &Path, at: PathBuf) -> Option<Mounted> {
        std::fs::create_dir_all(&at).ok()?;
        let mounted = run(Command::new("mount")
            .args(["-o", "loop"])
            .arg(image)
            .arg(&at));
        mounted.then_some(Mounted { at })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run(Command::new("umount").arg(&self.at));
    }
}

fn run(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn on_real_disk(folder: &Path) -> Storage {
    Storage::open(&folder.join("data"), Options::default(), 0).expect("the store opens")
}

/// The changes, of which each is acknowledged when it returns.
fn changes() -> Vec<fn(&Storage)> {
    vec![
        |storage| drop(write(storage, "m,k=a v=1 1\ngone v=1 300000000000000")),
        |storage| {
            storage.seal().unwrap();
        },
        |storage| drop(write(storage, "m,k=a v=2 2\nm,k=b v=1 100000000000000")),
        |storage| {
            let gone = Predicate::measurement("gone");
            storage.delete(BUCKET, TimeRange::ALL, &gone).unwrap();
        },
        |storage| {
            storage.seal().unwrap();
        },
        |storage| drop(write(storage, "m,k=a v=3 3")),
        |storage| {
            storage.compact().unwrap();
        },
        |storage| storage.put_document("settings", b"kept").unwrap(),
        |storage| storage.drop_bucket(BUCKET).unwrap(),
        |storage| drop(write(storage, "m v=9 9")),
    ]
}

#[test]
fn what_was_acknowledged_is_on_the_device_below_the_file_system() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    std::fs::File::create(&image)
        .unwrap()
        .set_len(IMAGE_BYTES)
        .unwrap();
    let made = run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image));
    let mounted = made.then(|| Mounted::new(&image, folder.path().join("mounted")));
    let Some(mounted) = mounted.flatten() else {
        return skip("a file system of its own cannot be mounted here");
    };
    let storage = on_real_disk(&mounted.at);
    for (step, change) in changes().into_iter().enumerate() {
        change(&storage);
        let truth: Cells = all_cells(&storage);
        let cut = folder.path().join("cut");
        std::fs::copy(&image, &cut).unwrap();
        let found = Mounted::new(&cut, folder.path().join("found")).expect("the copy is mounted");
        let copy = on_real_disk(&found.at);
        assert_eq!(all_cells(&copy), truth, "after change {step}");
        assert_eq!(copy.damages(), [], "after change {step}");
        drop(copy);
    }
    drop(storage);
}
