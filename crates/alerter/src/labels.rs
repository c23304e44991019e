//! Label sets and their fingerprints: the identity of a series and of an alert.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The label that holds the rule's name, as in Prometheus and Alertmanager.
pub const ALERT_NAME: &str = "alertname";
/// The label that holds the severity.
pub const SEVERITY: &str = "severity";

/// Ends each name and each value inside of [`Labels`]; no text may contain it.
const END: char = '\0';

/// A sorted set of labels. A missing label and an empty one mean the same.
///
/// One piece of memory, `name END value END …` in the order of names: there are several sets for
/// each of many thousand alerts, and each has few labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Box<str>);

impl Labels {
    pub fn new() -> Labels {
        Labels::default()
    }

    /// Of pairs with distinct names.
    fn of_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Labels {
        let mut text = String::new();
        for (name, value) in pairs.filter(|(_, value)| !value.is_empty()) {
            for part in [name, value] {
                text.extend(part.chars().map(|c| if c == END { '\u{fffd}' } else { c }));
                text.push(END);
            }
        }
        Labels(text.into_boxed_str())
    }

    /// The value of a label; empty when it is absent.
    pub fn get(&self, name: &str) -> &str {
        let found = self.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: impl AsRef<str>, value: impl AsRef<str>) {
        let mut pairs: BTreeMap<&str, &str> = self.iter().collect();
        pairs.insert(name.as_ref(), value.as_ref());
        *self = Labels::of_sorted(pairs.into_iter());
    }

    pub fn with(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Labels {
        self.set(name, value);
        self
    }

    pub fn without(self, name: &str) -> Labels {
        Labels::of_sorted(self.iter().filter(|(known, _)| *known != name))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut parts = self.0.split_terminator(END);
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Only the named labels that are present.
    pub fn project(&self, names: &[String]) -> Labels {
        Labels::of_sorted(
            self.iter()
                .filter(|(name, _)| names.iter().any(|n| n == name)),
        )
    }

    /// A hash of names and values (FNV-1a, 64 bits, a 0xff byte after each part, as
    /// Prometheus does it), so that a fingerprint is the same after a restart.
    pub fn fingerprint(&self) -> Fingerprint {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let end = u8::try_from(END).unwrap_or(0);
        let byte = |byte: u8| if byte == end { 0xff } else { byte };
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        Fingerprint(self.0.bytes().map(byte).fold(OFFSET, step))
    }
}

impl FromIterator<(String, String)> for Labels {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Labels {
        let sorted: BTreeMap<String, String> = pairs.into_iter().collect();
        let pairs = sorted.iter();
        Labels::of_sorted(pairs.map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Labels {
    fn from(pairs: [(&str, &str); N]) -> Labels {
        Labels::of_sorted(BTreeMap::from(pairs).into_iter())
    }
}

/// A map from name to value.
impl Serialize for Labels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
        let pairs = BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}

impl fmt::Display for Labels {
    /// `name=value,name=value`, sorted by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}={value}")?;
        }
        Ok(())
    }
}

/// Identity of a label set; 16 hexadecimal digits in text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Fingerprint, String> {
        u64::from_str_radix(text, 16)
            .map(Fingerprint)
            .map_err(|_| format!("{text:?} is not a fingerprint (16 hexadecimal digits)"))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
