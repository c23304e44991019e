//! A fake mail server: enough of RFC 5321 (and AUTH, RFC 4954; STARTTLS, RFC 3207) to be handed
//! mail, which it records, and to refuse as many mails as it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::background;
use crate::record::Record;

/// A mail as it was handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The argument of AUTH, if the client authenticated: `PLAIN` and its base64, or `LOGIN` and
    /// the two base64 answers, parted by blanks.
    pub auth: Option<String>,
    /// Of the envelope, without angle brackets.
    pub from: String,
    pub to: Vec<String>,
    /// Headers and body with `\n` line ends, dot-stuffing undone.
    pub data: String,
    /// Whether it came over TLS.
    pub encrypted: bool,
}

/// A mail server on a free port of the loopback; it ends when the value goes.
#[derive(Debug)]
pub struct SmtpReceiver {
    address: SocketAddr,
    /// The accepted mails.
    pub mails: Record<Mail>,
    /// Every command line of every client.
    pub commands: Record<String>,
    refusals: Arc<Mutex<VecDeque<String>>>,
    recipients: Arc<Mutex<BTreeMap<String, String>>>,
    _end: oneshot::Sender<()>,
}

#[derive(Clone)]
struct Shared {
    mails: Record<Mail>,
    commands: Record<String>,
    refusals: Arc<Mutex<VecDeque<String>>>,
    recipients: Arc<Mutex<BTreeMap<String, String>>>,
    auth_required: bool,
    tls: Tls,
}

/// How the server speaks TLS.
#[derive(Clone)]
enum Tls {
    Never,
    /// From the first byte.
    Always(TlsAcceptor),
    /// After STARTTLS, without which it takes no mail.
    Offered(TlsAcceptor),
}

impl SmtpReceiver {
    /// Takes mail from anybody.
    ///
    /// # Panics
    /// If no port can be had.
    pub fn open() -> SmtpReceiver {
        SmtpReceiver::start(false, Tls::Never)
    }

    /// Takes mail only after AUTH (any credentials, which are recorded).
    ///
    /// # Panics
    /// If no port can be had.
    pub fn with_auth() -> SmtpReceiver {
        SmtpReceiver::start(true, Tls::Never)
    }

    /// As [`SmtpReceiver::with_auth`], over TLS from the first byte.
    ///
    /// # Panics
    /// If no port can be had.
    pub fn with_tls(config: Arc<ServerConfig>) -> SmtpReceiver {
        SmtpReceiver::start(true, Tls::Always(config.into()))
    }

    /// As [`SmtpReceiver::with_auth`], after STARTTLS.
    ///
    /// # Panics
    /// If no port can be had.
    pub fn with_starttls(config: Arc<ServerConfig>) -> SmtpReceiver {
        SmtpReceiver::start(true, Tls::Offered(config.into()))
    }

