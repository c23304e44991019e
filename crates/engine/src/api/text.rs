//! The text of an answer in the making, within the memory that it may take.

use std::io::{self, Write};

use crate::api::error::{ApiError, Code};
use crate::memory::Memory;

/// How much it grows by at least.
const STEP: usize = 64 << 10;

/// A text that asks for its memory before it takes it.
pub struct Text<'a> {
    bytes: Vec<u8>,
    limit: usize,
    memory: &'a Memory,
    refusal: Option<ApiError>,
}

impl<'a> Text<'a> {
    /// Of at most so many bytes, on the account of the server.
    pub fn within(limit: usize, memory: &'a Memory) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            memory,
            refusal: None,
        }
    }

    /// The text, once all was written.
    ///
    /// # Errors
    /// It did not fit, or could not be written.
    pub fn finished(self, written: io::Result<()>) -> Result<String, ApiError> {
        match (self.refusal, written) {
            (Some(refusal), _) => Err(refusal),
            (None, Err(error)) => Err(ApiError::internal(error)),
            (None, Ok(())) => String::from_utf8(self.bytes).map_err(ApiError::internal),
        }
    }

    fn make_room(&mut self, more: usize) -> Result<(), ApiError> {
        let needed = self.bytes.len().saturating_add(more);
        if needed <= self.bytes.capacity() {
            return Ok(());
        }
        if needed > self.limit {
            return Err(ApiError::new(
                Code::Unprocessable,
                format!(
                    "memory allocation limit reached: the answer is longer than {} bytes (--max-query-bytes); aggregate, \
                     narrow the time range, or ask for fewer rows (LIMIT)",
                    self.limit
                ),
            ));
        }
        let doubled = self.bytes.capacity().saturating_mul(2).max(STEP);
        let capacity = doubled.min(self.limit).max(needed);
        // For a moment both are there: what is written, and the room that it is copied to.
        let _reserved = self.memory.reserve(capacity)?;
        let room = self.bytes.try_reserve_exact(capacity - self.bytes.len());
        room.map_err(|error| {
            ApiError::new(
                Code::Unavailable,
                format!("no memory for the answer: {error}"),
            )
        })
    }
}

impl Write for Text<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(refusal) = self.make_room(bytes.len()) {
            self.refusal = Some(refusal);
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_does_not_fit_is_refused_and_not_taken() {
        let memory = Memory::limited_to(0);
        let mut text = Text::within(100_000, &memory);
        text.write_all(&[b'a'; 90_000]).expect("fits");
        let written = text.write_all(&[b'b'; 20_000]);
        assert!(text.bytes.capacity() <= 100_000);
        let refusal = text.finished(written).expect_err("is too long");
        assert!(refusal.message.contains("--max-query-bytes"), "{refusal:?}");

        let full = Memory::limited_to(1);
        let mut text = Text::within(usize::MAX, &full);
        let written = text.write_all(b"a");
        let refusal = text.finished(written).expect_err("no memory");
        assert!(
            refusal.message.contains("--max-memory-bytes"),
            "{refusal:?}"
        );
    }
}
