//! Blocks of a series that overlap in time: their rows have to be merged, those of others follow each other.

use crate::range::TimeRange;
use crate::read::reader::BlockSource;

/// Blocks whose times overlap, and the hot rows around them.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) blocks: Vec<usize>,
    /// Hot rows with these times belong here.
    pub(super) hot: TimeRange,
}

/// Groups blocks whose times overlap; hot rows go to the group before or around them.
pub(super) fn clusters_of(blocks: &[BlockSource]) -> Vec<Cluster> {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|number| blocks[*number].place.first);
    let mut clusters: Vec<Cluster> = Vec::new();
    let mut last = i64::MIN;
    for number in order {
        let place = &blocks[number].place;
        match clusters.last_mut() {
            Some(cluster) if place.first <= last => cluster.blocks.push(number),
            Some(cluster) => {
                cluster.hot.stop = place.first;
                clusters.push(Cluster {
                    blocks: vec![number],
                    hot: TimeRange::new(place.first, i64::MAX),
                });
            }
            None => clusters.push(Cluster {
                blocks: vec![number],
                hot: TimeRange::ALL,
            }),
        }
        last = last.max(place.last);
    }
    for cluster in &mut clusters {
        cluster.blocks.sort_unstable();
    }
    if clusters.is_empty() {
        clusters.push(Cluster {
            blocks: Vec::new(),
            hot: TimeRange::ALL,
        });
    }
    clusters
}
