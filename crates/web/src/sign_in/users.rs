//! The users file: names, roles, argon2 hashes of passwords and SHA-256 hashes of tokens.
//!
//! ```toml
//! [[users]]
//! name = "ada"
//! role = "operator"
//! password_hash = "$argon2id$v=19$…"   # watchpost-web hash-password
//!
//! [[tokens]]
//! name = "backup-script"
//! role = "viewer"
//! token_hash = "…"                     # watchpost-web new-token
//! ```

use std::path::{Path, PathBuf};

use argon2::password_hash::SaltString;
use argon2::{Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use watchpost_service::secret::Secret;

use super::{Role, Who};

/// Bytes of a session's or a script's token: as many as a SHA-256 key.
const TOKEN_BYTES: usize = 32;

/// The hash of a user's entry.
pub type Stamp = [u8; 32];

/// Who may sign in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Users {
    users: Vec<User>,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    name: String,
    role: Role,
    password_hash: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    name: String,
    role: Role,
    token_hash: String,
}

/// A users file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// It cannot be read, or others may write it.
    #[error(transparent)]
    File(#[from] watchpost_service::secret::SecretFileError),
    /// Its text is wrong.
    #[error("{}: {reason}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What a hash may cost, in KiB and in passes: each try to sign in pays it. (`hash-password` takes 19 MiB and two.)
const MOST_MEMORY: u32 = 1 << 20;
const MOST_PASSES: u32 = 100;

fn is_usable(hash: &PasswordHash<'_>) -> bool {
    let cost = Params::try_from(hash);
    let is_modest =
        cost.is_ok_and(|cost| cost.m_cost() <= MOST_MEMORY && cost.t_cost() <= MOST_PASSES);
    hash.algorithm.as_str() == "argon2id" && is_modest
}

impl Users {
    /// Reads and checks the file.
    pub fn read(path: &Path) -> Result<Users, UsersError> {
        let text = Secret::from_file(path)?;
        Self::parse(text.reveal()).map_err(|reason| UsersError::Text {
            path: path.to_owned(),
            reason,
        })
    }

    /// Reads and checks its text.
    pub fn parse(text: &str) -> Result<Users, String> {
        let users: Users = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        for user in &users.users {
            let hash = PasswordHash::new(&user.password_hash);
            if !hash.is_ok_and(|hash| is_usable(&hash)) {
                return Err(format!(
                    "password_hash of user {:?} is not an argon2id hash of at most 1 GiB and 100 passes; make one with: \
                     watchpost-web hash-password",
                    user.name
                ));
            }
        }
        for token in &users.tokens {
            if unhex(&token.token_hash).is_none() {
                return Err(format!(
                    "token_hash of token {:?} is not the SHA-256 of a token; make one with: watchpost-web new-token",
                    token.name
                ));
            }
        }
        let mut names: Vec<&str> = users.users.iter().map(|user| user.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(format!("user {:?} is listed twice", twice[0])),
            None if users.users.is_empty() && users.tokens.is_empty() => {
                Err("names no user and no token".to_owned())
            }
            None => Ok(users),
        }
    }

    /// The user of a name and password. Takes as long when there is no such user: some 30 ms of a
    /// core and 19 MiB, so run it off the threads that serve.
    pub fn sign_in(&self, name: &str, password: &str) -> Option<Who> {
        let user = self.users.iter().find(|user| user.name == name);
        // Somebody's hash, so that the time does not tell whether the name exists.
        let hash = &user.or_else(|| self.stand_in(name))?.password_hash;
        let hash = PasswordHash::new(hash).ok()?;
        let right = Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok();
        user.filter(|_| right).map(|user| Who {
            name: user.name.clone(),
            role: user.role,
            signed_in: true,
        })
    }

    /// A user for a name that is none's: always the same for one name, and over many names each as often, for hashes may
    /// differ in what they cost. Which one it is depends on a hash that is not known outside.
    fn stand_in(&self, name: &str) -> Option<&User> {
        let key = &self.users.first()?.password_hash;
        let chosen = digest(&SHA256, format!("{key} {name}").as_bytes());
        let place = chosen.as_ref().iter().fold(0, |sum, byte| {
            (sum * 256 + usize::from(*byte)) % self.users.len()
        });
        self.users.get(place)
    }

    /// Whose token this is.
    pub fn bearer(&self, token: &str) -> Option<Who> {
        let given = digest(&SHA256, token.as_bytes());
        let is = |known: &&Token| {
            unhex(&known.token_hash).is_some_and(|hash| bool::from(hash.ct_eq(given.as_ref())))
        };
        let found = self.tokens.iter().find(is);
        found.map(|token| Who {
            name: token.name.clone(),
            role: token.role,
            signed_in: false,
        })
    }

    /// What a user's entry is known by: another role or password gives another, so that sessions
    /// which began by the old entry end.
    pub fn stamp(&self, name: &str) -> Option<Stamp> {
        let user = self.users.iter().find(|user| user.name == name)?;
        let entry = format!("{} {}", user.role.name(), user.password_hash);
        let hash = digest(&SHA256, entry.as_bytes());
        hash.as_ref().try_into().ok()
    }
}

/// The hash of a password as a PHC string, with a salt of its own.
pub fn hash_password(password: &str) -> Result<String, String> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "the system gives no random numbers".to_owned())?;
    let salt = SaltString::encode_b64(&bytes).map_err(|error| error.to_string())?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

/// A new token and its entry for the users file.
pub fn new_token() -> Result<String, String> {
    let token = random().ok_or("the system gives no random numbers")?;
    let hash = hex(digest(&SHA256, token.as_bytes()).as_ref());
    Ok(format!(
        "# The token, shown once:\n# {token}\n\n[[tokens]]\nname = \"NAME\"\nrole = \"viewer\"\ntoken_hash = \"{hash}\"\n"
    ))
}

/// A random text of 64 hexadecimal digits.
pub(crate) fn random() -> Option<String> {
    let mut bytes = [0; TOKEN_BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(hex(&bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let right = text.len() == 2 * TOKEN_BYTES && text.is_ascii();
    let pairs = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
    right.then(|| pairs.collect())?
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn names_that_are_none_cost_what_any_user_costs() {
        let entry = |name: &str, memory: u32| {
            let cost = Params::new(memory, 1, 1, None).unwrap();
            let argon = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cost);
            let salt = SaltString::encode_b64(name.as_bytes()).unwrap();
            let hash = argon.hash_password(b"password", &salt).unwrap();
            format!("[[users]]\nname = \"{name}\"\nrole = \"viewer\"\npassword_hash = \"{hash}\"\n")
        };
        let text =
            entry("ada-lovelace", 8) + &entry("grace-hopper", 16) + &entry("alan-turing", 32);
        let users = Users::parse(&text).unwrap();
        let stands_in = |name: &str| users.stand_in(name).unwrap().name.clone();
        let mut counts = BTreeMap::new();
        for number in 0..300 {
            let name = format!("nobody-{number}");
            assert_eq!(stands_in(&name), stands_in(&name));
            *counts.entry(stands_in(&name)).or_insert(0) += 1;
        }
        assert!(
            counts.len() == 3 && counts.values().all(|count| (60..140).contains(count)),
            "{counts:?}"
        );
    }
}
