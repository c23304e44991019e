//! Writing batches of a dataset. Operation `n` is batch `n`.

use std::sync::Arc;

use crate::data::{Dataset, Ledger};
use crate::load::{Failure, Job};
use crate::target::Target;

/// Which time the batches are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// The first: every line.
    First,
    /// The second: the lines that are rewritten, with new values.
    Rewrite,
}

/// Writes batches and notes what became of each.
pub struct WriteJob {
    /// Where to.
    pub target: Arc<Target>,
    /// What.
    pub dataset: Arc<Dataset>,
    /// The states of the batches of this pass.
    pub ledger: Arc<Ledger>,
    /// Which pass.
    pub pass: Pass,
}

impl Job for WriteJob {
    type Input = (Vec<u8>, u64);

    fn prepare(&self, number: u64) -> Self::Input {
        let mut body = Vec::new();
        let lines = match self.pass {
            Pass::First => self.dataset.append_batch(number, &mut body),
            Pass::Rewrite => self.dataset.append_rewrites(number, &mut body),
        };
        (body, lines)
    }

    async fn perform(&self, number: u64, (body, lines): &Self::Input) -> Result<u64, Failure> {
        self.ledger.sent(number);
        if !body.is_empty() {
            self.target.write(self.dataset.precision(), body).await?;
        }
        self.ledger.acknowledged(number);
        Ok(*lines)
    }
}
