//! A CPU spike, a silent host and a filling disk each reach chat, mail and webhook exactly once, also
//! when the alerter is killed, and are told again when they are over. Nobody waits half an hour here:
//! [`super::suppression`] shows that on the alerter's virtual clock.

use std::time::{SystemTime, UNIX_EPOCH};

use watchpost_testkit::{Request, wait};

use super::{Finding, Scene, ensure, suppression};

/// Rule and host of each incident of the scene.
const INCIDENTS: [(&str, &str); 3] = [
    ("cpu_high", "host-1"),
    ("host_silent", "host-2"),
    ("disk_high", "host-3"),
];

/// Within this a message that is one too many would have been sent: `group_interval` of the rules, and an
/// evaluation.
const SETTLED_SECONDS: f64 = 8.0;

pub(super) fn judge(scene: &Scene) -> Finding {
    suppression::judge(scene);
    told_to_all(scene, "firing")?;
    written_down(scene)?;
    scene.platform().kill("alerter");
    told_to_all(scene, "resolved")?;
    settled(scene)?;
    for state in ["firing", "resolved"] {
        for (rule, host) in INCIDENTS {
            let told = counts(scene, rule, host, state);
            ensure(told == [1, 1, 1], || {
                format!("{rule} of {host}, {state}, was told {told:?} times to chat, hook and mail")
            })?;
        }
    }
    Ok(
        "3 incidents told once each to chat, hook and mail over a kill -9, and the end of each once; on a virtual clock \
         with these rules and the shipped ones nothing for 30 min, over a restart, and one message then"
            .into(),
    )
}

/// Waits until the alerter has written down what it delivered. What a receiver took a moment before a
/// kill -9 would be sent again: rather twice than never.
fn written_down(scene: &Scene) -> Result<(), String> {
    let waiting = || {
        scene
            .platform()
            .figure("alerter", "watchpost_alerter_outbox_messages")
    };
    let empty = wait::until_or_none(|| (waiting() == Some(0.0)).then_some(()));
    ensure(empty.is_some(), || {
        "the alerter's outbox does not become empty".into()
    })
}

/// Waits until the alerter has judged for a while after the last message, and has nothing left to say.
fn settled(scene: &Scene) -> Result<(), String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|error| error.to_string())?
        .as_secs_f64();
    let judged = || {
        scene.platform().figure(
            "alerter",
            "watchpost_alerter_last_evaluation_timestamp_seconds",
        )
    };
    let later = wait::until_or_none(|| judged().filter(|it| *it > now + SETTLED_SECONDS));
    ensure(later.is_some(), || "the alerter judges no more".into())?;
    written_down(scene)
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
