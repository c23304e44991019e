//! Kernel files that are damaged: whatever a collector makes of one is in the catalogue, has its type, can be
//! written, and lies within the range of its unit.

use std::path::Path;

use watchpost_agent::collectors::{HostFiles, Points};
use watchpost_core::catalogue::{AGENT_METRICS, MEASUREMENT_AGENT, Unit, metric};
use watchpost_core::line_protocol::{Precision, parse_points, write_points};
use watchpost_core::point::{FieldValue, Point};
use watchpost_core::time::NANOS_PER_SECOND;
use watchpost_testkit::cases::{self, Case, Mode};

use crate::collectors::{apply, collector, snapshots};

/// Damaged copies of each recorded case. More find nothing more and cost seconds.
const COPIES: u64 = 12;

/// Numbers that parsers and sums stumble over.
const ODD_NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "-1",
    "1",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "0.0000001",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "",
];

#[test]
fn a_damaged_file_gives_no_value_out_of_range() {
    cases::run_in_mode(Mode::Compare, "testdata/collectors", |case| {
        for seed in 0..COPIES {
            collect(case, &mut fastrand::Rng::with_seed(seed));
        }
        case.expected().unwrap_or_default().to_owned()
    });
}

/// Collects every snapshot and checks what comes.
fn collect(case: &Case, rng: &mut fastrand::Rng) {
    let folder = watchpost_testkit::temp_folder();
    let mut collector = collector(case);
    let mut files = HostFiles::new(folder.path());
    for number in 1..=snapshots(case) {
        apply(case, number, folder.path(), |text| {
            if rng.u8(..) < 160 {
                damage(text, rng)
            } else {
                text.to_owned()
            }
        });
        let mut points = Points::default();
        // An error is an honest answer.
        let _ = collector.collect(
            &mut files,
            i64::from(number) * NANOS_PER_SECOND,
            &mut points,
        );
        let points = points.into_vec();
        points.iter().for_each(|point| check(point, folder.path()));
        let lines = write_points(&points).unwrap();
        let read = parse_points(&lines, Precision::Nanoseconds, 0).unwrap();
        assert_eq!(read.len(), points.len());
    }
}

fn check(point: &Point, folder: &Path) {
    for (field, value) in point.fields() {
        let known = metric(field).map(|metric| (metric.field_type, metric.unit));
        let own = AGENT_METRICS
            .iter()
            .find(|metric| metric.name == field)
            .map(|it| (it.field_type, it.unit));
        let of_agent = point.series.measurement() == MEASUREMENT_AGENT;
        let (field_type, unit) = if of_agent { own } else { known }
            .unwrap_or_else(|| panic!("{field} is not in the catalogue"));
        assert_eq!(field_type, value.field_type(), "{field}");
        let fits = match (value, unit) {
            (FieldValue::Float(value), _) if *value == 0.0 => value.is_sign_positive(),
            (FieldValue::Float(value), Unit::Percent) => (0.0..=100.0).contains(value),
            (FieldValue::Float(value), Unit::Celsius) => (-273.0..=1000.0).contains(value),
            (FieldValue::Float(value), _) => value.is_finite() && *value >= 0.0,
            (FieldValue::Integer(value), _) => *value >= 0,
            _ => true,
        };
        assert!(
            fits,
            "{field} = {value:?} of {} in {}",
            point.series,
            folder.display()
        );
    }
}

/// Changes a number, a byte, the length or the order of the lines, some times.
fn damage(text: &str, rng: &mut fastrand::Rng) -> String {
    let mut text = text.to_owned();
    for _ in 0..=rng.usize(..4) {
        text = match rng.u8(..6) {
            0..=2 => replace_number(&text, rng),
            3 => {
                let mut bytes = text.into_bytes();
                if let Some(at) = (!bytes.is_empty()).then(|| rng.usize(..bytes.len())) {
                    bytes[at] = rng.u8(..);
                }
                String::from_utf8_lossy(&bytes).into_owned()
            }
            4 => text[..text.floor_char_boundary(rng.usize(..=text.len()))].to_owned(),
            _ => {
                let mut lines: Vec<&str> = text.lines().collect();
                rng.shuffle(&mut lines);
                lines.truncate(rng.usize(..=lines.len()).max(1));
                lines.join("\n")
            }
        };
    }
    text
}

fn replace_number(text: &str, rng: &mut fastrand::Rng) -> String {
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let words: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
    let numbers: Vec<usize> = (0..words.len())
        .filter(|at| is_number(&words[*at]))
        .collect();
    let Some(chosen) = rng.choice(numbers) else {
        return text.to_owned();
    };
    let odd = ODD_NUMBERS[rng.usize(..ODD_NUMBERS.len())];
    let replaced = words.iter().enumerate().map(|(at, word)| {
        let end = if word.ends_with('\n') { "\n" } else { " " };
        if at == chosen {
            format!("{odd}{end}")
        } else {
            (*word).to_owned()
        }
    });
    replaced.collect()
}
