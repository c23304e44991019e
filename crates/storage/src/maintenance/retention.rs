//! Retention: rows that are older than their bucket keeps are hidden, and shards whose last instant is so old are dropped
//! whole. (InfluxDB goes on showing rows until their shard goes; here nobody sees data that should be gone.)

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Result;
use crate::memory::bucket::Bucket;
use crate::range::TimeRange;
use crate::request::DroppedShard;
use crate::segment::Segment;
use crate::store::Storage;
use crate::sync::{lock, read, write};

impl Storage {
    /// Hides from now on the rows that are older than their bucket keeps. They come back if it keeps more before their
    /// shard is dropped.
    pub fn hide_expired(&self, now: i64) {
        self.all_buckets()
            .iter()
            .for_each(|bucket| bucket.hide_expired(now));
    }

    /// Hides what has expired, and drops the shards that lie wholly beyond their bucket's retention. On disk rows may so
    /// outlive the retention by up to a shard (an hour if it is at most two days, else a day).
    pub fn enforce_retention(&self, now: i64) -> Result<Vec<DroppedShard>> {
        self.hide_expired(now);
        let _one_at_a_time = lock(&self.maintenance);
        let mut dropped = Vec::new();
        // Unsealed rows beyond the retention go with their shard, so they need one.
        if self
            .all_buckets()
            .iter()
            .any(|bucket| has_expired_rows(bucket, now))
        {
            self.seal_all()?;
        }
        for bucket in self.all_buckets() {
            if let Some(bound) = bucket.lower_bound(now) {
                self.drop_shards(&bucket, bound, &mut dropped)?;
            }
        }
        Ok(dropped)
    }

    fn drop_shards(
        &self,
        bucket: &Bucket,
        bound: i64,
        dropped: &mut Vec<DroppedShard>,
    ) -> Result<()> {
        let expired: Vec<Arc<Segment>> = {
            let mut state = write(&bucket.state);
            let (expired, kept) = std::mem::take(&mut state.segments)
                .into_iter()
                .partition(|segment: &Arc<Segment>| segment.origin.shard.stop <= bound);
            state.segments = kept;
            expired
        };
        if expired.is_empty() {
            return Ok(());
        }
        write(&bucket.state).prune_index();
        let mut shards: BTreeMap<(i64, i64), Vec<Arc<Segment>>> = BTreeMap::new();
        for segment in expired {
            let TimeRange { start, stop } = segment.origin.shard;
            shards.entry((start, stop)).or_default().push(segment);
        }
        for ((start, stop), segments) in shards {
            segments.iter().for_each(Segment::keep_if_shared);
            if let Some(folder) = segments.first().and_then(|segment| segment.path.parent()) {
                self.layout().discard_folder(self.disk(), folder)?;
            }
            dropped.push(DroppedShard {
                bucket: bucket.id,
                range: TimeRange::new(start, stop),
                bytes: segments.iter().map(|segment| segment.bytes).sum(),
            });
        }
        Ok(())
    }
}

/// Whether rows in memory are older than their bucket keeps.
fn has_expired_rows(bucket: &Bucket, now: i64) -> bool {
    let state = read(&bucket.state);
    let oldest = state.active.range().map(|range| range.start);
    bucket
        .lower_bound(now)
        .zip(oldest)
        .is_some_and(|(bound, oldest)| oldest < bound)
}
