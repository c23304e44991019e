//! What VictoriaMetrics acknowledged a moment ago: it answers before it has written to its disk, and a crash
//! within some ten seconds loses what it acknowledged. So it is kept until then, and sent again when the
//! server went away meanwhile: once, and with the same values, which change nothing where they are stored.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use watchpost_client::Kind;

use crate::batch::Batch;

/// How long: points were lost by a crash 9 s after their acknowledgement, and not 10 s after it.
const LENGTH: Duration = Duration::from_secs(15);
/// Most bytes of it: fifteen seconds of catching up at full rate.
const BYTES: usize = 8 * 1024 * 1024;

/// Batches that may not be on the server's disk yet. `now` is the time since the start of the process.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    applies: bool,
    batches: VecDeque<(Duration, Arc<Batch>)>,
    bytes: usize,
}

impl Kept {
    /// Of servers of other kinds an acknowledgement means "on disk".
    pub(crate) fn of(kind: Kind) -> Kept {
        Kept {
            applies: kind == Kind::VictoriaMetrics,
            ..Kept::default()
        }
    }

    /// The server acknowledged a batch.
    pub(crate) fn acknowledged(&mut self, batch: &Arc<Batch>, now: Duration) {
        if !self.applies {
            return;
        }
        self.bytes += batch.bytes();
        self.batches.push_back((now, Arc::clone(batch)));
        self.forget(now);
    }

    /// The server went away: what it may have lost.
    pub(crate) fn lost(&mut self, now: Duration) -> Vec<Arc<Batch>> {
        self.forget(now);
        self.bytes = 0;
        let batches = std::mem::take(&mut self.batches);
        batches.into_iter().map(|(_, batch)| batch).collect()
    }

    fn forget(&mut self, now: Duration) {
        while let Some((at, batch)) = self.batches.front()
            && (now.saturating_sub(*at) > LENGTH || self.bytes > BYTES)
        {
            self.bytes -= batch.bytes();
            self.batches.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn batch(text: &str) -> Arc<Batch> {
        Arc::new(Batch::new(text.to_owned()))
    }

    #[test]
    fn what_was_acknowledged_within_the_last_seconds_is_given_back_once() {
        let mut kept = Kept::of(Kind::VictoriaMetrics);
        for (time, text) in [(0, "a v=1 1\n"), (10, "a v=2 2\n"), (20, "a v=3 3\n")] {
            kept.acknowledged(&batch(text), second(time));
        }
        let texts = |batches: Vec<Arc<Batch>>| -> String {
            batches.iter().map(|batch| batch.text()).collect()
        };
        assert_eq!(texts(kept.lost(second(22))), "a v=2 2\na v=3 3\n");
        assert_eq!(texts(kept.lost(second(22))), "");
    }

    #[test]
    fn of_servers_that_acknowledge_what_is_on_disk_nothing_is_kept() {
        let mut kept = Kept::of(Kind::InfluxDb2);
        kept.acknowledged(&batch("a v=1 1\n"), second(0));
        assert!(kept.lost(second(1)).is_empty());
    }

    #[test]
    fn it_is_bounded() {
        let mut kept = Kept::of(Kind::VictoriaMetrics);
        let large = batch(&"x".repeat(BYTES / 4));
        for _ in 0..40 {
            kept.acknowledged(&large, second(0));
        }
        assert!(kept.lost(second(0)).len() <= 4);
    }
}
