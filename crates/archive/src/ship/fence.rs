//! One writer at a time: each puts an object with the next number before it writes anything, and none can put the same
//! one twice. Who sees a higher number than its own writes no more.

use crate::error::{Error, Result};
use crate::layout::{PLATFORM, Platform, VERSION, WRITERS, Writer, writer_name, writer_of};
use crate::vault::{Put, Vault};

/// How often one races for the next number.
const ATTEMPTS: usize = 5;

/// The right to write below a prefix.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The writer's number.
    pub number: u64,
}

/// Takes the prefix for a platform. One that `writer.holder` does not hold already is taken only if `take_over` says so.
///
/// # Errors
/// Another platform's copies or other things are there, or another process writes.
pub async fn claim(
    vault: &Vault,
    platform: &str,
    writer: &Writer,
    take_over: bool,
) -> Result<Claim> {
    claim_platform(vault, platform).await?;
    for _ in 0..ATTEMPTS {
        let newest = newest(vault).await?;
        if let Some((_, other)) = &newest
            && other.holder != writer.holder
            && !take_over
        {
            return Err(Error::Held {
                to: vault.name().to_owned(),
                holder: other.host.clone(),
                since: other.since.clone(),
            });
        }
        let number = newest.map_or(1, |(number, _)| number + 1);
        let content = json(writer)?;
        if vault.put_new(&writer_name(number), content).await? == Put::Stored {
            return Ok(Claim { number });
        }
    }
    Err(Error::Refused(format!(
        "{}: others took every number that was tried; start again",
        vault.name()
    )))
}

impl Claim {
    /// Fails if another writer came.
    ///
    /// # Errors
    /// [`Error::Fenced`], or the store does not answer.
    pub async fn check(&self, vault: &Vault) -> Result<()> {
        if !vault.holds(&writer_name(self.number + 1)).await? {
            return Ok(());
        }
        let other = newest(vault).await?.map(|(_, other)| other);
        let (holder, since) = other.map_or_else(
            || ("another process".to_owned(), "some time".to_owned()),
            |other| (other.host, other.since),
        );
        Err(Error::Fenced {
            to: vault.name().to_owned(),
            holder,
            since,
        })
    }
}

async fn claim_platform(vault: &Vault, platform: &str) -> Result<()> {
    let own = Platform {
        version: VERSION,
        platform: platform.to_owned(),
    };
    if vault.get(PLATFORM).await?.is_none() {
        let others = vault.list("").await?;
        if let Some((name, _)) = others.first() {
            return Err(Error::InUse {
                to: vault.name().to_owned(),
                found: name.clone(),
            });
        }
    }
    match vault.put_new(PLATFORM, json(&own)?).await? {
        Put::Stored => Ok(()),
        Put::Taken(found) => check_platform(vault, &found, platform),
    }
}

fn check_platform(vault: &Vault, found: &[u8], own: &str) -> Result<()> {
    let found = read_platform(found)?;
    match found.platform == own {
        true => Ok(()),
        false => Err(Error::OtherPlatform {
            to: vault.name().to_owned(),
            found: found.platform,
            own: own.to_owned(),
        }),
    }
}

/// Reads [`PLATFORM`].
///
/// # Errors
/// It is damaged, or of a later version.
pub fn read_platform(content: &[u8]) -> Result<Platform> {
    let found: Platform = serde_json::from_slice(content)
        .map_err(|error| Error::damaged(PLATFORM, error.to_string()))?;
    match found.version {
        VERSION => Ok(found),
        version => Err(Error::Refused(format!(
            "{PLATFORM} is of version {version}, this program knows {VERSION}; use the program that wrote it"
        ))),
    }
}

async fn newest(vault: &Vault) -> Result<Option<(u64, Writer)>> {
    let listed = vault.list(WRITERS).await?;
    let numbers = listed.iter().filter_map(|(name, _)| writer_of(name));
    let Some(number) = numbers.max() else {
        return Ok(None);
    };
    let name = writer_name(number);
    let content = vault.get(&name).await?.unwrap_or_default();
    let writer = serde_json::from_slice(&content)
        .map_err(|error| Error::damaged(name, error.to_string()))?;
    Ok(Some((number, writer)))
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::Refused(error.to_string()))
}
