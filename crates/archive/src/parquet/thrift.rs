//! Thrift's compact protocol, as much of it as Parquet's headers need
//! (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>).

/// A structure being written: fields in ascending order of their numbers.
pub(super) struct Struct<'o> {
    out: &'o mut Vec<u8>,
    last: u8,
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Appends a structure.
pub(super) fn structure(out: &mut Vec<u8>, fill: impl FnOnce(&mut Struct<'_>)) {
    let mut structure = Struct { out, last: 0 };
    fill(&mut structure);
    structure.out.push(0);
}

impl Struct<'_> {
    fn header(&mut self, field: u8, kind: u8) {
        // No structure of Parquet has a gap of more than 15.
        self.out.push((field - self.last) << 4 | kind);
        self.last = field;
    }

    pub(super) fn boolean(&mut self, field: u8, value: bool) {
        self.header(field, if value { TRUE } else { FALSE });
    }

    pub(super) fn byte(&mut self, field: u8, value: u8) {
        self.header(field, BYTE);
        self.out.push(value);
    }

    pub(super) fn i32(&mut self, field: u8, value: i32) {
        self.header(field, I32);
        signed(self.out, i64::from(value));
    }

    pub(super) fn i64(&mut self, field: u8, value: i64) {
        self.header(field, I64);
        signed(self.out, value);
    }

    pub(super) fn binary(&mut self, field: u8, value: &[u8]) {
        self.header(field, BINARY);
        unsigned(self.out, value.len() as u64);
        self.out.extend(value);
    }

    pub(super) fn structure(&mut self, field: u8, fill: impl FnOnce(&mut Struct<'_>)) {
        self.header(field, STRUCT);
        structure(self.out, fill);
    }

    /// A list of structures.
    pub(super) fn structures<T>(
        &mut self,
        field: u8,
        items: &[T],
        fill: impl Fn(&T, &mut Struct<'_>),
    ) {
        self.list(field, items.len(), STRUCT);
        for item in items {
            structure(self.out, |structure| fill(item, structure));
        }
    }

    /// A list of small numbers.
    pub(super) fn numbers(&mut self, field: u8, items: &[i32]) {
        self.list(field, items.len(), I32);
        for item in items {
            signed(self.out, i64::from(*item));
        }
    }

    /// A list of one text.
    pub(super) fn text_list(&mut self, field: u8, text: &str) {
        self.list(field, 1, BINARY);
        unsigned(self.out, text.len() as u64);
        self.out.extend(text.as_bytes());
    }

    fn list(&mut self, field: u8, length: usize, kind: u8) {
        self.header(field, LIST);
        if length < 15 {
            self.out.push((length as u8) << 4 | kind);
        } else {
            self.out.push(0xf0 | kind);
            unsigned(self.out, length as u64);
        }
    }
}

/// Appends a number of seven bits a byte, low first.
pub(super) fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a number in zigzag.
pub(super) fn signed(out: &mut Vec<u8>, value: i64) {
    unsigned(out, (value << 1 ^ value >> 63) as u64);
}
