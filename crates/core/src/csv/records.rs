//! Bytes that arrive in pieces, cut into records and cells by the rules of RFC 4180. Blank lines
//! are kept, since they part the tables of an answer; that is why this is not the crate `csv`.

use std::borrow::Cow;

/// Collects pieces and gives back whole records.
#[derive(Debug, Default)]
pub(super) struct Records {
    buffer: Vec<u8>,
    /// Where the next record begins in `buffer`.
    start: usize,
    /// How far the next record has been searched for its end, and its quotes counted.
    searched: usize,
    open_quote: bool,
    /// Lines before `start`.
    lines: usize,
}

/// A record's place in the buffer (`end` without the line end) and its line, counted from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: usize,
    end: usize,
    pub(super) line: usize,
}

impl Records {
    pub(super) fn feed(&mut self, piece: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole record; `None` until its end has arrived.
    pub(super) fn next_record(&mut self) -> Option<Span> {
        loop {
            let rest = &self.buffer[self.searched..];
            let Some(length) = memchr::memchr(b'\n', rest) else {
                self.open_quote ^= has_odd_quotes(rest);
                self.searched = self.buffer.len();
                return None;
            };
            self.open_quote ^= has_odd_quotes(&rest[..length]);
            self.searched += length + 1;
            if !self.open_quote {
                return Some(self.take(self.searched - 1));
            }
        }
    }

    /// What is left behind the last line end, if anything.
    pub(super) fn last_record(&mut self) -> Option<Span> {
        if self.start >= self.buffer.len() {
            return None;
        }
        self.searched = self.buffer.len() + 1;
        let span = self.take(self.buffer.len());
        self.start = self.buffer.len();
        self.searched = self.start;
        Some(span)
    }

    /// Bytes of the record that has begun and not ended.
    pub(super) fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// The line that the next record begins on, from 1.
    pub(super) fn line(&self) -> usize {
        self.lines + 1
    }

    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        &self.buffer[span.start..span.end]
    }

    fn take(&mut self, newline: usize) -> Span {
        let bytes = &self.buffer[self.start..newline];
        let length = bytes.strip_suffix(b"\r").unwrap_or(bytes).len();
        let span = Span {
            start: self.start,
            end: self.start + length,
            line: self.line(),
        };
        self.lines += 1 + memchr::memchr_iter(b'\n', bytes).count();
        self.start = self.searched;
        span
    }
}

fn has_odd_quotes(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'"', bytes).count() % 2 == 1
}

/// Cuts a record into `cells`; an error names what is wrong with its quotes.
pub(super) fn split<'a>(
    record: &'a str,
    delimiter: u8,
    cells: &mut Vec<Cow<'a, str>>,
) -> Result<(), &'static str> {
    if memchr::memchr(b'"', record.as_bytes()).is_none() {
        cells.extend(record.split(char::from(delimiter)).map(Cow::Borrowed));
        return Ok(());
    }
    let mut rest = record;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => take_quoted(quoted)?,
            None => take_plain(rest, delimiter)?,
        };
        cells.push(cell);
        match after.as_bytes().first() {
            None => return Ok(()),
            Some(byte) if *byte == delimiter => rest = &after[1..],
            Some(_) => return Err("text after the closing quote of a cell"),
        }
    }
}

fn take_plain(rest: &str, delimiter: u8) -> Result<(Cow<'_, str>, &str), &'static str> {
    let end = memchr::memchr(delimiter, rest.as_bytes()).unwrap_or(rest.len());
    let (cell, after) = rest.split_at(end);
    if cell.contains('"') {
        return Err("a quote inside a cell that does not begin with one");
    }
    Ok((Cow::Borrowed(cell), after))
}

/// A quoted cell without its first quote: doubled quotes are single ones, CRLF is a newline.
fn take_quoted(quoted: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let mut end = 0;
    let mut plain = true;
    loop {
        let Some(length) = memchr::memchr(b'"', &quoted.as_bytes()[end..]) else {
            return Err("a quoted cell has no closing quote");
        };
        end += length;
        if quoted.as_bytes().get(end + 1) != Some(&b'"') {
            break;
        }
        plain = false;
        end += 2;
    }
    let inside = &quoted[..end];
    let after = &quoted[end + 1..];
    if plain && !inside.contains('\r') {
        return Ok((Cow::Borrowed(inside), after));
    }
    let text = inside.replace("\"\"", "\"").replace("\r\n", "\n");
    Ok((Cow::Owned(text), after))
}
