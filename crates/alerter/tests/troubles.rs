//! The alerter's own failures are alerts like others, once they last.

use watchpost_alerter::alert::SECOND;
use watchpost_alerter::alerting::Alerting;
use watchpost_alerter::pipeline::snapshot::Snapshot;
use watchpost_alerter::rule_file::parse;
use watchpost_alerter::trouble::Component;

use crate::receivers::NOW;

const FILE: &str = "[route]\nreceiver = \"ops\"\n[[route.routes]]\nmatch = ['severity=\"page\"']\nreceiver = \"pager\"\n\
    [[receiver]]\nname = \"ops\"\nkind = \"file\"\npath = \"x\"\n\
    [[receiver]]\nname = \"pager\"\nkind = \"file\"\npath = \"y\"\n";

/// The history is in the database: where that is away, both are one trouble.
#[test]
fn a_database_that_is_away_is_one_trouble_with_its_history() {
    let file = parse(FILE).unwrap();
    let mut alerting = Alerting::new(&file, Snapshot::default(), Vec::new(), NOW);
    let why = || Some("out of luck".to_owned());
    alerting.trouble(Component::History, why(), NOW);
    alerting.trouble(Component::Database, why(), NOW);
    alerting.trouble(Component::History, why(), NOW + SECOND);
    let messages = alerting.tick(NOW + 31 * SECOND);
    let alerts = &messages[0].message.alerts;
    assert_eq!((messages.len(), alerts.len()), (1, 1), "{messages:?}");
    assert_eq!(alerts[0].labels.get("component"), "database");
    let summary = "The database does not answer, and no rule can be evaluated: out of luck";
    assert_eq!(alerts[0].annotations["summary"], summary);
    alerting.trouble(Component::Database, None, NOW + 60 * SECOND);
    alerting.trouble(Component::History, why(), NOW + 61 * SECOND);
    assert_eq!(alerting.troubles().iter(NOW + 61 * SECOND).count(), 1);
}

#[test]
fn each_is_told_once_it_lasts_and_when_it_is_over() {
    let name = |name: &str| name.to_owned();
    let components = [
        (
            Component::Query { rule: name("r") },
            "ops",
            "The alerter's query of rule r fails",
        ),
        (
            Component::SeriesLimit { rule: name("r") },
            "ops",
            "Rule r has too many series",
        ),
        // Not by the one that fails.
        (
            Component::Receiver { name: name("ops") },
            "pager",
            "The alerter's receiver ops fails",
        ),
        (
            Component::Receiver {
                name: name("pager"),
            },
            "ops",
            "The alerter's receiver pager fails",
        ),
        (
            Component::RuleFile,
            "ops",
            "The rule file is not valid; the rules before it stay in force",
        ),
        (Component::Store, "ops", "The alerter's store fails"),
        (
            Component::DeadLetters,
            "ops",
            "Messages that were given up cannot be kept",
        ),
        (Component::History, "ops", "The history cannot be written"),
        (Component::Heartbeat, "ops", "No heartbeat is sent"),
    ];
    let file = parse(FILE).unwrap();
    for (component, teller, what) in components {
        let mut alerting = Alerting::new(&file, Snapshot::default(), Vec::new(), NOW);
        let why = Some("out of luck".to_owned());
        alerting.trouble(component.clone(), why, NOW);
        assert!(alerting.tick(NOW + 29 * SECOND).is_empty(), "{component}");
        let due = NOW + 30 * SECOND;
        assert_eq!(alerting.next_due(NOW), Some(due), "{component}");
        let messages = alerting.tick(due);
        let [told] = messages.as_slice() else {
            panic!("{component}: {messages:?}");
        };
        let alert = &told.message.alerts[0];
        assert_eq!(told.receiver, teller, "{component}");
        assert_eq!(alert.annotations["summary"], format!("{what}: out of luck"));
        alerting.delivered(told, "ok", due);
        alerting.trouble(component.clone(), None, due + SECOND);
        let ended = alerting.tick(due + 60 * SECOND);
        assert!(ended[0].message.is_resolved(), "{component}");
        assert_eq!(ended[0].receiver, teller, "{component}");
    }
}

#[test]
fn a_file_that_is_read_at_the_start_ends_what_the_process_before_told() {
    let file = parse(FILE).unwrap();
    let mut alerting = Alerting::new(&file, Snapshot::default(), Vec::new(), NOW);
    alerting.trouble(Component::RuleFile, Some("broken".to_owned()), NOW);
    let told = alerting.tick(NOW + 30 * SECOND);
    alerting.delivered(&told[0], "ok", NOW + 30 * SECOND);
    let snapshot = alerting.dispatcher.snapshot();
    let mut alerting = Alerting::new(&file, snapshot, Vec::new(), NOW + 40 * SECOND);
    let ended = alerting.tick(NOW + 90 * SECOND);
    assert!(ended[0].message.is_resolved(), "{ended:?}");
}

#[test]
fn a_clock_that_was_set_is_one_alert_until_it_is_steady() {
    let file = parse(FILE).unwrap();
    let mut alerting = Alerting::new(&file, Snapshot::default(), Vec::new(), NOW);
    // A trouble of before is not one of the future.
    alerting.trouble(Component::Store, Some("full".to_owned()), NOW);
    let mut now = NOW - 3_600 * SECOND;
    alerting.resume(now);
    alerting.clock_was_set(-3_600 * SECOND, now);
    now += 30 * SECOND;
    let told = alerting.tick(now);
    let summaries = told.iter().flat_map(|delivery| &delivery.message.alerts);
    let summaries: Vec<&str> = summaries
        .map(|alert| alert.annotations["summary"].as_str())
        .collect();
    let expected = [
        "The clock of the alerter's host is not steady: it was set back by 1h",
        "The alerter's store fails: full",
    ];
    assert_eq!(summaries, expected);
    told.iter()
        .for_each(|told| alerting.delivered(told, "ok", now));
    now += 570 * SECOND;
    assert!(alerting.next_due(now - SECOND) <= Some(now));
    let ended = alerting.tick(now + 60 * SECOND);
    let ended = ended
        .iter()
        .flat_map(|delivery| delivery.message.resolved());
    let ended: Vec<&str> = ended.map(|alert| alert.labels.get("component")).collect();
    assert_eq!(ended, ["clock"]);
}
