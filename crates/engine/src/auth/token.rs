//! API tokens: made here, shown once, kept only as a hash.
//!
//! A token has 512 bits of randomness, so one round of SHA-256 is enough: there is nothing to guess. Tokens that the
//! operator chose (`--setup-token-file`, the setup request) are expected to be long, too.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use ring::digest;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// SHA-256 of a token, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TokenHash(String);

/// A new token: 64 random bytes in base64 for URLs, 88 characters, as InfluxDB's look.
pub fn generate() -> String {
    URL_SAFE.encode(super::random_bytes::<64>())
}

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, token.as_bytes());
        Self(
            hash.as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }

    /// Whether this is the hash of the token; takes the same time whatever the answer.
    pub fn matches(&self, token: &str) -> bool {
        self.0.as_bytes().ct_eq(Self::of(token).0.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash() {
        let token = generate();
        assert_eq!(token.len(), 88);
        assert!(TokenHash::of(&token).matches(&token));
        assert!(!TokenHash::of(&token).matches("another"));
        assert_ne!(token, generate());
    }
}
