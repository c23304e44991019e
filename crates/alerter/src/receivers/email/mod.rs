//! Email: text and HTML, with a chart of the series, over SMTP with STARTTLS or TLS.

mod html;

use std::path::Path;
use std::time::Duration;

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use html::Page;

use super::settings::{EmailSettings, ReceiverSettings, SmtpSecurity};
use super::text::{render_message, single_line};
use super::{
    Surroundings, chart, cut, group_key, message_key, permanent, resolve, secret, transient,
    unanswered,
};
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::template::plain;

/// Longer subjects are cut by many mail programs.
const SUBJECT_LIMIT: usize = 200;
pub(super) async fn send(
    settings: &ReceiverSettings,
    email: &EmailSettings,
    message: &Notification,
    around: &Surroundings,
) -> Result<String, Failure> {
    let image = match (email.chart, message.alerts.first(), &around.history) {
        (true, Some(alert), Some(history)) => {
            let data = history.of(alert, message.created_at).await;
            data.and_then(|data| chart::png(&data))
        }
        _ => None,
    };
    let mail = compose(settings, email, message, image)?;
    let transport = transport(settings, email, around)?;
    match transport.send(mail).await {
        Ok(response) => Ok(response.message().collect::<Vec<_>>().join(" ")),
        Err(error) if error.is_permanent() => Err(permanent(error.to_string())),
        Err(error) if error.is_timeout() => Err(unanswered(error.to_string())),
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
    if let Some(file) = &settings.ca_file {
        let parameters = trusting(email, &resolve(file, around))?;
        builder = builder.tls(match email.security {
            SmtpSecurity::StartTls => Tls::Required(parameters),
            SmtpSecurity::Tls => Tls::Wrapper(parameters),
            SmtpSecurity::None => Tls::None,
        });
    }
    if let (Some(user), Some(password)) = (&email.username, &email.password) {
        let password = secret(password, around)?;
        builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
    }
    Ok(builder.build())
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
        // The same for every attempt, so that a mail that comes twice can be seen to.
        .message_id(Some(format!(
            "<{}@watchpost.invalid>",
            message_key(message)
        )))
        .header(AutoSubmitted)
        .subject(cut(&single_line(&title), SUBJECT_LIMIT))
        .references(thread.clone())
        .in_reply_to(thread);
    for address in &email.to {
        builder = builder.to(mailbox(address)?);
    }
    let page = Page {
        title: &title,
        own_text: settings.text.is_some().then_some(text.as_str()),
        message,
        chart: image.is_some(),
    };
    let html = page.html();
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
