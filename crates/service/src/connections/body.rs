//! Bodies: a request's has to come at a rate, the end of an answer's ends the request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::limits::{BODY_GRACE, BODY_RATE};
use super::table::Seat;

/// A request's body came slower than [`BODY_RATE`].
#[derive(Debug, thiserror::Error)]
#[error("the body is sent too slowly: at least {BODY_RATE} bytes a second are needed")]
pub struct TooSlow;

/// A request's body that fails with [`TooSlow`]. Only time in which somebody waits for it counts.
pub(super) struct Paced<B> {
    body: B,
    received: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<B> Paced<B> {
    pub(super) fn new(body: B) -> Self {
        Self {
            body,
            received: 0,
            waited: Duration::ZERO,
            waiting: None,
        }
    }

    /// How long it may still be waited for.
    fn left(&self) -> Duration {
        let earned = Duration::from_secs(self.received / BODY_RATE);
        (BODY_GRACE + earned).saturating_sub(self.waited)
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let left = this.left();
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            let (_, timer) = this
                .waiting
                .get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
            return timer
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(TooSlow.into())));
        };
        if let Some((since, _)) = this.waiting.take() {
            this.waited += since.elapsed();
        }
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            this.received += data.len() as u64;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body: once it is gone, the connection waits for its next request.
pub(super) struct Answer<B> {
    pub(super) body: B,
    pub(super) seat: Arc<Seat>,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        self.seat.end();
    }
}
