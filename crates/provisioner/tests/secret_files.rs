//! The file of a secret on a disk that fails: the old one, the new one, or none, and never half of it.

use watchpost_durable::Disk;
use watchpost_durable::faulty::{Fault, FaultyDisk};
use watchpost_provisioner::secret_file;

#[test]
fn a_secret_is_the_old_or_the_new_whatever_fails() {
    for fault in [Fault::Die, Fault::Fail, Fault::Full, Fault::ReadOnly] {
        for step in 0.. {
            let folder = watchpost_testkit::temp_folder();
            let path = folder.path().join("secrets/agent.token");
            let faulty = FaultyDisk::new(folder.path()).failing_at(step, fault);
            let disk = Disk::with_faults(faulty.clone());
            let mut random = fastrand::Rng::with_seed(step as u64);
            let first = secret_file::write_on(&disk, &path, "first");
            let second = first
                .is_ok()
                .then(|| secret_file::write_on(&disk, &path, "second"));
            faulty.cut_power(&mut || random.bool());
            let found = secret_file::read(&path);
            let context = format!("{fault:?} at {step}: {found:?}");
            let known = [None, Some("first"), Some("second")];
            assert!(known.contains(&found.as_deref()), "{context}");
            if first.is_ok() {
                assert!(found.is_some(), "{context}");
            }
            if second.is_some_and(|second| second.is_ok()) {
                assert_eq!(found.as_deref(), Some("second"), "{context}");
            }
            if !faulty.has_failed() {
                break;
            }
            faulty.heal();
            secret_file::write(&path, "third").unwrap();
            assert_eq!(
                secret_file::read(&path).as_deref(),
                Some("third"),
                "{context}"
            );
            assert!(!secret_file::is_exposed(&path), "{context}");
        }
    }
}
