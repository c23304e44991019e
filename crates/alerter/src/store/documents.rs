//! Notes, boards and preferences of the page, where the server does not keep them.
//!
//! They have a file of their own: what people write there waits for no evaluation and no message, and
//! these do not wait for it.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use serde_json::Value;

use super::{StoreError, keep_private, read, write};

/// What is kept. Each has a table of its own.
pub const COLLECTIONS: [&str; 3] = ["boards", "notes", "preferences"];
/// Documents of a collection: notes of a year, several an hour.
pub const COUNT_LIMIT: u64 = 20_000;
/// Bytes of a document: a board of 24 charts with 50 hosts each.
pub const SIZE_LIMIT: usize = 256 * 1024;
/// Bytes of a name.
pub const NAME_LIMIT: usize = 256;
/// Bytes of one answer.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// The file.
#[derive(Debug)]
pub struct Documents(Database);

#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("there is no collection {0:?}: it is one of boards, notes, preferences")]
    Collection(String),
    #[error("the name of a document has 1 to {NAME_LIMIT} bytes")]
    Name,
    #[error("a document has at most {SIZE_LIMIT} bytes")]
    Size,
    #[error("{collection} has {COUNT_LIMIT} documents, which is all there may be: remove some")]
    Full { collection: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T> = std::result::Result<T, DocumentError>;

impl Documents {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> std::result::Result<Documents, StoreError> {
        let refuse = |reason: String| StoreError::Open {
            path: path.display().to_string(),
            reason,
        };
        let keep_private = || keep_private(path).map_err(|error| refuse(error.to_string()));
        keep_private()?;
        let database = Database::create(path).map_err(|error| refuse(error.to_string()))?;
        keep_private()?;
        let transaction = database.begin_write().map_err(write)?;
        for collection in COLLECTIONS {
            transaction.open_table(table(collection)).map_err(write)?;
        }
        transaction.commit().map_err(write)?;
        Ok(Documents(database))
    }

    /// The documents whose names lie in `[from, to)`, by name; an empty end is none. Of more than an answer
    /// holds, the last.
    ///
    /// # Errors
    /// There is no such collection, or the file cannot be read.
    pub fn list(&self, collection: &str, from: &str, to: &str) -> Result<Vec<(String, Value)>> {
        let transaction = self.0.begin_read().map_err(read)?;
        let table = transaction.open_table(table(known(collection)?));
        let table = table.map_err(read)?;
        if !to.is_empty() && from >= to {
            return Ok(Vec::new());
        }
        let range = match to {
            "" => table.range(from..),
            to => table.range(from..to),
        };
        let (mut found, mut size) = (Vec::new(), 0);
        for entry in range.map_err(read)?.rev() {
            let (name, document) = entry.map_err(read)?;
            size += document.value().len();
            if size > ANSWER_LIMIT {
                break;
            }
            // One bad record must not cost the others.
            if let Ok(document) = serde_json::from_slice(document.value()) {
                found.push((name.value().to_owned(), document));
            }
        }
        found.reverse();
        Ok(found)
    }

    /// Keeps a document under a name, instead of what it was before.
    ///
    /// # Errors
    /// There is no such collection, it is full, name or document are too long, or the file cannot be
    /// written.
    pub fn put(&self, collection: &str, name: &str, document: &Value) -> Result<()> {
        let definition = table(known(collection)?);
        if name.is_empty() || name.len() > NAME_LIMIT {
            return Err(DocumentError::Name);
        }
        let bytes = super::encode(document);
        if bytes.len() > SIZE_LIMIT {
            return Err(DocumentError::Size);
        }
        let transaction = self.0.begin_write().map_err(write)?;
        {
            let mut table = transaction.open_table(definition).map_err(write)?;
            let is_new = table.get(name).map_err(read)?.is_none();
            if is_new && table.len().map_err(read)? >= COUNT_LIMIT {
                let collection = collection.to_owned();
                return Err(DocumentError::Full { collection });
            }
            table.insert(name, bytes.as_slice()).map_err(write)?;
        }
        Ok(transaction.commit().map_err(write)?)
    }

    /// Removes a document; false if there was none.
    ///
    /// # Errors
    /// There is no such collection, or the file cannot be written.
    pub fn remove(&self, collection: &str, name: &str) -> Result<bool> {
        let definition = table(known(collection)?);
        let transaction = self.0.begin_write().map_err(write)?;
        let was_there = {
            let mut table = transaction.open_table(definition).map_err(write)?;
            table.remove(name).map_err(write)?.is_some()
        };
        transaction.commit().map_err(write)?;
        Ok(was_there)
    }
}

fn known(collection: &str) -> Result<&'static str> {
    let found = COLLECTIONS.into_iter().find(|name| *name == collection);
    found.ok_or_else(|| DocumentError::Collection(collection.to_owned()))
}

fn table(collection: &'static str) -> TableDefinition<'static, &'static str, &'static [u8]> {
    TableDefinition::new(collection)
}
