//! Asking the queries of a mix. Answers are read to their end, as a browser would.

use std::sync::Arc;

use crate::data::{Dataset, Ledger};
use crate::load::{Failure, Job};
use crate::query::Mix;
use crate::target::Target;

/// Asks queries over the data written so far.
pub struct QueryJob {
    /// Whom.
    pub target: Arc<Target>,
    /// The data asked about.
    pub dataset: Arc<Dataset>,
    /// How far it has been written.
    pub ledger: Arc<Ledger>,
    /// The queries.
    pub mix: Mix,
}

impl Job for QueryJob {
    type Input = String;

    fn prepare(&self, number: u64) -> String {
        let (_, end) = self.dataset.time_range(self.ledger.end());
        self.mix
            .text(number, self.target.bucket(), &self.dataset, end - 1)
    }

    async fn perform(&self, _number: u64, text: &String) -> Result<u64, Failure> {
        self.target.drain_query(text).await
    }

    fn label(&self, number: u64) -> usize {
        self.mix.choice(number)
    }
}
