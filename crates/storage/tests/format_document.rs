//! `FORMAT.md` against the files that the store writes: each is decoded by the document's tables, to its last byte.

use std::collections::BTreeMap;
use std::ops::Range;

use watchpost_storage::{Predicate, TimeRange};

use crate::fixture::{BUCKET, files, open, write};

/// A row of a table.
struct Field {
    name: String,
    form: String,
    when: String,
}

type Tables = BTreeMap<String, Vec<Field>>;

fn tables() -> Tables {
    let mut tables = Tables::new();
    let mut current = String::new();
    for line in include_str!("../FORMAT.md").lines() {
        if let Some(name) = line.strip_prefix("## ") {
            current = name.to_owned();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let [_, name, form, when, _, _] = cells[..]
            && let Some(form) = form
                .strip_prefix('`')
                .and_then(|form| form.strip_suffix('`'))
        {
            tables.entry(current.clone()).or_default().push(Field {
                name: name.to_owned(),
                form: form.to_owned(),
                when: when.to_owned(),
            });
        }
    }
    tables
}

/// A file being decoded.
struct Decoder<'a> {
    tables: &'a Tables,
    bytes: &'a [u8],
    at: usize,
    /// Tables that were met.
    seen: &'a mut BTreeMap<String, usize>,
}

/// The numbers and the places of the fields of a table.
#[derive(Default)]
struct Found {
    numbers: BTreeMap<String, u64>,
    places: BTreeMap<String, Range<usize>>,
}

impl Decoder<'_> {
    fn table(&mut self, name: &str, end: usize) {
        let table = self
            .tables
            .get(name)
            .unwrap_or_else(|| panic!("no table {name}"));
        *self.seen.entry(name.to_owned()).or_default() += 1;
        let mut found = Found::default();
        let mut checksums = Vec::new();
        for field in table {
            if !holds(&field.when, &found) {
                continue;
            }
            let from = self.at;
            if let Some(of) = field.form.strip_prefix("crc of ") {
                checksums.push((field, of, self.fixed(4)));
            } else {
                let number = self.field(&field.form, &found, end);
                found
                    .numbers
                    .extend(number.map(|number| (field.name.clone(), number)));
            }
            assert!(self.at <= end, "{name}.{} is too long", field.name);
            found.places.insert(field.name.clone(), from..self.at);
        }
        for (field, of, expected) in checksums {
            let mut crc = crc32fast::Hasher::new();
            for part in of.split(", ") {
                crc.update(&self.bytes[found.places[part].clone()]);
            }
            assert_eq!(u64::from(crc.finalize()), expected, "{name}.{}", field.name);
        }
    }

    /// Decodes a field; its number, if it is one.
    fn field(&mut self, form: &str, found: &Found, end: usize) -> Option<u64> {
        let number = |name: &str| found.numbers[name] as usize;
        if form.starts_with('"') || form.starts_with("0x") {
            let expected = literal(form);
            assert!(
                self.bytes[self.at..].starts_with(&expected),
                "{form} at {}",
                self.at
            );
            self.at += expected.len();
        } else if let Some((table, condition)) = form.split_once(" × while ") {
            while self.bytes[self.at..].starts_with(&literal(condition)) {
                self.table(table, end);
            }
        } else if let Some((table, count)) = form.split_once(" × ") {
            (0..number(count)).for_each(|_| self.table(table, end));
        } else if let Some((table, length)) = form.split_once(" in ") {
            let end = self.at + number(length);
            self.table(table, end);
            assert_eq!(self.at, end, "{table} fills its bytes");
        } else if let Some(length) = form.strip_prefix("bytes ") {
            self.at += number(length);
        } else if let Some(length) = form.strip_prefix("all but ") {
            self.at = end - length.parse::<usize>().unwrap();
        } else {
            return self.simple(form, found, end);
        }
        None
    }

    fn simple(&mut self, form: &str, found: &Found, end: usize) -> Option<u64> {
        match form {
            "u8" => Some(self.fixed(1)),
            "u32" => Some(self.fixed(4)),
            "u64" | "i64" => Some(self.fixed(8)),
            "varint" | "signed" => Some(self.varint()),
            "rest" => {
                self.at = end;
                None
            }
            "text" => {
                let length = self.varint() as usize;
                let text = &self.bytes[self.at..self.at + length];
                assert!(std::str::from_utf8(text).is_ok());
                self.at += length;
                None
            }
            "scalar" => {
                if found.numbers["kind"] == 0 && self.fixed(1) == 0xff {
                    self.fixed(8);
                } else {
                    self.varint();
                }
                None
            }
            other => panic!("no form {other}"),
        }
    }

    fn fixed(&mut self, bytes: usize) -> u64 {
        let mut number = [0; 8];
        number[..bytes].copy_from_slice(&self.bytes[self.at..self.at + bytes]);
        self.at += bytes;
        u64::from_le_bytes(number)
    }

    fn varint(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.fixed(1);
            number |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
        }
        panic!("a number without an end at {}", self.at)
    }
}

