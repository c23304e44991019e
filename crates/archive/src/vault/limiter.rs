//! A limit on the bytes sent in a second, so that copies do not take the network from what writes.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// So many bytes a second; a second's worth may be sent at once.
#[derive(Debug)]
pub struct Limiter {
    /// `None`: no limit.
    rate: Option<f64>,
    /// When all that was taken is through.
    through: Mutex<Option<Instant>>,
}

impl Limiter {
    /// Bytes a second; 0: no limit.
    pub fn new(bytes_per_second: u64) -> Self {
        Self {
            rate: (bytes_per_second > 0).then_some(bytes_per_second as f64),
            through: Mutex::new(None),
        }
    }

    /// Waits until so many bytes may be sent.
    pub async fn take(&self, bytes: usize) {
        let Some(rate) = self.rate else { return };
        let mut through = self.through.lock().await;
        let now = Instant::now();
        let from = through.map_or(now, |through| through.max(now));
        let until = from + Duration::from_secs_f64(bytes as f64 / rate);
        *through = Some(until);
        drop(through);
        tokio::time::sleep_until(from.checked_sub(Duration::from_secs(1)).unwrap_or(now)).await;
    }
}
