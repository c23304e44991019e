//! The bytes that mean something in line protocol, as a table: one look a byte.

pub(super) const SPACE: u8 = 1;
pub(super) const COMMA: u8 = 2;
pub(super) const EQUALS: u8 = 4;
pub(super) const BACKSLASH: u8 = 8;
pub(super) const QUOTE: u8 = 16;
pub(super) const NEWLINE: u8 = 32;

/// What ends a name.
pub(super) const DELIMITER: u8 = SPACE | COMMA | EQUALS;

/// The class of each byte; 0 for those that mean nothing.
pub(super) static OF: [u8; 256] = {
    let mut table = [0; 256];
    table[b' ' as usize] = SPACE;
    table[b',' as usize] = COMMA;
    table[b'=' as usize] = EQUALS;
    table[b'\\' as usize] = BACKSLASH;
    table[b'"' as usize] = QUOTE;
    table[b'\n' as usize] = NEWLINE;
    table
};

/// Whether any byte of the text is of the `classes` (a sum of them).
pub(super) fn any(text: &str, classes: u8) -> bool {
    let of = |byte: &u8| OF[usize::from(*byte)];
    text.as_bytes().iter().any(|byte| of(byte) & classes != 0)
}
