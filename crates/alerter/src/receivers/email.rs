//! Email: text and HTML, with a chart of the series, over SMTP with STARTTLS or TLS.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::settings::{EmailSettings, ReceiverSettings, SmtpSecurity};
use super::text::{render_message, single_line};
use super::{Surroundings, chart, cut, group_key, permanent, secret, transient};
use crate::alert::SECOND;
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::template::{AlertView, plain};

/// Longer subjects are cut by many mail programs.
const SUBJECT_LIMIT: usize = 200;
/// Rows of the table in the HTML part.
const ROWS_LIMIT: usize = 100;

pub(super) async fn send(
    settings: &ReceiverSettings,
    email: &EmailSettings,
    message: &Notification,
    around: &Surroundings,
) -> Result<String, Failure> {
    let image = match (email.chart, message.alerts.first(), &around.history) {
        (true, Some(alert), Some(history)) => chart::png(
            &history.of(alert, message.created_at).await,
            alert.threshold,
        ),
        _ => None,
    };
    let mail = compose(settings, email, message, image)?;
    let transport = transport(settings, email, around)?;
    match transport.send(mail).await {
        Ok(response) => Ok(response.message().collect::<Vec<_>>().join(" ")),
        Err(error) if error.is_permanent() => Err(permanent(error.to_string())),
        Err(error) => Err(transient(error.to_string())),
    }
}

fn transport(
    settings: &ReceiverSettings,
    email: &EmailSettings,
    around: &Surroundings,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
    type Transport = AsyncSmtpTransport<Tokio1Executor>;
    let builder = match email.security {
        SmtpSecurity::StartTls => Transport::starttls_relay(&email.host),
        SmtpSecurity::Tls => Transport::relay(&email.host),
        SmtpSecurity::None => Ok(Transport::builder_dangerous(&email.host)),
    };
    let timeout = Duration::from_nanos(settings.timeout.unsigned_abs());
    let mut builder = builder
        .map_err(|error| transient(error.to_string()))?
        .port(email.port)
        .timeout(Some(timeout));
    if let (Some(user), Some(password)) = (&email.username, &email.password) {
        let password = secret(password, around)?;
        builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
    }
    Ok(builder.build())
}

/// Addresses and headers go through typed builders: no value can add a header.
fn compose(
    settings: &ReceiverSettings,
    email: &EmailSettings,
    message: &Notification,
    image: Option<Vec<u8>>,
) -> Result<Message, Failure> {
    let wrong = |error: &dyn std::fmt::Display| permanent(error.to_string());
    let (title, text) = render_message(settings, message, plain).map_err(|error| wrong(&error))?;
    let mailbox = |address: &str| address.parse::<Mailbox>().map_err(|error| wrong(&error));
    // All messages about a group are one thread.
    let thread = format!("<{}@watchpost.invalid>", group_key(message));
    let mut builder = Message::builder()
        .from(mailbox(&email.from)?)
        .subject(cut(&single_line(&title), SUBJECT_LIMIT))
        .references(thread.clone())
        .in_reply_to(thread);
    for address in &email.to {
        builder = builder.to(mailbox(address)?);
    }
    let html = html(
        &title,
        &text,
        settings.text.is_some(),
        message,
        image.is_some(),
    );
    let html = SinglePart::builder()
        .header(ContentType::TEXT_HTML)
        .body(html);
    let html = match image {
        None => MultiPart::related().singlepart(html),
        Some(png) => {
            let kind = ContentType::parse("image/png").map_err(|error| wrong(&error))?;
            MultiPart::related().singlepart(html).singlepart(
                Attachment::new_inline_with_name("chart".to_owned(), "chart.png".to_owned())
                    .body(png, kind),
            )
        }
    };
    let plain_part = SinglePart::builder()
        .header(ContentType::TEXT_PLAIN)
        .body(text);
    builder
        .multipart(
            MultiPart::alternative()
                .singlepart(plain_part)
                .multipart(html),
        )
        .map_err(|error| wrong(&error))
}

fn html(title: &str, text: &str, own_text: bool, message: &Notification, image: bool) -> String {
    let mut body = format!("<h3>{}</h3>", escape(title));
    if own_text {
        body.push_str(&format!(
            "<pre style=\"font-family:inherit\">{}</pre>",
            escape(text)
        ));
    } else {
        body.push_str(&table(message));
    }
    if image {
        body.push_str("<p><img src=\"cid:chart\" alt=\"chart of the series\" width=\"600\" height=\"200\"></p>");
    }
    format!(
        "<!DOCTYPE html><html><body style=\"font-family:sans-serif\">{body}\
         <p style=\"color:#777\">{}</p></body></html>",
        escape(&message.news.to_string())
    )
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
    let cell = |text: &str| {
        format!(
            "<td style=\"padding:2px 8px;border-top:1px solid #ddd\">{}</td>",
            escape(text)
        )
    };
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
        format!("<tr>{}</tr>", cells.map(cell).concat())
    };
    let heads = heads
        .map(|head| format!("<th align=\"left\" style=\"padding:2px 8px\">{head}</th>"))
        .concat();
    let rows: String = message.alerts.iter().take(ROWS_LIMIT).map(row).collect();
    let seconds = message.created_at / SECOND;
    format!("<table cellspacing=\"0\" data-time=\"{seconds}\"><tr>{heads}</tr>{rows}</table>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
