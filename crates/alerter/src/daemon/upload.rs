//! Carries events from the store to `alerts_history`. What the server does not take now is
//! offered again; every event has its own timestamp, so offering twice does no harm.

use std::sync::Arc;
use std::time::Duration;

use watchpost_client::Client;
use watchpost_client::write::{Outcome, Precision};
use watchpost_core::line_protocol::append_point;
use watchpost_service::shutdown::Shutdown;

use super::desk::Desk;
use crate::config::AlerterConfig;
use crate::store::Store;
use crate::trouble::Component;

/// Events of one request.
const BATCH: usize = 1_000;
/// Time between looks at the store, and the pause after a failure.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(15);

pub(super) fn start(
    config: &AlerterConfig,
    client: Client,
    store: Arc<Store>,
    desk: Desk,
    shutdown: &Shutdown,
) {
    // Where texts are not kept, the history is what the store has.
    if !config.history.enabled || !client.config().kind.keeps_text() {
        return;
    }
    let bucket = config.history.bucket.clone();
    let stop = shutdown.clone();
    shutdown.spawn(async move {
        // Until the first success: an earlier process may have left an alert.
        let mut failing = true;
        let mut pause = PAUSE;
        while stop
            .unless_requested(tokio::time::sleep(pause))
            .await
            .is_some()
        {
            let result = upload(&client, &store, &bucket).await;
            pause = if result.is_ok() {
                PAUSE
            } else {
                PAUSE_AFTER_FAILURE
            };
            if failing || result.is_err() {
                failing = result.is_err();
                let error = result.err();
                let tell = desk.ask(move |alerting, _, now| {
                    alerting.trouble(Component::History, error, now);
                });
                drop(tell.await);
            }
        }
        // What happened last is offered once more before the process ends.
        let _ = upload(&client, &store, &bucket).await;
    });
}

/// Uploads everything there is.
async fn upload(client: &Client, store: &Arc<Store>, bucket: &str) -> Result<(), String> {
    loop {
        let source = Arc::clone(store);
        let read = tokio::task::spawn_blocking(move || source.events_to_upload(BATCH)).await;
        let events = read
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        let Some((last, _)) = events.last() else {
            return Ok(());
        };
        let last = *last;
        let mut lines = Vec::new();
        for (sequence, event) in &events {
            if let Err(error) = append_point(&mut lines, &event.point(*sequence)) {
                tracing::error!(%error, "an event cannot be written as line protocol");
            }
            if lines.last().is_some_and(|byte| *byte != b'\n') {
                lines.push(b'\n');
            }
        }
        match client.write(bucket, Precision::Nanoseconds, &lines).await {
            Outcome::Done => {}
            Outcome::RejectedLines(rejection) => {
                tracing::error!(?rejection, "the server refused some events");
            }
            Outcome::RetryAfter { message, .. } | Outcome::Split { message } => {
                return Err(message);
            }
            Outcome::Refused {
                status, message, ..
            } => return Err(format!("{status}: {message}")),
        }
        store
            .mark_uploaded(last)
            .map_err(|error| error.to_string())?;
    }
}
