//! What holds for any bytes given to the chunk decoder: the bounded run in [`crate::fuzz`] gives them.

use watchpost_core::point::FieldType;
use watchpost_storage::{Column, codec};

pub(crate) const KINDS: [FieldType; 5] = [
    FieldType::Float,
    FieldType::Integer,
    FieldType::Unsigned,
    FieldType::String,
    FieldType::Boolean,
];

/// Bytes before the chunk: the number of the kind, and the rows in two bytes, low one first.
const HEAD: usize = 3;

/// The values without their `PartialEq`: a NaN is itself.
pub(crate) fn bits(column: &Column) -> Vec<u64> {
    match column {
        Column::Float(values) => values.iter().map(|value| value.to_bits()).collect(),
        _ => Vec::new(),
    }
}

/// Bytes are refused, or decode to as many values as asked for, which encode and decode to themselves.
pub(crate) fn check(input: &[u8]) {
    let Some((head, chunk)) = input.split_at_checked(HEAD) else {
        return;
    };
    let kind = KINDS[usize::from(head[0]) % KINDS.len()];
    // As many as a block can have; none has none.
    let rows = usize::from(u16::from_le_bytes([head[1], head[2]]) % 4_096).max(1);
    let Ok(column) = codec::decode(kind, rows, chunk) else {
        return;
    };
    assert_eq!((column.kind(), column.len()), (kind, rows));
    let again = codec::decode(kind, rows, &codec::encode(&column)).expect("our own chunk");
    assert_eq!(bits(&again), bits(&column));
    if kind != FieldType::Float {
        assert_eq!(again, column);
    }
}
