//! Hands a mail to the server (RFC 5321). Each address is a recipient of its own: one that the server
//! refuses, or wants to be asked for later, keeps the mail from no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};

/// Mails that are remembered as taken for a part of their addresses; beyond, the oldest name is dropped
/// and its mail may come twice, under the same `Message-ID`.
const REMEMBERED: usize = 1_000;

/// How the server is reached.
pub(super) struct Server<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// TLS from the first byte.
    pub(super) tls: Option<TlsParameters>,
    /// TLS after STARTTLS, without which nothing is said.
    pub(super) starttls: Option<TlsParameters>,
    pub(super) credentials: Option<Credentials>,
    pub(super) timeout: Duration,
}

/// What became of each address.
#[derive(Debug, Default)]
pub(super) struct Handed {
    pub(super) accepted: Vec<String>,
    /// With what the server said.
    pub(super) refused: Vec<String>,
    /// To be asked for later, with what the server said.
    pub(super) deferred: Vec<String>,
    pub(super) answer: String,
    /// The mail was sent and no answer came.
    pub(super) unanswered: Option<String>,
}

impl Server<'_> {
    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let (address, name) = ((self.host, self.port), ClientId::default());
        let timeout = Some(self.timeout);
        let tls = self.tls.clone();
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, timeout, &name, tls, None).await?;
        if let Some(tls) = self.starttls.clone() {
            connection.starttls(tls, &name).await?;
        }
        if let Some(credentials) = &self.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&mechanisms, credentials).await?;
        }
        Ok(connection)
    }

    /// Errors: the server took the mail for no address, for a reason that is none of theirs.
    pub(super) async fn hand_over(
        &self,
        from: Address,
        to: Vec<Address>,
        mail: &[u8],
    ) -> Result<Handed, Error> {
        let mut connection = self.connect().await?;
        let handed = transact(&mut connection, from, to, mail).await;
        // It has answered what matters.
        let _ = connection.quit().await;
        handed
    }
}

async fn transact(
    connection: &mut AsyncSmtpConnection,
    from: Address,
    to: Vec<Address>,
    mail: &[u8],
) -> Result<Handed, Error> {
    let takes_unicode = connection
        .server_info()
        .supports_feature(Extension::SmtpUtfEight);
    let mut parameters = Vec::new();
    let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    if takes_unicode && !to.iter().chain([&from]).all(is_ascii) {
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !mail.is_ascii() {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    connection
        .command(Mail::new(Some(from), parameters))
        .await?;
    let mut handed = Handed::default();
    for address in to {
        let name = address.to_string();
        if !takes_unicode && !name.is_ascii() {
            handed
                .refused
                .push(format!("{name}: the server takes only ASCII addresses"));
            continue;
        }
        match connection.command(Rcpt::new(address, Vec::new())).await {
            Ok(_) => handed.accepted.push(name),
            Err(error) if error.is_permanent() => handed.refused.push(format!("{name}: {error}")),
            Err(error) if error.is_transient() => handed.deferred.push(format!("{name}: {error}")),
            Err(error) => return Err(error),
        }
    }
    if handed.accepted.is_empty() {
        return Ok(handed);
    }
    connection.command(Data).await?;
    match connection.message(mail).await {
        Ok(response) => handed.answer = response.message().collect::<Vec<_>>().join(" "),
        Err(error) if error.is_permanent() || error.is_transient() => return Err(error),
        Err(error) => handed.unanswered = Some(error.to_string()),
    }
    Ok(handed)
}

/// Mails that were taken for a part of their addresses, by the key of their message: the next attempt is
/// for the others. Clones are of the same memory; a restart forgets it.
#[derive(Clone, Debug, Default)]
pub struct PartlyTaken(Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>);

impl PartlyTaken {
    pub(super) fn of(&self, key: &str) -> BTreeSet<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).cloned().unwrap_or_default()
    }

    pub(super) fn add(&self, key: &str, addresses: &[String]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED && !known.contains_key(key) {
            known.pop_first();
        }
        let taken = known.entry(key.to_owned()).or_default();
        taken.extend(addresses.iter().cloned());
    }

    pub(super) fn forget(&self, key: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(key);
    }
}
