//! The store gives back what was committed.

use watchpost_alerter::alert::Alert;
use watchpost_alerter::alerting::Alerting;
use watchpost_alerter::labels::Labels;
use watchpost_alerter::pipeline::dispatcher::accept_pushed;
use watchpost_alerter::pipeline::snapshot::Snapshot;
use watchpost_alerter::rule_file::parse;
use watchpost_alerter::store::{Batch, Store};
use watchpost_testkit::temp_folder;

const FILE: &str =
    "[route]\nreceiver = \"ops\"\n[[receiver]]\nname = \"ops\"\nkind = \"file\"\npath = \"x\"\n";
const NOW: i64 = 1_767_225_600_000_000_000;

#[test]
fn what_was_said_and_what_waits_survive() {
    let folder = temp_folder();
    let path = folder.path().join("alerter.redb");
    let file = parse(FILE).unwrap();
    let push = |alerting: &mut Alerting, host: &str| {
        let labels = Labels::from([("alertname", "cpu"), ("host", host)]);
        alerting
            .dispatcher
            .put(accept_pushed(Alert::pushed(labels, NOW), NOW), NOW);
    };
    let store = Store::open(&path).unwrap();
    let mut alerting = Alerting::new(&file, Snapshot::default(), Vec::new(), NOW);
    push(&mut alerting, "said");
    for delivery in alerting.tick(NOW) {
        alerting.delivered(&delivery, "ok", NOW);
    }
    push(&mut alerting, "waits");
    assert_eq!(alerting.tick(NOW).len(), 1);
    store.commit(&Batch::collect(&mut alerting)).unwrap();
    drop((store, alerting));

    let store = Store::open(&path).unwrap();
    let mut alerting = Alerting::new(
        &file,
        store.snapshot().unwrap(),
        store.lives().unwrap(),
        NOW,
    );
    let deliveries = alerting.tick(NOW + 1);
    let hosts: Vec<&str> = deliveries
        .iter()
        .flat_map(|d| &d.message.alerts)
        .map(|a| a.labels.get("host"))
        .collect();
    assert_eq!(hosts, ["waits"]);
    assert_eq!(store.events(10, |_| true).unwrap().len(), 1);
}

#[test]
fn events_are_uploaded_once_and_in_order() {
    let folder = temp_folder();
    let store = Store::open(&folder.path().join("alerter.redb")).unwrap();
    let mut alerting = Alerting::new(&parse(FILE).unwrap(), Snapshot::default(), Vec::new(), NOW);
    for state in ["one", "two", "three"] {
        use watchpost_alerter::event::{Event, EventKind};
        alerting.record(Event::new(NOW, EventKind::Silence, state));
    }
    store.commit(&Batch::collect(&mut alerting)).unwrap();
    let states = |limit| {
        let events = store.events_to_upload(limit).unwrap();
        events
            .into_iter()
            .map(|(sequence, event)| (sequence, event.state))
            .collect::<Vec<_>>()
    };
    assert_eq!(states(2), [(1, "one".to_owned()), (2, "two".to_owned())]);
    store.mark_uploaded(2).unwrap();
    assert_eq!(states(2), [(3, "three".to_owned())]);
}

#[cfg(unix)]
#[test]
fn its_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = temp_folder();
    let path = folder.path().join("alerter.redb");
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    drop(Store::open(&path).unwrap());
    assert_eq!(mode(), 0o600);
    // One of an earlier version.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(Store::open(&path).unwrap());
    assert_eq!(mode(), 0o600);
}
