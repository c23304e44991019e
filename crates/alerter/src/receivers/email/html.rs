//! The HTML part of a mail. Mail programs know little: tables, and styles at each element.

use super::super::text::{self, REPEATED};
use super::super::{chart, facts, markup};
use super::TEXT_LIMIT;
use crate::alert::Severity;
use crate::pipeline::notification::Notification;
use crate::template::{AlertView, MessageView, plain};

/// Rows of the table.
const ROWS_LIMIT: usize = 100;

const RED: &str = "#d32f2f";
const YELLOW: &str = "#e69100";
const BLUE: &str = "#1f66c1";
const GREEN: &str = "#2e7d32";

const CELL: &str =
    "padding:6px 10px;border-top:1px solid #e5e8ec;text-align:left;vertical-align:top";

const HEAD: &str = "padding:6px 10px;border-top:1px solid #e5e8ec;text-align:left;vertical-align:top;color:#7a828c;font-weight:normal;white-space:nowrap";
const BUTTON: &str = "display:inline-block;margin:0 8px 8px 0;padding:7px 14px;border:1px solid #c4cbd3;border-radius:4px;color:#1f66c1;text-decoration:none";

/// What the page is made of; all texts as they are, to be escaped here.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// Of the receiver's own template, which takes the place of facts and table.
    pub(super) own_text: Option<&'a str>,
    pub(super) message: &'a Notification,
    pub(super) view: &'a MessageView<'a>,
    /// Whether there is a part with the id `chart`.
    pub(super) chart: bool,
}

impl Page<'_> {
    pub(super) fn html(&self) -> String {
        let content = match (self.own_text, self.view.alerts.as_slice()) {
            (Some(text), _) => format!(
                "<pre style=\"font-family:inherit;white-space:pre-wrap\">{}</pre>",
                escape(text)
            ),
            (None, [only]) => facts(only),
            (None, _) => table(self.view),
        };
        let again = match self.message.repeated {
            true => format!(". {REPEATED}"),
            false => String::new(),
        };
        let chart = if self.chart { image() } else { String::new() };
        let links = match self.view.alerts.as_slice() {
            [only] => links(only),
            _ => String::new(),
        };
        format!(
            "<!DOCTYPE html><html><body style=\"margin:0;padding:16px;background:#f4f5f7;\
             font-family:-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif;font-size:14px;color:#1c2733\">\
             <div style=\"max-width:760px;margin:0 auto;padding:18px 22px;background:#ffffff;border-top:5px solid {}\">\
             <h2 style=\"margin:0 0 14px;font-size:18px\">{}</h2>{content}{chart}{links}\
             <p style=\"margin:16px 0 0;color:#7a828c;font-size:12px\">Sent because: {}{again}</p>\
             </div></body></html>",
            color(self.message),
            escape(self.title),
            escape(&self.message.news.to_string()),
        )
    }
}

fn image() -> String {
    let (width, height) = chart::SHOWN;
    format!(
        "<p style=\"margin:16px 0 0\"><img src=\"cid:chart\" alt=\"Chart of the series\" \
         width=\"{width}\" height=\"{height}\" style=\"max-width:100%;height:auto\"></p>"
    )
}

fn color(message: &Notification) -> &'static str {
    match (message.is_resolved(), message.severity()) {
        (true, _) => GREEN,
        (false, Severity::Critical) => RED,
        (false, Severity::Warning) => YELLOW,
        (false, Severity::Info) => BLUE,
    }
}

/// Of one alert, whose summary is the title.
fn facts(alert: &AlertView<'_>) -> String {
    let row = |name: &str, text: &str| {
        format!(
            "<tr><th style=\"{HEAD}\">{name}</th><td style=\"{CELL}\">{}</td></tr>",
            escape(text)
        )
    };
    let facts = facts::of(alert);
    let rows: String = facts
        .iter()
        .map(|fact| row(fact.name, &fact.text))
        .collect();
    let hint = text::hint(alert).map(|hint| format!("<p>{}</p>", escape(&hint)));
    format!(
        "<table style=\"border-collapse:collapse;font-size:13px\">{rows}</table>{}",
        hint.unwrap_or_default()
    )
}

fn links(alert: &AlertView<'_>) -> String {
    let link = |(name, url): (&str, &str)| {
        format!("<a href=\"{}\" style=\"{BUTTON}\">{name}</a>", escape(url))
    };
    let links: String = alert.links.named().map(link).collect();
    match links.is_empty() {
        true => links,
        false => format!("<p style=\"margin:16px 0 0\">{links}</p>"),
    }
}

/// Of several alerts, one a row.
fn table(view: &MessageView<'_>) -> String {
    let heads = ["State", "Severity", "Summary", "Value", "Level", "Since"];
    let row = |alert: &AlertView<'_>| {
        let since = match alert.until.as_str() {
            "" => alert.since.clone(),
            until => format!("{} – {until}", alert.since),
        };
        let summary = match alert.links.alert.as_str() {
            "" => escape(&alert.summary),
            url => format!("<a href=\"{}\">{}</a>", escape(url), escape(&alert.summary)),
        };
        let state = alert.state.replace('_', " ");
        let cells = [
            escape(&state),
            escape(alert.severity),
            summary,
            escape(&alert.value_with_unit),
            escape(&alert.level),
            escape(&since),
        ];
        let cell = |html: String| format!("<td style=\"{CELL}\">{html}</td>");
        format!("<tr>{}</tr>", cells.map(cell).concat())
    };
    let head = |text: &str| format!("<th style=\"{HEAD};border-top:0\">{text}</th>");
    let rows: String = view.alerts.iter().take(ROWS_LIMIT).map(row).collect();
    let more = match view.alerts.len().saturating_sub(ROWS_LIMIT) {
        0 => String::new(),
        more => format!("<p>… and {more} more</p>"),
    };
    let heads = heads.map(head).concat();
    format!(
        "<table style=\"border-collapse:collapse;font-size:13px\"><tr>{heads}</tr>{rows}</table>{more}"
    )
}

/// As text within an element or an attribute, cut: a label may hold a page.
fn escape(text: &str) -> String {
    markup::cut(&plain(text), TEXT_LIMIT, markup::bytes)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\n', "<br>")
}
