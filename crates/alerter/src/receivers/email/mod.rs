//! Email: text and HTML, with a chart of the series, over SMTP with STARTTLS or TLS.

mod handover;
mod html;

use std::path::Path;
use std::time::Duration;

use lettre::Message;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};

use handover::{Handed, Server};
use html::Page;

use super::settings::{EmailSettings, ReceiverSettings, SmtpSecurity};
use super::text::{self, REPEATED};
use super::{
    Delivered, Surroundings, chart_of, group_key, markup, message_key, permanent, resolve, secret,
    transient, unanswered, unreachable,
};
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;
use crate::template::{MessageView, plain};

pub use handover::PartlyTaken;

/// Longer subjects are cut by many mail programs.
const SUBJECT_LIMIT: usize = 200;
/// Longest text of a mail, in bytes.
const TEXT_LIMIT: usize = 64 * 1024;

pub(super) async fn send(
    settings: &ReceiverSettings,
    email: &EmailSettings,
    message: &Notification,
    around: &Surroundings,
) -> Result<Delivered, Failure> {
    let image = chart_of(settings, message, around).await;
    let (mail, failed) = compose(settings, email, message, image, &around.presentation)?;
    let key = message_key(message);
    let taken = around.partly.of(&key);
    let addresses = email.to.iter().map(|address| mailbox(address));
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?.into_iter();
    let addresses = addresses.map(|mailbox| mailbox.email);
    let missing = addresses.filter(|address| !taken.contains(&address.to_string()));
    let from = mailbox(&email.from)?.email;
    let server = server(settings, email, around)?;
    let content = mail.formatted();
    let handed = server.hand_over(from, missing.collect(), &content).await;
    let handed = handed.map_err(|error| failure(&error))?;
    settle(handed, !taken.is_empty(), (&key, around)).map(|answer| Delivered {
        answer: answer.answer,
        failed: failed.into_iter().chain(answer.refused).collect(),
    })
}

/// Whether the mail has arrived where it can: who could not take it yet is asked again, alone.
fn settle(
    handed: Handed,
    was_taken: bool,
    (key, around): (&str, &Surroundings),
) -> Result<Handed, Failure> {
    if let Some(error) = handed.unanswered {
        return Err(unanswered(error));
    }
    if !handed.deferred.is_empty() {
        around.partly.add(key, &handed.accepted);
        return Err(transient(handed.deferred.join("; ")));
    }
    around.partly.forget(key);
    match handed.accepted.is_empty() && !was_taken {
        true => Err(permanent(handed.refused.join("; "))),
        false => Ok(handed),
    }
}

fn failure(error: &Error) -> Failure {
    let reason = error.to_string();
    match (error.is_permanent(), error.is_timeout()) {
        (true, _) => permanent(reason),
        (false, true) => unanswered(reason),
        (false, false) if error.is_transient() => transient(reason),
        (false, false) => unreachable(reason),
    }
}

fn mailbox(address: &str) -> Result<Mailbox, Failure> {
    let parsed = address.parse::<Mailbox>();
    parsed.map_err(|error| permanent(format!("{address:?}: {error}")))
}

fn server<'a>(
    settings: &ReceiverSettings,
    email: &'a EmailSettings,
    around: &Surroundings,
) -> Result<Server<'a>, Failure> {
    let parameters = || match &settings.ca_file {
        Some(file) => trusting(email, &resolve(file, around)),
        None => {
            let machine = TlsParameters::new(email.host.clone());
            machine.map_err(|error| transient(error.to_string()))
        }
    };
    let (tls, starttls) = match email.security {
        SmtpSecurity::StartTls => (None, Some(parameters()?)),
        SmtpSecurity::Tls => (Some(parameters()?), None),
        SmtpSecurity::None => (None, None),
    };
    let credentials = match (&email.username, &email.password) {
        (Some(user), Some(password)) => {
            let password = secret(password, around)?;
            Some(Credentials::new(user.clone(), password.reveal().to_owned()))
        }
        _ => None,
    };
    Ok(Server {
        host: &email.host,
        port: email.port,
        tls,
        starttls,
        credentials,
        timeout: Duration::from_nanos(settings.timeout.unsigned_abs()),
    })
}

