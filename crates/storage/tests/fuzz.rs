//! The chunk decoder against random columns and random bytes, for a bounded number of rounds.

use std::sync::Arc;

use watchpost_core::point::FieldType;
use watchpost_storage::{Column, codec};

const ROUNDS: usize = 3_000;
const KINDS: [FieldType; 5] = [
    FieldType::Float,
    FieldType::Integer,
    FieldType::Unsigned,
    FieldType::String,
    FieldType::Boolean,
];

fn random_float(random: &mut fastrand::Rng) -> f64 {
    match random.u8(..8) {
        0 => f64::from_bits(random.u64(..)),
        1 => [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            f64::MIN_POSITIVE / 2.0,
        ][random.usize(..5)],
        2 => random.f64(),
        3 => 0.1 + 0.2,
        _ => random.i64(-100_000..100_000) as f64 / 100.0,
    }
}

fn random_column(random: &mut fastrand::Rng) -> Column {
    let rows = random.usize(1..300);
    let small = random.bool();
    let mut integer = |wide: bool| {
        if wide {
            random.i64(..)
        } else {
            random.i64(-9..9)
        }
    };
    let start = integer(true);
    match integer(true).rem_euclid(7) {
        0 => Column::Integer((0..rows).map(|_| integer(!small)).collect()),
        1 => Column::Integer(
            (0..rows as i64)
                .map(|row| start.wrapping_add(row.wrapping_mul(10)))
                .collect(),
        ),
        2 => Column::Unsigned((0..rows).map(|_| integer(!small) as u64).collect()),
        3 => Column::Boolean((0..rows).map(|_| integer(true) > 0).collect()),
        4 => Column::String(
            (0..rows)
                .map(|_| Arc::from(format!("text {}", integer(!small))))
                .collect(),
        ),
        5 => Column::Float((0..rows).map(|_| integer(false) as f64 / 8.0).collect()),
        _ => Column::Float((0..rows).map(|_| random_float(random)).collect()),
    }
}

fn bits(column: &Column) -> Vec<u64> {
    match column {
        Column::Float(values) => values.iter().map(|value| value.to_bits()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn columns_come_back_bit_by_bit() {
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..ROUNDS {
        let column = random_column(&mut random);
        let bytes = codec::encode(&column);
        let decoded = codec::decode(column.kind(), column.len(), &bytes).unwrap();
        assert_eq!(bits(&decoded), bits(&column), "round {round}");
        if column.kind() != FieldType::Float {
            assert_eq!(decoded, column, "round {round}");
        }
    }
}

#[test]
fn any_bytes_decode_or_are_refused() {
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..ROUNDS {
        let column = random_column(&mut random);
        let mut bytes = codec::encode(&column);
        for _ in 0..random.usize(1..4) {
            let place = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[place] = random.u8(..),
                1 => bytes.truncate(place),
                _ => bytes.insert(place, random.u8(..)),
            }
            if bytes.is_empty() {
                bytes.push(random.u8(..));
            }
        }
        for kind in KINDS {
            let rows = if random.bool() {
                column.len()
            } else {
                random.usize(1..4_096)
            };
            if let Ok(decoded) = codec::decode(kind, rows, &bytes) {
                assert_eq!((decoded.kind(), decoded.len()), (kind, rows));
            }
        }
        let noise: Vec<u8> = (0..random.usize(..40))
            .map(|place| {
                if place == 0 {
                    random.u8(..8)
                } else {
                    random.u8(..)
                }
            })
            .collect();
        for kind in KINDS {
            let _ = codec::decode(kind, random.usize(1..4_096), &noise);
        }
    }
}