/// `"TEXT"` or `0xNN`.
fn literal(form: &str) -> Vec<u8> {
    match form.strip_prefix("0x") {
        Some(byte) => vec![u8::from_str_radix(byte, 16).unwrap()],
        None => form.trim_matches('"').replace("\\n", "\n").into_bytes(),
    }
}

/// `NAME > N`, `NAME = N, N`, or nothing. A field that is not there has no number.
fn holds(condition: &str, found: &Found) -> bool {
    if let Some((name, least)) = condition.split_once(" > ") {
        return found.numbers[name] > least.parse().unwrap();
    }
    if let Some((name, numbers)) = condition.split_once(" = ") {
        let number = found.numbers.get(name).map(u64::to_string);
        return numbers
            .split(", ")
            .any(|other| number.as_deref() == Some(other));
    }
    true
}

#[test]
fn the_document_describes_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    for row in 0..40 {
        write(
            &storage,
            &format!(
                "m,host=a f={row}.123456789,i={row}i,u=3u,b=true 1{row}\nm,host=b,k=v f=1.5 2{row}"
            ),
        );
    }
    write(
        &storage,
        "n s=\"text\" 5\nn i=9223372036854775807i 6\nn i=9223372036854775807i 7",
    );
    storage.seal().unwrap();
    write(&storage, "n s=\"only in the log\" 8\nm,host=a f=1,i=2i 9");
    storage
        .delete(BUCKET, TimeRange::new(0, 3), &Predicate::tag("host", "a"))
        .unwrap();
    write(&storage, "other v=1 1");
    storage.drop_bucket(BUCKET + 1).unwrap();
    storage
        .write(BUCKET + 1, crate::fixture::batch("m v=1 1"), 0)
        .unwrap();
    storage.drop_bucket(BUCKET + 1).unwrap();
    storage.put_document("settings", b"kept").unwrap();
    let backup = folder.path().join("copy.backup");
    let mut bytes = Vec::new();
    storage.backup(&mut bytes).unwrap();
    std::fs::write(&backup, bytes).unwrap();
    let tables = tables();
    let mut seen = BTreeMap::new();
    for path in files(folder.path()) {
        let table = match path.extension().and_then(|it| it.to_str()) {
            Some("wal") => "Log file",
            Some("segment") => "Segment",
            Some("backup") => "Backup",
            None if path.parent().unwrap().ends_with("documents") => "Document",
            _ => continue,
        };
        let bytes = std::fs::read(&path).unwrap();
        let mut decoder = Decoder {
            tables: &tables,
            bytes: &bytes,
            at: 0,
            seen: &mut seen,
        };
        decoder.table(table, bytes.len());
        assert_eq!(decoder.at, bytes.len(), "{}", path.display());
    }
    let unused: Vec<&String> = tables
        .keys()
        .filter(|name| !seen.contains_key(*name))
        .collect();
    assert!(unused.is_empty(), "no file has {unused:?}: {seen:?}");
}