    fn start(auth_required: bool, tls: Tls) -> SmtpReceiver {
        let shared = Shared {
            mails: Record::default(),
            commands: Record::default(),
            refusals: Arc::default(),
            recipients: Arc::default(),
            auth_required,
            tls,
        };
        let serving = shared.clone();
        let (address, end) = background::serve(move |listener, mut ended| async move {
            loop {
                tokio::select! {
                    _ = &mut ended => return,
                    accepted = listener.accept() => {
                        if let Ok((stream, _)) = accepted {
                            // A client that hangs up in the middle has its answer already.
                            let talk = converse(stream, serving.clone());
                            tokio::spawn(async move { drop(talk.await) });
                        }
                    }
                }
            }
        });
        SmtpReceiver {
            address,
            mails: shared.mails,
            commands: shared.commands,
            refusals: shared.refusals,
            recipients: shared.recipients,
            _end: end,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next `count` mails are refused at MAIL FROM with this reply, such as
    /// `451 try again later`.
    pub fn refuse(&self, count: usize, reply: &str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.extend(std::iter::repeat_n(reply.to_owned(), count));
    }
}

impl SmtpReceiver {
    /// From now on the address is answered at RCPT TO with this reply, such as
    /// `550 5.1.1 no such user`; an empty one takes that back.
    pub fn refuse_recipient(&self, address: &str, reply: &str) {
        let mut recipients = self
            .recipients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recipients.insert(address.to_owned(), reply.to_owned());
    }
}

/// A connection, whether it is encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One connection.
struct Dialogue {
    stream: BufReader<Box<dyn Stream>>,
    encrypted: bool,
    shared: Shared,
    mail: Mail,
    auth: Option<String>,
}

async fn converse(stream: TcpStream, shared: Shared) -> std::io::Result<()> {
    let (stream, encrypted): (Box<dyn Stream>, bool) = match &shared.tls {
        Tls::Always(acceptor) => (Box::new(acceptor.accept(stream).await?), true),
        Tls::Never | Tls::Offered(_) => (Box::new(stream), false),
    };
    let mut dialogue = Dialogue {
        stream: BufReader::new(stream),
        encrypted,
        shared,
        mail: Mail::default(),
        auth: None,
    };
    dialogue.reply("220 localhost ESMTP").await?;
    while let Some(acceptor) = dialogue.run().await? {
        // What the client sent before the handshake is not trusted afterwards (RFC 3207, 4.2).
        let stream = acceptor.accept(dialogue.stream.into_inner()).await?;
        dialogue = Dialogue {
            stream: BufReader::new(Box::new(stream)),
            encrypted: true,
            auth: None,
            ..dialogue
        };
    }
    Ok(())
}

impl Dialogue {
    /// Talks until the client leaves, or until TLS is to begin.
    async fn run(&mut self) -> std::io::Result<Option<TlsAcceptor>> {
        while let Some(line) = self.line().await? {
            self.shared.commands.push(line.clone());
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.greet().await?,
                "STARTTLS" => match self.shared.tls.clone() {
                    Tls::Offered(acceptor) if !self.encrypted => {
                        self.reply("220 go ahead").await?;
                        return Ok(Some(acceptor));
                    }
                    _ => self.reply("502 command not implemented").await?,
                },
                "HELO" | "NOOP" => self.reply("250 ok").await?,
                "RSET" => {
                    self.mail = Mail::default();
                    self.reply("250 ok").await?;
                }
                "AUTH" => self.authenticate(argument).await?,
                "MAIL" => self.begin_mail(argument).await?,
                "RCPT" => self.recipient(argument).await?,
                "DATA" => self.data().await?,
                "QUIT" => {
                    self.reply("221 bye").await?;
                    return Ok(None);
                }
                _ => self.reply("502 command not implemented").await?,
            }
        }
        Ok(None)
    }

    /// Whether the client must ask for TLS before anything else.
    fn must_encrypt(&self) -> bool {
        matches!(self.shared.tls, Tls::Offered(_)) && !self.encrypted
    }

    async fn greet(&mut self) -> std::io::Result<()> {
        let offers = match (self.must_encrypt(), self.shared.auth_required) {
            (true, _) => "250 STARTTLS",
            (false, true) => "250 AUTH PLAIN LOGIN",
            (false, false) => "250 HELP",
        };
        let text = format!("250-localhost\r\n250-8BITMIME\r\n{offers}");
        self.reply(&text).await
    }

    async fn authenticate(&mut self, argument: &str) -> std::io::Result<()> {
        let mut given = argument.to_owned();
        // LOGIN asks for the name and the password, PLAIN for both at once, each in base64.
        let prompts: &[&str] = match argument.to_ascii_uppercase().as_str() {
            "LOGIN" => &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
            "PLAIN" => &["334 "],
            _ => &[],
        };
        for prompt in prompts {
            self.reply(prompt).await?;
            given.push(' ');
            given.push_str(&self.line().await?.unwrap_or_default());
        }
        self.auth = Some(given);
        self.reply("235 authenticated").await
    }

    async fn begin_mail(&mut self, argument: &str) -> std::io::Result<()> {
        if self.must_encrypt() {
            return self.reply("530 must issue STARTTLS first").await;
        }
        if self.shared.auth_required && self.auth.is_none() {
            return self.reply("530 authentication required").await;
        }
        let refusal = {
            let mut refusals = self
                .shared
                .refusals
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            refusals.pop_front()
        };
        if let Some(reply) = refusal {
            return self.reply(&reply).await;
        }
        self.mail = Mail {
            auth: self.auth.clone(),
            from: address_of(argument),
            encrypted: self.encrypted,
            ..Mail::default()
        };
        self.reply("250 ok").await
    }

    async fn recipient(&mut self, argument: &str) -> std::io::Result<()> {
        let address = address_of(argument);
        let refusal = {
            let recipients = self.shared.recipients.lock();
            let recipients = recipients.unwrap_or_else(PoisonError::into_inner);
            recipients.get(&address).cloned().unwrap_or_default()
        };
        if !refusal.is_empty() {
            return self.reply(&refusal).await;
        }
        self.mail.to.push(address);
        self.reply("250 ok").await
    }

    async fn data(&mut self) -> std::io::Result<()> {
        self.reply("354 end with a dot on a line of its own")
            .await?;
        while let Some(line) = self.line().await? {
            if line == "." {
                self.shared.mails.push(std::mem::take(&mut self.mail));
                return self.reply("250 queued").await;
            }
            self.mail
                .data
                .push_str(line.strip_prefix('.').unwrap_or(&line));
            self.mail.data.push('\n');
        }
        Ok(())
    }

    /// The next line without its end; `None` when the client has hung up.
    async fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut bytes = Vec::new();
        let length = self.stream.read_until(b'\n', &mut bytes).await?;
        let text = String::from_utf8_lossy(&bytes);
        Ok((length > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    async fn reply(&mut self, text: &str) -> std::io::Result<()> {
        self.stream
            .write_all(format!("{text}\r\n").as_bytes())
            .await?;
        self.stream.flush().await
    }
}

/// `FROM:<a@b> SIZE=1` is `a@b`.
fn address_of(argument: &str) -> String {
    let inside = argument
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(argument, |(address, _)| address).to_owned()
}
