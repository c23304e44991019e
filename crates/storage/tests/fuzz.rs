//! The chunk decoder against random columns, changed chunks and random bytes, for a bounded number of rounds. `cargo xtask
//! fuzz --target chunk` goes on without end.

use std::sync::Arc;

use watchpost_core::point::FieldType;
use watchpost_storage::{Column, codec};

use crate::chunk_decoder::{self, KINDS, bits};

const ROUNDS: usize = 3_000;
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

/// The input of [`chunk_decoder::check`] for a kind, a number of rows and a chunk.
fn input(kind: usize, rows: u16, chunk: &[u8]) -> Vec<u8> {
    let [low, high] = rows.to_le_bytes();
    [&[kind as u8, low, high], chunk].concat()
}

/// Changes a few bytes of a chunk.
fn mutate(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
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
}

#[test]
fn any_bytes_decode_or_are_refused() {
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..ROUNDS {
        let column = random_column(&mut random);
        let mut bytes = codec::encode(&column);
        mutate(&mut random, &mut bytes);
        let noise: Vec<u8> = (0..random.usize(..40)).map(|_| random.u8(..)).collect();
        for kind in 0..KINDS.len() {
            let rows = if random.bool() {
                column.len() as u16
            } else {
                random.u16(1..4_096)
            };
            chunk_decoder::check(&input(kind, rows, &bytes));
            chunk_decoder::check(&input(kind, rows, &noise));
        }
    }
}
