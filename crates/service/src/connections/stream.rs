//! A connection that ends when the other side takes too long: to send the head of a request, or to
//! read what it is sent.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::limits::{HEAD_LIMIT, WRITE_LIMIT, WRITE_PIECE};
use super::table::Seat;

/// A stream with the limits of its reads and writes.
pub(super) struct Watched<S> {
    stream: S,
    seat: Arc<Seat>,
    head: Option<Head>,
    reader: Reader,
}

/// A head that is on its way.
struct Head {
    /// The number of requests before it: once it has grown, the head is complete.
    number: u64,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

/// The other side as a reader.
struct Reader {
    /// How long it may still keep us waiting.
    left: Duration,
    /// What it has taken since it had all its time.
    taken: usize,
    /// Since when it keeps us waiting.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Watched<S> {
    /// The first head is due from now on.
    pub(super) fn new(stream: S, seat: Arc<Seat>) -> Self {
        let head = Head::from_now(seat.requests());
        Self {
            stream,
            seat,
            head: Some(head),
            reader: Reader {
                left: WRITE_LIMIT,
                taken: 0,
                waiting: None,
            },
        }
    }
}

impl Head {
    fn from_now(number: u64) -> Self {
        Self {
            number,
            deadline: Instant::now() + HEAD_LIMIT,
            timer: None,
        }
    }

    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        timer.as_mut().poll(context)
    }
}

impl Reader {
    /// Watches a write: `bytes` were taken, or the reader has to be waited for.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
        bytes: usize,
    ) -> Poll<io::Result<T>> {
        if written.is_pending() {
            let left = self.left;
            let (_, timer) = self
                .waiting
                .get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
            return match timer.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => Poll::Ready(Err(too_slow("the reader is too slow"))),
            };
        }
        if let Some((since, _)) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        self.taken += bytes;
        if self.taken >= WRITE_PIECE {
            self.taken = 0;
            self.left = WRITE_LIMIT;
        }
        written
    }
}

fn too_slow(message: &'static str) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, message)
}

fn bytes_of(written: &Poll<io::Result<usize>>) -> usize {
    match written {
        Poll::Ready(Ok(bytes)) => *bytes,
        _ => 0,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let number = this.seat.requests();
        if this.seat.is_serving() || this.head.as_ref().is_some_and(|head| head.number != number) {
            this.head = None;
        }
        if this.seat.is_serving() {
            return read;
        }
        if read.is_ready() {
            if buffer.filled().len() > before {
                this.head.get_or_insert_with(|| Head::from_now(number));
            }
            return read;
        }
        let Some(head) = &mut this.head else {
            return Poll::Pending;
        };
        let too_late = || Err(too_slow("the head of the request took too long"));
        head.poll_deadline(context).map(|()| too_late())
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        let taken = bytes_of(&written);
        this.reader.watch(context, written, taken)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        let taken = bytes_of(&written);
        this.reader.watch(context, written, taken)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        this.reader.watch(context, flushed, 0)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(context);
        this.reader.watch(context, shut, 0)
    }
}
