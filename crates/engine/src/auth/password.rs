//! Passwords of users: PBKDF2-HMAC-SHA256 with a salt each.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::pbkdf2;
use serde::{Deserialize, Serialize};

/// OWASP's advice for PBKDF2-HMAC-SHA256 (Password Storage Cheat Sheet, 2023): about 0.2 s of one core.
const ITERATIONS: u32 = 600_000;

/// InfluxDB takes passwords of 8 to 72 bytes (the upper end is bcrypt's).
pub const LENGTHS: std::ops::RangeInclusive<usize> = 8..=72;

/// A hashed password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    iterations: u32,
    salt: String,
    hash: String,
}

/// A password that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("passwords must be between 8 and 72 characters long")]
pub struct PasswordLength;

impl PasswordHash {
    /// Hashes a password. Slow on purpose.
    ///
    /// # Errors
    /// The password is too short or too long.
    pub fn of(password: &str) -> Result<Self, PasswordLength> {
        if !LENGTHS.contains(&password.len()) {
            return Err(PasswordLength);
        }
        let salt = super::random_bytes::<16>();
        let mut hash = [0; 32];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            rounds(ITERATIONS),
            &salt,
            password.as_bytes(),
            &mut hash,
        );
        Ok(Self {
            iterations: ITERATIONS,
            salt: STANDARD.encode(salt),
            hash: STANDARD.encode(hash),
        })
    }

    /// The hash of no password, which takes as long to compare.
    pub fn of_nobody() -> Self {
        Self {
            iterations: ITERATIONS,
            salt: STANDARD.encode([0; 16]),
            hash: STANDARD.encode([0; 32]),
        }
    }

    /// Rounds that a comparison takes.
    pub fn rounds(&self) -> u64 {
        rounds(self.iterations).get().into()
    }

    /// Whether the password is the hashed one, compared in constant time. Slow on purpose.
    pub fn matches(&self, password: &str) -> bool {
        let (Ok(salt), Ok(hash)) = (STANDARD.decode(&self.salt), STANDARD.decode(&self.hash))
        else {
            return false;
        };
        let rounds = rounds(self.iterations);
        pbkdf2::verify(
            pbkdf2::PBKDF2_HMAC_SHA256,
            rounds,
            &salt,
            password.as_bytes(),
            &hash,
        )
        .is_ok()
    }
}

fn rounds(iterations: u32) -> NonZeroU32 {
    NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash() {
        let hash = PasswordHash::of("correct horse").expect("long enough");
        assert!(hash.matches("correct horse"));
        assert!(!hash.matches("wrong horse"));
        assert_eq!(PasswordHash::of("short"), Err(PasswordLength));
    }
}
