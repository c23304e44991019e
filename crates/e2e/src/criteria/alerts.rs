//! A CPU spike, a silent host and a filling disk each reach chat, mail and webhook exactly once, also
//! when the alerter is killed, and are told again when they are over.

use watchpost_testkit::wait;

use super::{Scene, Verdict, ensure};

/// Rule and host of each incident of the scene.
const INCIDENTS: [(&str, &str); 3] = [
    ("cpu_high", "host-1"),
    ("host_silent", "host-2"),
    ("disk_high", "host-3"),
];

pub(super) fn judge(scene: &mut Scene) -> Verdict {
    for (rule, host) in INCIDENTS {
        let told = wait::until_or_none(|| {
            (counts(scene, rule, host, "firing")
                .iter()
                .all(|it| *it >= 1))
            .then_some(())
        });
        ensure(told.is_some(), || {
            format!(
                "{rule} of {host} was not told to all: {:?}",
                counts(scene, rule, host, "firing")
            )
        })?;
    }
    scene.platform().kill("alerter");
    // The silent host comes back, which is told: the alerter lives and knows what it had sent.
    let resolved = wait::until_or_none(|| {
        let (rule, host) = INCIDENTS[1];
        counts(scene, rule, host, "resolved")
            .iter()
            .all(|it| *it >= 1)
            .then_some(())
    });
    let (rule, host) = INCIDENTS[1];
    ensure(resolved.is_some(), || {
        format!(
            "no word that {host} is back: {:?}",
            counts(scene, rule, host, "resolved")
        )
    })?;
    for (rule, host) in INCIDENTS {
        let firing = counts(scene, rule, host, "firing");
        ensure(firing == [1, 1, 1], || {
            format!("{rule} of {host} was told {firing:?} times to chat, hook and mail")
        })?;
    }
    Ok(
        "3 incidents, told once each to 3 receivers, over a kill -9; the end of one told to all"
            .into(),
    )
}

/// How often the chat, the webhook and the mail receiver were told of a rule and host in that state.
fn counts(scene: &Scene, rule: &str, host: &str, state: &str) -> [usize; 3] {
    let fits = |text: &str| {
        text.contains(rule) && text.contains(host) && text.to_lowercase().contains(state)
    };
    let requests =
        |all: Vec<watchpost_testkit::Request>| all.iter().filter(|it| fits(&it.text())).count();
    let mails = scene
        .mail
        .mails
        .all()
        .iter()
        .filter(|it| fits(&it.data))
        .count();
    [
        requests(scene.slack.requests.all()),
        requests(scene.webhook.requests.all()),
        mails,
    ]
}
