//! The place of the copies: objects are added, read back and compared, listed, and removed; never changed.
//!
//! `object_store` carries S3 and what speaks it, GCS, Azure and folders, with `ring` (its default would bring a second
//! cryptography library written in C). Its conditional put (`If-None-Match: *`, a hard link in a folder) is what keeps two
//! writers apart.

mod limiter;
mod place;

use std::io::{Read, Write};
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, WriteMultipart,
};
use ring::digest;
use watchpost_core::causes::with_causes;

pub use self::limiter::Limiter;
pub use self::place::{Access, open};
use crate::error::{Error, Result};
use crate::layout::{hexadecimal, sha256, sha256_of};

/// Objects up to this size are sent in one request; larger ones in parts of the same size, some of them at once.
const PART_BYTES: usize = 8 << 20;

/// Parts under way at once: what an upload holds in memory.
const PARTS: usize = 2;

/// Largest object that is read into memory: a snapshot's list, a part of the log. Both are far smaller.
const OBJECT_BYTES: u64 = 256 << 20;

/// Objects below a prefix.
#[derive(Clone)]
pub struct Vault {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// As the configuration names it, for messages.
    to: Arc<str>,
    limiter: Arc<Limiter>,
}

/// What a conditional put met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// It is there now, and was not before (or these very bytes were).
    Stored,
    /// Something else was there before.
    Taken(Bytes),
}

impl Vault {
    /// The objects of a store below a prefix. `to` is how people know it.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path, to: &str, limiter: Limiter) -> Self {
        Self {
            store,
            prefix,
            to: to.into(),
            limiter: Arc::new(limiter),
        }
    }

    /// How people know it.
    pub fn name(&self) -> &str {
        &self.to
    }

    fn path(&self, name: &str) -> Path {
        let parts = name.split('/');
        parts.fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn failed(&self, name: &str, error: object_store::Error) -> Error {
        Error::Store {
            to: format!("{}/{name}", self.to),
            message: with_causes(error.to_string(), &error),
        }
    }

    /// Adds an object, unless there is one of that name.
    pub async fn put_new(&self, name: &str, bytes: impl Into<Bytes>) -> Result<Put> {
        let bytes: Bytes = bytes.into();
        self.limiter.take(bytes.len()).await;
        let options = PutOptions::from(PutMode::Create);
        let payload = PutPayload::from_bytes(bytes.clone());
        match self
            .store
            .put_opts(&self.path(name), payload, options)
            .await
        {
            Ok(_) => Ok(Put::Stored),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => {
                // An answer that got lost makes the second try find its own first.
                match self.get(name).await? {
                    Some(found) if found == bytes => Ok(Put::Stored),
                    Some(found) => Ok(Put::Taken(found)),
                    None => Err(Error::Store {
                        to: format!("{}/{name}", self.to),
                        message: "it is there and not there; try again".to_owned(),
                    }),
                }
            }
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// Adds an object that its name has the SHA-256 of, and reads it back.
    pub async fn put_checked(&self, name: &str, bytes: Bytes) -> Result<()> {
        match self.put_new(name, bytes).await? {
            Put::Stored => self.get_checked(name).await.map(drop),
            Put::Taken(_) => Err(Error::damaged(name, "it is there already with other bytes")),
        }
    }

    /// Adds an object from a file, in parts if it is large, and reads it back.
    pub async fn put_file(&self, name: &str, file: &FilePath) -> Result<u64> {
        let opened = std::fs::File::open(file).map_err(|error| Error::file(file, error))?;
        let mut source = opened;
        let mut part = read_part(&mut source).map_err(|error| Error::file(file, error))?;
        let mut bytes = part.len() as u64;
        if part.len() < PART_BYTES {
            self.put_checked(name, part).await?;
            return Ok(bytes);
        }
        let path = self.path(name);
        let upload = self.store.put_multipart(&path).await;
        let upload = upload.map_err(|error| self.failed(name, error))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        while !part.is_empty() {
            self.limiter.take(part.len()).await;
            if let Err(error) = upload.wait_for_capacity(PARTS).await {
                let _ = upload.abort().await;
                return Err(self.failed(name, error));
            }
            upload.put(part);
            part = read_part(&mut source).map_err(|error| Error::file(file, error))?;
            bytes += part.len() as u64;
        }
        let finished = upload.finish().await;
        finished.map_err(|error| self.failed(name, error))?;
        self.fetch_checked(name, &mut std::io::sink()).await?;
        Ok(bytes)
    }

    /// An object; `None` if there is none.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let found = match self.store.get(&self.path(name)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(|error| self.failed(name, error))?,
        };
        if found.meta.size > OBJECT_BYTES {
            return Err(Error::damaged(
                name,
                "it is larger than any that was written",
            ));
        }
        let bytes = found.bytes().await;
        bytes.map(Some).map_err(|error| self.failed(name, error))
    }

    /// Whether there is an object.
    pub async fn holds(&self, name: &str) -> Result<bool> {
        match self.store.head(&self.path(name)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// An object, compared with the SHA-256 in its name.
    pub async fn get_checked(&self, name: &str) -> Result<Bytes> {
        let bytes = self.get(name).await?;
        let bytes = bytes.ok_or_else(|| Error::damaged(name, "it is missing"))?;
        match sha256_of(name) == Some(&sha256(&bytes)) {
            true => Ok(bytes),
            false => Err(Error::damaged(name, NOT_AS_NAMED)),
        }
    }

    /// Copies an object, compared with the SHA-256 in its name; gives its bytes.
    pub async fn fetch_checked(&self, name: &str, target: &mut (dyn Write + Send)) -> Result<u64> {
        let found = match self.store.get(&self.path(name)).await {
            Err(object_store::Error::NotFound { .. }) => {
                return Err(Error::damaged(name, "it is missing"));
            }
            found => found.map_err(|error| self.failed(name, error))?,
        };
        let mut stream = found.into_stream();
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut bytes = 0;
        while let Some(part) = stream.next().await {
            let part = part.map_err(|error| self.failed(name, error))?;
            hash.update(&part);
            bytes += part.len() as u64;
            target
                .write_all(&part)
                .map_err(|error| Error::file(FilePath::new(name), error))?;
        }
        match sha256_of(name) == Some(&hexadecimal(hash.finish().as_ref())) {
            true => Ok(bytes),
            false => Err(Error::damaged(name, NOT_AS_NAMED)),
        }
    }

    /// The names and sizes of the objects in a folder, sorted.
    pub async fn list(&self, folder: &str) -> Result<Vec<(String, u64)>> {
        let prefix = match folder {
            "" => self.prefix.clone(),
            folder => self.path(folder),
        };
        let listed = self.store.list(Some(&prefix)).try_collect::<Vec<_>>().await;
        let listed = listed.map_err(|error| self.failed(folder, error))?;
        let skip = self.prefix.as_ref().len() + usize::from(!self.prefix.as_ref().is_empty());
        let named = listed.into_iter().filter_map(|object| {
            Some((
                object.location.as_ref().get(skip..)?.to_owned(),
                object.size,
            ))
        });
        let mut names: Vec<_> = named.collect();
        names.sort();
        Ok(names)
    }

    /// Removes an object; one that is gone is as good.
    pub async fn remove(&self, name: &str) -> Result<()> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(name, error)),
        }
    }
}

const NOT_AS_NAMED: &str = "its bytes are not those that its name has the SHA-256 of";

fn read_part(source: &mut impl Read) -> std::io::Result<Bytes> {
    let mut part = Vec::new();
    source.take(PART_BYTES as u64).read_to_end(&mut part)?;
    Ok(part.into())
}
