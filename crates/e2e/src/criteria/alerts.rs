//! A CPU spike, a silent host and a filling disk each reach chat, mail and webhook exactly once, also
//! when the alerter is killed, and are told again when they are over.

use watchpost_testkit::{Request, wait};

use super::{Finding, Scene, ensure};
use crate::platform::get;

/// Rule and host of each incident of the scene.
const INCIDENTS: [(&str, &str); 3] = [
    ("cpu_high", "host-1"),
    ("host_silent", "host-2"),
    ("disk_high", "host-3"),
];

pub(super) fn judge(scene: &Scene) -> Finding {
    told_to_all(scene, "firing")?;
    written_down(scene)?;
    scene.platform().kill("alerter");
    told_to_all(scene, "resolved")?;
    for state in ["firing", "resolved"] {
        for (rule, host) in INCIDENTS {
            let told = counts(scene, rule, host, state);
            ensure(told == [1, 1, 1], || {
                format!("{rule} of {host}, {state}, was told {told:?} times to chat, hook and mail")
            })?;
        }
    }
    let kept = repeat_interval();
    Ok(format!(
        "3 incidents told once each to chat, hook and mail over a kill -9 (again after {kept} at the earliest), \
         and the end of each once"
    ))
}

/// Waits until the alerter has written down what it delivered. What a receiver took a moment before a
/// kill -9 would be sent again: rather twice than never.
fn written_down(scene: &Scene) -> Result<(), String> {
    let figures = format!("{}/metrics", scene.platform().address("alerter"));
    let waiting = |text: &str| {
        let mut lines = text.lines();
        let line = lines.find_map(|it| it.strip_prefix("watchpost_alerter_outbox_messages"));
        line.and_then(|it| it.trim().parse::<f64>().ok())
    };
    let empty =
        wait::until_or_none(|| (waiting(&get(&figures, None).1) == Some(0.0)).then_some(()));
    ensure(empty.is_some(), || {
        "the alerter's outbox does not become empty".into()
    })
}

/// Waits until every receiver has heard that of every incident.
fn told_to_all(scene: &Scene, state: &str) -> Result<(), String> {
    for (rule, host) in INCIDENTS {
        let told = wait::until_or_none(|| {
            let told = counts(scene, rule, host, state);
            told.iter().all(|it| *it >= 1).then_some(())
        });
        ensure(told.is_some(), || {
            let told = counts(scene, rule, host, state);
            format!("{rule} of {host}, {state}, was not told to all: {told:?}")
        })?;
    }
    Ok(())
}

/// What the rules of the scene say about a second message for the same incident.
fn repeat_interval() -> &'static str {
    let rules = include_str!("rules.toml");
    let line = rules
        .lines()
        .find_map(|line| line.strip_prefix("repeat_interval = "));
    line.map_or("ever", |value| value.trim_matches('"'))
}

/// How often the chat, the webhook and the mail receiver were told of a rule and host in that state.
fn counts(scene: &Scene, rule: &str, host: &str, state: &str) -> [usize; 3] {
    let fits = |text: &str| {
        text.contains(rule) && text.contains(host) && text.to_lowercase().contains(state)
    };
    let requests = |all: Vec<Request>| all.iter().filter(|it| fits(&it.text())).count();
    let mails = scene.mail.mails.all();
    [
        requests(scene.slack.requests.all()),
        requests(scene.webhook.requests.all()),
        mails.iter().filter(|it| fits(&it.data)).count(),
    ]
}
