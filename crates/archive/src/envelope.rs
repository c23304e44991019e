//! Encryption: every object is an age file (<https://age-encryption.org/v1>) for the recipients of the configuration.
//! The host knows public keys alone, so one who steals it reads no copy.
//!
//! Inside stands a line of JSON that says what the object is and of which platform, so that none can be put in the place
//! of another; then the content. age authenticates every 64 KiB and the end.

use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::str::FromStr;

use age::x25519;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Longest title read.
const TITLE_BYTES: usize = 64 * 1024;

/// Largest identity file read.
const IDENTITY_BYTES: u64 = 64 * 1024;

/// What an object says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Title {
    /// Of which platform.
    pub platform: String,
    /// `segment`, `snapshot` or `log`.
    pub kind: String,
    /// By what it is found: of a segment its id, of a part of the log its chain and place, of a snapshot its time.
    pub name: String,
}

/// For whom objects are encrypted.
#[derive(Clone)]
pub struct Recipients(Vec<x25519::Recipient>);

/// Keys that open objects.
pub struct Identities {
    keys: Vec<x25519::Identity>,
    /// Where they come from, for messages.
    source: String,
}

impl Recipients {
    /// Reads public keys, `age1…`.
    ///
    /// # Errors
    /// There is none, or one is none.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self> {
        let keys = texts.into_iter().map(|text| {
            x25519::Recipient::from_str(text.trim()).map_err(|reason| {
                Error::Refused(format!(
                    "{text:?} is no age recipient ({reason}); it begins with age1, as `watchpost-archive new-key` prints it"
                ))
            })
        });
        let keys: Vec<_> = keys.collect::<Result<_>>()?;
        match keys.is_empty() {
            true => Err(Error::Refused(
                "no recipient: copies are always encrypted; make a key with `watchpost-archive new-key`".to_owned(),
            )),
            false => Ok(Self(keys)),
        }
    }

    /// Begins an object: what is written to the stream is encrypted into the target. It is whole once it was finished.
    ///
    /// # Errors
    /// Of the target.
    pub fn begin<W: Write>(
        &self,
        title: &Title,
        target: W,
    ) -> std::io::Result<age::stream::StreamWriter<W>> {
        let recipients = self.0.iter().map(|key| key as &dyn age::Recipient);
        let encryptor =
            age::Encryptor::with_recipients(recipients).map_err(std::io::Error::other)?;
        let mut stream = encryptor.wrap_output(target)?;
        let mut line = serde_json::to_vec(title)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        Ok(stream)
    }

    /// Encrypts bytes.
    ///
    /// # Errors
    /// None that memory gives.
    pub fn seal_bytes(&self, title: &Title, content: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = self.begin(title, Vec::with_capacity(content.len() + 1_024))?;
        stream.write_all(content)?;
        stream.finish()
    }
}

impl Identities {
    /// Reads private keys, `AGE-SECRET-KEY-1…`, a line each, as age's own tool writes them.
    ///
    /// # Errors
    /// The file cannot be read or holds none.
    pub fn from_file(path: &Path) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(|error| Error::file(path, error))?;
        let mut text = String::new();
        file.take(IDENTITY_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| Error::file(path, error))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads private keys from a text.
    ///
    /// # Errors
    /// It holds none, or something else.
    pub fn parse(text: &str, source: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(|line| {
            x25519::Identity::from_str(line).map_err(|reason| {
                Error::Refused(format!("{source}: a line is no age identity ({reason})"))
            })
        });
        let keys: Vec<_> = keys.collect::<Result<_>>()?;
        match keys.is_empty() {
            true => Err(Error::Refused(format!("{source} holds no age identity"))),
            false => Ok(Self {
                keys,
                source: source.to_owned(),
            }),
        }
    }

    /// Decrypts an object: its content after the title, which has to be the expected one.
    ///
    /// # Errors
    /// No key opens it, it is damaged, or it is another object.
    pub fn open<R: Read>(&self, object: &str, expected: &Title, sealed: R) -> Result<Opened<R>> {
        let decryptor = age::Decryptor::new_buffered(BufReader::new(sealed))
            .map_err(|error| Error::damaged(object, error.to_string()))?;
        let identities = self.keys.iter().map(|key| key as &dyn age::Identity);
        let stream = decryptor.decrypt(identities).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => Error::WrongKey {
                identities: self.source.clone(),
                object: object.to_owned(),
            },
            error => Error::damaged(object, error.to_string()),
        })?;
        let mut stream = BufReader::new(stream);
        let title = read_title(object, &mut stream)?;
        if title.platform != expected.platform {
            return Err(Error::OtherPlatform {
                to: object.to_owned(),
                found: title.platform,
                own: expected.platform.clone(),
            });
        }
        if title != *expected {
            let reason = format!(
                "it is the {} {}, put in another's place",
                title.kind, title.name
            );
            return Err(Error::damaged(object, reason));
        }
        Ok(Opened(stream))
    }

    /// Decrypts an object in memory.
    ///
    /// # Errors
    /// As [`Identities::open`].
    pub fn open_bytes(&self, object: &str, expected: &Title, sealed: &[u8]) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        self.open(object, expected, sealed)?
            .read_to_end(&mut content)
            .map_err(|error| Error::damaged(object, error.to_string()))?;
        Ok(content)
    }
}

/// The content of an object.
pub struct Opened<R: Read>(BufReader<age::stream::StreamReader<BufReader<R>>>);

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

fn read_title(object: &str, stream: &mut impl std::io::BufRead) -> Result<Title> {
    let mut line = Vec::new();
    std::io::BufRead::read_until(&mut stream.take(TITLE_BYTES as u64), b'\n', &mut line)
        .map_err(|error| Error::damaged(object, error.to_string()))?;
    serde_json::from_slice(&line)
        .map_err(|error| Error::damaged(object, format!("it has no title: {error}")))
}

/// A new key: the private half as a file of age's own tool has it, and the public one.
pub fn new_key() -> (String, String) {
    use age::secrecy::ExposeSecret as _;
    let identity = x25519::Identity::generate();
    let public = identity.to_public().to_string();
    let text = format!(
        "# public key: {public}\n{}\n",
        identity.to_string().expose_secret()
    );
    (text, public)
}