/// TLS that trusts the authorities of a file, and nobody else.
fn trusting(email: &EmailSettings, file: &Path) -> Result<TlsParameters, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        transient(format!(
            "certificate authorities in {}: {error}",
            file.display()
        ))
    };
    let pem = std::fs::read(file).map_err(|error| wrong(&error))?;
    let authorities = Certificate::from_pem(&pem).map_err(|error| wrong(&error))?;
    TlsParameters::builder(email.host.clone())
        .certificate_store(CertificateStore::None)
        .add_root_certificate(authorities)
        .build()
        .map_err(|error| wrong(&error))
}

/// Nobody's holiday answer comes back (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<AutoSubmitted, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(AutoSubmitted::name(), "auto-generated".to_owned())
    }
}

/// The mail, and which templates failed. Addresses and headers go through typed builders: no value can
/// add a header.
fn compose(
    settings: &ReceiverSettings,
    email: &EmailSettings,
    message: &Notification,
    image: Option<Vec<u8>>,
    presentation: &Presentation,
) -> Result<(Message, Vec<String>), Failure> {
    let view = MessageView::new(message, presentation);
    let own = text::own(settings, &view, plain);
    // All messages about a group are one thread.
    let thread = format!("<{}@watchpost.invalid>", group_key(message));
    let mut builder = Message::builder()
        .from(mailbox(&email.from)?)
        // The same for every attempt, so that a mail that comes twice can be seen to.
        .message_id(Some(format!(
            "<{}@watchpost.invalid>",
            message_key(message)
        )))
        .header(AutoSubmitted)
        .subject(markup::cut(&own.title, SUBJECT_LIMIT, markup::bytes))
        .references(thread.clone())
        .in_reply_to(thread);
    for address in &email.to {
        builder = builder.to(mailbox(address)?);
    }
    let page = Page {
        title: &own.title,
        own_text: own.text.as_deref(),
        message,
        view: &view,
        chart: image.is_some(),
    };
    let html = page.html();
    let repeated = if message.repeated {
        format!("{REPEATED}\n")
    } else {
        String::new()
    };
    let text = own
        .text
        .unwrap_or_else(|| format!("{}\n\n{}", own.title, text::plain_text(&view)));
    let text = markup::cut(&format!("{repeated}{text}\n"), TEXT_LIMIT, markup::bytes);
    let mail = builder.multipart(
        MultiPart::alternative()
            .singlepart(SinglePart::plain(text))
            .multipart(related(html, image)?),
    );
    let mail = mail.map_err(|error| permanent(error.to_string()))?;
    Ok((mail, own.failed))
}

/// Title and text, and which templates failed.
pub(super) fn preview(
    settings: &ReceiverSettings,
    message: &Notification,
    presentation: &Presentation,
) -> (String, Vec<String>) {
    let view = MessageView::new(message, presentation);
    let own = text::own(settings, &view, plain);
    let text = own.text.unwrap_or_else(|| text::plain_text(&view));
    (format!("{}\n\n{text}", own.title), own.failed)
}

/// The HTML, with the chart that it shows.
fn related(html: String, image: Option<Vec<u8>>) -> Result<MultiPart, Failure> {
    let part = MultiPart::related().singlepart(SinglePart::html(html));
    let Some(png) = image else {
        return Ok(part);
    };
    let kind = ContentType::parse("image/png").map_err(|error| permanent(error.to_string()))?;
    let chart = Attachment::new_inline_with_name("chart".to_owned(), "chart.png".to_owned());
    Ok(part.singlepart(chart.body(png, kind)))
}
