//! The HTML part of a mail. Mail programs know little: tables, and styles at each element.

use super::super::chart;
use super::super::text::REPEATED;
use crate::alert::Severity;
use crate::pipeline::notification::Notification;
use crate::template::AlertView;

/// Rows of the table.
const ROWS_LIMIT: usize = 100;

const RED: &str = "#d32f2f";
const YELLOW: &str = "#e69100";
const BLUE: &str = "#1f66c1";
const GREEN: &str = "#2e7d32";

const CELL: &str =
    "padding:6px 10px;border-top:1px solid #e5e8ec;text-align:left;vertical-align:top";

/// What the page is made of; all texts as they are, to be escaped here.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// Of the receiver's own template, which takes the place of the table.
    pub(super) own_text: Option<&'a str>,
    pub(super) message: &'a Notification,
    /// Whether there is a part with the id `chart`.
    pub(super) chart: bool,
}

impl Page<'_> {
    pub(super) fn html(&self) -> String {
        let content = match self.own_text {
            Some(text) => format!(
                "<pre style=\"font-family:inherit;white-space:pre-wrap\">{}</pre>",
                escape(text)
            ),
            None => table(self.message),
        };
        let again = match self.message.repeated {
            true => format!(". {REPEATED}"),
            false => String::new(),
        };
        let chart = if self.chart { image() } else { String::new() };
        format!(
            "<!DOCTYPE html><html><body style=\"margin:0;padding:16px;background:#f4f5f7;\
             font-family:-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif;font-size:14px;color:#1c2733\">\
             <div style=\"max-width:760px;margin:0 auto;padding:18px 22px;background:#ffffff;border-top:5px solid {}\">\
             <h2 style=\"margin:0 0 14px;font-size:18px\">{}</h2>{content}{chart}\
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
        "<p style=\"margin:16px 0 0\"><img src=\"cid:chart\" alt=\"Chart of the series; times are UTC\" \
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

fn table(message: &Notification) -> String {
    let heads = [
        "State",
        "Severity",
        "Rule",
        "Host",
        "Value",
        "Threshold",
        "Since",
        "What",
    ];
    let row = |alert: &crate::alert::Alert| {
        let view = AlertView::new(alert, message.created_at);
        let cells = [
            view.status,
            view.severity,
            view.name,
            view.host,
            &view.value_text,
            &view.threshold_text,
            &view.starts_at,
            &view.summary,
        ];
        let cell = |text: &str| format!("<td style=\"{CELL}\">{}</td>", escape(text));
        format!("<tr>{}</tr>", cells.map(cell).concat())
    };
    let head = |text: &str| format!("<th style=\"{CELL};border-top:0;color:#7a828c\">{text}</th>");
    let rows: String = message.alerts.iter().take(ROWS_LIMIT).map(row).collect();
    let more = match message.alerts.len().saturating_sub(ROWS_LIMIT) {
        0 => String::new(),
        more => format!("<p>… and {more} more</p>"),
    };
    let heads = heads.map(head).concat();
    format!(
        "<table style=\"border-collapse:collapse;font-size:13px\"><tr>{heads}</tr>{rows}</table>{more}"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
