//! What was read lately of sealed blocks: their headers, and their times once somebody needed them. A dashboard asks for
//! the same blocks again and again, and reading a header with forty fields costs more than decoding one of them.

use std::sync::{Arc, Mutex, OnceLock};

use hashbrown::HashMap;

use crate::segment::block::{BlockHeader, FieldHeader};
use crate::sync::lock;

/// Most bytes of a bucket's cache. A block of an hour and forty fields takes 10 KB: this is a day of a hundred hosts.
/// What is older is read from its file, as everything is after a start.
const MAX_BYTES: usize = 32 << 20;

/// A block as far as it was read. Immutable, like the file that it comes from.
#[derive(Debug)]
pub(crate) struct OpenBlock {
    pub(crate) header: BlockHeader,
    pub(crate) times: OnceLock<Arc<Vec<i64>>>,
}

/// Which block: the number of its open segment, and its offset there.
pub(crate) type BlockId = (u64, u64);

/// The cache of a bucket. Entries of segments that are gone age away: their numbers are never used again.
#[derive(Debug, Default)]
pub(crate) struct BlockCache(Mutex<Ages>);

/// Two ages: whatever was not asked for while the young ones filled half of the cache goes.
#[derive(Debug, Default)]
struct Ages {
    young: HashMap<BlockId, Arc<OpenBlock>>,
    old: HashMap<BlockId, Arc<OpenBlock>>,
    young_bytes: usize,
}

impl OpenBlock {
    pub(crate) fn new(header: BlockHeader) -> Self {
        Self {
            header,
            times: OnceLock::new(),
        }
    }

    /// Bytes in memory, the times counted as if they were decoded.
    fn bytes(&self) -> usize {
        let name = |field: &FieldHeader| size_of::<FieldHeader>() + field.name.len();
        let fields: usize = self.header.fields.iter().map(name).sum();
        size_of::<Self>() + fields + self.header.rows * size_of::<i64>()
    }
}

impl BlockCache {
    pub(crate) fn get(&self, id: BlockId) -> Option<Arc<OpenBlock>> {
        let mut ages = lock(&self.0);
        if let Some(block) = ages.young.get(&id) {
            return Some(Arc::clone(block));
        }
        let block = ages.old.remove(&id)?;
        ages.put(id, &block);
        Some(block)
    }

    pub(crate) fn put(&self, id: BlockId, block: &Arc<OpenBlock>) {
        lock(&self.0).put(id, block);
    }
}

impl Ages {
    fn put(&mut self, id: BlockId, block: &Arc<OpenBlock>) {
        let bytes = block.bytes();
        if self.young_bytes + bytes > MAX_BYTES / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(id, Arc::clone(block));
    }
}
