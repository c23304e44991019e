//! The end of a writer: everything to disk, so that it is safe, and to the server as far as time allows.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::delivery::Verdict;
use super::pace::{Pace, PaceSettings};
use super::{Sending, Writer, finished};

/// What the disk gets beyond the drain's bound to save what the server did not take.
const LAST_SAVE: Duration = Duration::from_secs(1);

impl Writer {
    /// Drains within its bound. A server that fails once is not tried again if the disk has it all.
    pub(super) async fn drain(&mut self, mut sending: Option<Sending>) {
        // Whatever there is, without waiting for its time.
        self.pace = Pace::new(PaceSettings {
            flush_interval: Duration::ZERO,
            flush_jitter: Duration::ZERO,
            backlog_rate: u32::MAX,
            ..self.settings.pace.clone()
        });
        let deadline = Instant::now() + self.settings.drain_timeout;
        let mut failed = false;
        while Instant::now() < deadline {
            let given_up = failed && self.parts.buffer.fill().memory_lines == 0;
            if sending.is_none() && !given_up {
                sending = self.begin();
            }
            self.employ_disk(true);
            if sending.is_none() && (given_up || !self.has_more()) && self.disk.is_idle() {
                break;
            }
            let wake = if given_up {
                deadline
            } else {
                Instant::from(self.start + self.wake(sending.is_some())).min(deadline)
            };
            tokio::select! {
                (report, took) = finished(&mut sending) => {
                    sending = None;
                    failed |= report.verdict != Verdict::Complete;
                    self.finish(report, took);
                }
                ended = self.disk.ended() => self.disk_ended(ended),
                () = tokio::time::sleep_until(wake) => {}
            }
        }
        drop(sending);
        self.save_the_rest().await;
        self.account();
        self.parts.journal.ended(self.parts.buffer.fill());
    }

    fn has_more(&self) -> bool {
        let pending = self.pending();
        pending.oldest_fresh.is_some() || pending.backlog
    }

    /// What was being written when time was up, and what the disk did not take yet.
    async fn save_the_rest(&mut self) {
        if let Some(delivery) = self.in_flight.take() {
            let remaining = Arc::clone(&delivery.batch);
            self.parts.buffer.failed(delivery, &remaining);
        }
        let deadline = Instant::now() + LAST_SAVE;
        loop {
            self.employ_disk(true);
            if self.disk.is_idle() {
                return;
            }
            match tokio::time::timeout_at(deadline, self.disk.ended()).await {
                Ok(ended) => self.disk_ended(ended),
                Err(_) => return,
            }
        }
    }
}
