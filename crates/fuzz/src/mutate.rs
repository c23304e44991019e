//! Makes an input of others: what is changed, put together, repeated, and put into itself.

use fastrand::Rng;

use crate::targets::Target;

/// Bytes that mean something in most languages.
const SIGNS: &[u8] = b" \t\r\n\0\"'`\\/,.;:=!~<>|&+-*%^()[]{}#@$_0123456789eEtTxX\x7f\x80\xff";

/// Numbers at the ends of what types hold.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "127",
    "128",
    "255",
    "65536",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1e-320",
    "1e999",
    "0.1",
    "99999999999999999999999999999999999999",
];

/// One in so many repetitions is as long as the target allows.
const RARELY: u32 = 64;

/// An input that was not there before, at most `target.longest` bytes long.
pub(crate) fn input(random: &mut Rng, target: &Target, pool: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = match random.u32(..16) {
        0 => random_words(random, target),
        _ => pick(random, pool).cloned().unwrap_or_default(),
    };
    let changes = 1 + random.u32(..5);
    for _ in 0..changes {
        change(random, target, pool, &mut bytes);
        bytes.truncate(target.longest);
    }
    bytes
}

fn change(random: &mut Rng, target: &Target, pool: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let (start, end) = part(random, bytes.len());
    match random.u32(..13) {
        0 => drop(bytes.drain(start..end)),
        1 => insert(bytes, start, &[random.u8(..)]),
        2 => insert(bytes, start, &[SIGNS[random.usize(..SIGNS.len())]]),
        3 if start < bytes.len() => bytes[start] ^= 1 << random.u8(..8),
        4 if start < bytes.len() => bytes[start] = SIGNS[random.usize(..SIGNS.len())],
        5 => drop(bytes.splice(start..end, NUMBERS[random.usize(..NUMBERS.len())].bytes())),
        6 | 7 => {
            let word = word(random, target).as_bytes().to_vec();
            drop(bytes.splice(start..if random.bool() { start } else { end }, word));
        }
        8 => {
            let other = pick(random, pool).map_or(&[][..], Vec::as_slice);
            let (from, to) = part(random, other.len());
            drop(bytes.splice(start..end, other[from..to].iter().copied()));
        }
        9 => {
            let other = pick(random, pool).map_or(&[][..], Vec::as_slice);
            let (from, _) = part(random, other.len());
            bytes.truncate(start);
            bytes.extend_from_slice(&other[from..]);
        }
        10 => {
            let piece = match random.bool() {
                true => word(random, target).as_bytes().to_vec(),
                false => bytes[start..end].to_vec(),
            };
            let times = times(random, piece.len(), target.longest);
            insert(bytes, start, &piece.repeat(times));
        }
        11 if !target.nests.is_empty() => {
            let (open, close) = target.nests[random.usize(..target.nests.len())];
            let times = times(random, open.len() + close.len(), target.longest);
            insert(bytes, end, close.repeat(times).as_bytes());
            insert(bytes, start, open.repeat(times).as_bytes());
        }
        _ => bytes.truncate(start),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    drop(bytes.splice(at..at, piece.iter().copied()));
}

/// A part of a text: mostly a short one.
fn part(random: &mut Rng, length: usize) -> (usize, usize) {
    let start = random.usize(..=length);
    let most = if random.u32(..4) == 0 { length } else { 12 };
    let end = (start + random.usize(..=most)).min(length);
    (start, end)
}

/// How often a piece is repeated: by powers of two, rarely up to the longest input.
fn times(random: &mut Rng, piece: usize, longest: usize) -> usize {
    let most = longest / piece.max(1);
    let power = match random.u32(..RARELY) {
        0 => random.u32(..=most.max(1).ilog2()),
        _ => random.u32(..7),
    };
    (1 << power).min(most)
}

fn pick<'p>(random: &mut Rng, pool: &'p [Vec<u8>]) -> Option<&'p Vec<u8>> {
    (!pool.is_empty()).then(|| &pool[random.usize(..pool.len())])
}

fn word(random: &mut Rng, target: &Target) -> &'static str {
    match target.words.is_empty() {
        true => NUMBERS[random.usize(..NUMBERS.len())],
        false => target.words[random.usize(..target.words.len())],
    }
}

fn random_words(random: &mut Rng, target: &Target) -> Vec<u8> {
    let gap = ["", " ", "\n"][random.usize(..3)];
    let count = random.usize(..30);
    let words: Vec<&str> = (0..count).map(|_| word(random, target)).collect();
    words.join(gap).into_bytes()
}
