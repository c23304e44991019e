//! A body cut into lines. A newline inside a quoted string or behind a backslash does not end a
//! line, so the cut has to know where the fields and their values begin.

/// One line: where its text lies in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    /// Behind the last byte, the newline not included.
    pub(super) end: usize,
}

/// The line that begins at `start`. Lines without quotes and backslashes, nearly all, are found
/// by their newline alone.
pub(super) fn next_line(body: &[u8], start: usize) -> Span {
    let rest = &body[start..];
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let end = match memchr::memchr2(b'"', b'\\', &rest[..end]) {
        None => end,
        Some(_) => scan(rest),
    };
    Span {
        start,
        end: start + end,
    }
}

/// The end of the first line of `rest`, byte by byte: a quote counts only in a field value, that
/// is after a space and behind an equals sign without its comma yet.
fn scan(rest: &[u8]) -> usize {
    let (mut quoted, mut in_fields) = (false, false);
    let (mut equals, mut commas) = (0_usize, 0_usize);
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            b'\\' if at + 2 < rest.len() => at += 1,
            b' ' => in_fields = true,
            b'=' if in_fields && !quoted => equals += 1,
            b',' if in_fields && !quoted => commas += 1,
            b'"' if in_fields && equals > commas => quoted = !quoted,
            b'\n' if !quoted => return at,
            _ => {}
        }
        at += 1;
    }
    rest.len()
}
