//! Who a caller is and what they may do: tokens, passwords, sessions and permissions.

pub mod authenticate;
pub mod brake;
pub mod checks;
pub mod password;
pub mod permission;
pub mod session;
pub mod token;

pub use authenticate::{Caller, Credentials};
pub use permission::{Action, Permission, Permissions, ResourceType};

use ring::rand::{SecureRandom, SystemRandom};

/// Bytes from the operating system's generator.
///
/// # Panics
/// The operating system has no randomness to give: nothing secret could be made then, so it is better to stop.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system gives random bytes");
    bytes
}
