//! Title and text of a message for channels that show text: the user's templates or the defaults.

use super::facts::{self, Fact};
use super::settings::ReceiverSettings;
use crate::template::{AlertView, Escape, MessageView, is_visible, render};

/// Alerts shown in a text; the rest is a number.
pub(super) const ALERTS_SHOWN: usize = 20;

/// Said where a message comes again whose first attempt may have arrived.
pub(super) const REPEATED: &str =
    "This may have been sent before: no answer came to the first attempt.";

/// What the templates of a receiver made of a message; values are escaped for the channel.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// On one line; the default one where the template gives nothing to see.
    pub(super) title: String,
    /// `None`: the channel writes its own.
    pub(super) text: Option<String>,
    /// Templates that failed; the defaults took their place.
    pub(super) failed: Vec<String>,
}

/// Renders the receiver's templates. One that fails costs itself, not the message.
pub(super) fn own(settings: &ReceiverSettings, view: &MessageView<'_>, escape: Escape) -> Own {
    let mut own = Own::default();
    let mut rendered = |name: &str, template: Option<&String>| {
        let rendered = render(template?, view, escape);
        let rendered = rendered.inspect_err(|error| own.failed.push(format!("{name}: {error}")));
        rendered.ok().filter(|text| is_visible(text))
    };
    let given = rendered("title", settings.title.as_ref());
    let text = rendered("text", settings.text.as_ref());
    own.title = single_line(&given.unwrap_or_else(|| title(view, escape)));
    own.text = text;
    own
}

/// `[FIRING] CPU usage of web-1 at 97 %, above 95 %`, or `[FIRING:3] alertname=cpu_high`.
fn title(view: &MessageView<'_>, escape: Escape) -> String {
    let line = |text: &str| escape(&single_line(text));
    if let [only] = view.alerts.as_slice() {
        return format!("[{}] {}", only.state_title, line(&only.summary));
    }
    let status = view.status.to_uppercase();
    let count = match view.firing {
        0 => view.resolved,
        firing => firing,
    };
    let digest = match view.digest_of {
        0 => String::new(),
        groups => format!(" ({groups} groups)"),
    };
    format!("[{status}:{count}] {}{digest}", line(&view.group))
}

/// The default text without markup: of one alert its facts, a line each, as the title has its summary;
/// of several a line each.
pub(super) fn plain_text(view: &MessageView<'_>) -> String {
    let line = |fact: &Fact| format!("{}: {}", fact.name, fact.text);
    if let [only] = view.alerts.as_slice() {
        let facts = facts::of(only);
        let links = only
            .links
            .named()
            .map(|(name, url)| format!("{name}: {url}"));
        let lines = facts.iter().map(line).chain(hint(only)).chain(links);
        return lines.collect::<Vec<_>>().join("\n");
    }
    let shown = view.alerts.iter().take(ALERTS_SHOWN);
    let mut lines: Vec<String> = shown
        .map(|alert| format!("• {}", alert_line(alert)))
        .collect();
    lines.extend(more(view));
    lines.join("\n")
}

/// One alert of several: `[FIRING] CPU usage of web-1 at 97 %, above 95 %, since 14:03 CET`.
pub(super) fn alert_line(alert: &AlertView<'_>) -> String {
    let summary = single_line(&alert.summary);
    let time = match alert.until.as_str() {
        "" => format!("since {}", alert.since),
        until => format!("ended {until} after {}", alert.lasted),
    };
    format!("[{}] {summary}, {time}", alert.state_title)
}

/// `… and 3 more`, where not all are shown.
pub(super) fn more(view: &MessageView<'_>) -> Option<String> {
    let more = view.alerts.len().checked_sub(ALERTS_SHOWN)?;
    (more > 0).then(|| format!("… and {more} more"))
}

/// What to do about a host that will not come back.
pub(super) fn hint(alert: &AlertView<'_>) -> Option<String> {
    let stays = alert.is_silence && !alert.host.is_empty() && alert.ends_at.is_none();
    let quoted = alert.host.replace('\'', r"'\''");
    let host = single_line(&quoted);
    stays.then(|| format!("Gone for good? watchpost-provisioner host forget '{host}'"))
}

/// No line break of a value reaches a header or a title.
pub(super) fn single_line(text: &str) -> String {
    crate::template::single_line(text).trim().to_owned()
}
