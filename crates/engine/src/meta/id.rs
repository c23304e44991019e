//! Identifiers of resources: 64 bits, written as 16 hexadecimal digits, as InfluxDB's are.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 2020-01-01T00:00:00Z in milliseconds since 1970: ascending ids count from here, so that 42 bits last for 139 years.
const EPOCH_MILLISECONDS: i64 = 1_577_836_800_000;

/// Ids that one millisecond can give before the next one's are borrowed.
const SEQUENCE_BITS: u32 = 20;

/// The id of a resource; never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

/// Why a text is not an id, in InfluxDB's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 16 characters.
    #[error("id must have a length of 16 bytes")]
    Length,
    /// Not hexadecimal, or zero.
    #[error("invalid ID")]
    Invalid,
}

impl Id {
    /// A random id: buckets and organizations have such, so that their ids tell nothing of each other.
    pub fn random() -> Self {
        loop {
            let bits = u64::from_be_bytes(crate::auth::random_bytes());
            // The highest bit stays clear, for clients that read ids into signed integers.
            let id = bits & (u64::MAX >> 1);
            if id >> 32 != 0 {
                return Self(id);
            }
        }
    }

    /// The number, for keys of other layers.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() != 16 {
            return Err(IdError::Length);
        }
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(IdError::Invalid);
        }
        match u64::from_str_radix(text, 16) {
            Ok(0) | Err(_) => Err(IdError::Invalid),
            Ok(number) => Ok(Self(number)),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Gives ids that ascend: users, tokens, tasks, checks and runs have such, so that lists are in order of creation.
#[derive(Debug, Default)]
pub struct AscendingIds {
    last: AtomicU64,
}

impl AscendingIds {
    /// Continues after the highest id that is known.
    pub fn after(highest: Option<Id>) -> Self {
        Self {
            last: AtomicU64::new(highest.map_or(0, |id| id.0)),
        }
    }

    /// The next id; `now` in nanoseconds since 1970. Ascends even when the clock goes back.
    pub fn next(&self, now: i64) -> Id {
        let milliseconds = (now / 1_000_000 - EPOCH_MILLISECONDS).max(1);
        let floor = u64::try_from(milliseconds).unwrap_or(1) << SEQUENCE_BITS;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next = floor.max(last + 1);
            match self
                .last
                .compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Id(next),
                Err(seen) => last = seen,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_even_when_the_clock_goes_back() {
        let ids = AscendingIds::default();
        let first = ids.next(1_700_000_000_000_000_000);
        let second = ids.next(1_600_000_000_000_000_000);
        let third = ids.next(1_700_000_000_001_000_000);
        assert!(first < second && second < third, "{first} {second} {third}");
    }

    #[test]
    fn an_id_is_sixteen_hexadecimal_digits() {
        assert_eq!(
            "0a1b2c3d4e5f6071".parse::<Id>().map(|id| id.to_string()),
            Ok("0a1b2c3d4e5f6071".to_owned())
        );
        assert_eq!("zz".parse::<Id>(), Err(IdError::Length));
        assert_eq!("zzzzzzzzzzzzzzzz".parse::<Id>(), Err(IdError::Invalid));
        assert_eq!("0000000000000000".parse::<Id>(), Err(IdError::Invalid));
        assert_eq!("+00000000000000f".parse::<Id>(), Err(IdError::Invalid));
    }
}
