//! What messages say: `testdata/messages`.

use watchpost_alerter::alert::{Alert, AlertState, SECOND, Severity};
use watchpost_alerter::labels::Labels;
use watchpost_alerter::pipeline::dedup::News;
use watchpost_alerter::pipeline::notification::Notification;
use watchpost_alerter::presentation::Presentation;
use watchpost_alerter::receivers::preview;
use watchpost_alerter::rule_file::parse;
use watchpost_alerter::rules::definition::{Kind, Rule};
use watchpost_alerter::summary;
use watchpost_alerter::template::{AlertView, annotate};
use watchpost_testkit::cases;

use crate::receivers::NOW;

#[test]
fn a_summary_fits_its_state() {
    let suite = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/testdata/messages/summaries.md"
    );
    cases::run(suite, |case| {
        let rule = format!(
            "[[rule]]\nname = \"a_rule\"\n{}\n[route]\nreceiver = \"f\"\n[[receiver]]\nname = \"f\"\nkind = \"file\"\npath = \"f\"\n",
            case.input("toml")
        );
        let file = parse(&rule).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let block = case
            .inputs()
            .find(|block| block.language == "alert")
            .unwrap();
        let labels: Labels = block
            .name
            .split(' ')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let lines = block.text.lines();
        let lines = lines.map(|line| summary_of(&file.rules[0], &labels, line));
        lines.collect::<String>()
    });
}

/// `STATE SEVERITY VALUE WORST` as the summary that it has.
fn summary_of(rule: &Rule, labels: &Labels, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let [state, severity, value, worst] = words[..] else {
        panic!("{line:?} is not STATE SEVERITY VALUE WORST")
    };
    let severity: Severity = severity.parse().unwrap();
    let began = NOW - 720 * SECOND;
    let labels = labels.clone().with("alertname", &rule.name);
    let mut alert = Alert::of_rule(labels, severity, began);
    let states = summary::STATES.into_iter().chain([AlertState::Removed]);
    alert.state = { states }.find(|known| known.as_str() == state).unwrap();
    alert.ends_at = alert.state.is_over().then_some(NOW);
    alert.value = value.parse().ok();
    alert.worst = worst.parse().ok();
    alert.reason = "its rule was removed".to_owned();
    alert.threshold = match &rule.kind {
        Kind::NoData { after, .. } => Some(*after as f64 / SECOND as f64),
        kind => kind.levels().and_then(|levels| levels.threshold(severity)),
    };
    let failed = annotate(rule, &mut alert, NOW);
    let failed = if failed.is_empty() {
        ""
    } else {
        " (its own failed)"
    };
    let title = summary::title(alert.state);
    format!("[{title}] {}{failed}\n", alert.annotations["summary"])
}

/// Of the shipped rule `cpu_high`, worse than it was.
pub(crate) fn worse() -> Notification {
    let file = parse(include_str!("../../../deploy/rules.toml"));
    let file = file.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let rule = file
        .rules
        .iter()
        .find(|rule| rule.name == "cpu_high")
        .unwrap();
    let labels = Labels::from([
        ("alertname", "cpu_high"),
        ("host", "web-1"),
        ("region", "eu-west-1"),
        ("service", "shop"),
    ]);
    let mut alert = Alert::of_rule(labels, Severity::Critical, NOW - 720 * SECOND);
    alert.state = AlertState::Worse;
    (alert.value, alert.worst) = (Some(97.256), Some(98.1));
    alert.threshold = Some(95.0);
    annotate(rule, &mut alert, NOW);
    let runbook = "https://wiki.example.org/cpu".to_owned();
    alert.annotations.insert("runbook_url".to_owned(), runbook);
    Notification {
        id: 7,
        group: "ops|{}|alertname=cpu_high".into(),
        receiver: "ops".to_owned(),
        group_labels: Labels::from([("alertname", "cpu_high"), ("host", "web-1")]),
        news: News::Escalated,
        alerts: vec![alert],
        created_at: NOW,
        digest_of: 0,
        repeated: false,
    }
}

#[test]
fn each_channel_says_it_once() {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let presentation = Presentation::new("https://watchpost.example.org/", zone);
    let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/messages/channels.md");
    cases::run(suite, |case| {
        let receiver = format!(
            "[route]\nreceiver = \"ops\"\n[[receiver]]\nname = \"ops\"\n{}",
            case.input("toml")
        );
        let file = parse(&receiver).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let text = preview(&file.receivers["ops"], &worse(), &presentation).unwrap();
        assert_eq!(
            text.matches("rose to").count(),
            usize::from(case.name == "slack") + 1,
            "{text}"
        );
        format!("{}\n", text.trim_end())
    });
}

/// What was written for the beginning of an alert of the alerter's own is not said of its end.
#[test]
fn the_alerters_own_troubles_end_in_words_of_their_own() {
    for (component, said) in [
        ("database", "The database answers again after 33s"),
        (
            "receiver ops",
            "The alerter's receiver ops works again after 33s",
        ),
    ] {
        let labels = Labels::from([
            ("alertname", "watchpost_alerter"),
            ("job", "watchpost-alerter"),
            ("component", component),
        ]);
        let mut alert = Alert::of_rule(labels, Severity::Critical, NOW - 33 * SECOND);
        let fails = format!("The alerter's {component} fails: no route to host");
        alert
            .annotations
            .insert("summary".to_owned(), fails.clone());
        let summary = |alert: &Alert| {
            let view = AlertView::new(alert, NOW, &Presentation::default());
            view.summary.clone()
        };
        assert_eq!(summary(&alert), fails);
        (alert.ends_at, alert.state) = (Some(NOW), AlertState::Resolved);
        assert_eq!(summary(&alert), said);
    }
}
