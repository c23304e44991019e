//! The brake on guessing passwords: how many may be tried for a user, from an address, and for a user from an address.
//!
//! A try is counted before the password is looked at, so that many at once do not pass together, and given back if the
//! password was right. What is remembered is bounded: when it is full, what is nearest to being forgotten goes.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::auth::token::TokenHash;

/// Users and addresses remembered at most: 4,096 of some 100 bytes; guessing for more users than that fills the queue of
/// checks first.
const MOST_REMEMBERED: usize = 4_096;

const SECOND: i64 = 1_000_000_000;

/// Tries that may be made at once, and how long it takes until another one may be.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    tries: i64,
    refill: i64,
}

/// A person who mistypes: five tries, then one in twelve seconds.
const PAIR: Allowance = Allowance {
    tries: 5,
    refill: 12 * SECOND,
};

/// An address may be a proxy that many people share.
const ADDRESS: Allowance = Allowance {
    tries: 20,
    refill: 3 * SECOND,
};

/// Wide, for it also shuts out the user whose password is guessed from many addresses.
const USER: Allowance = Allowance {
    tries: 60,
    refill: SECOND,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// By the hash of the name: names are of any length.
    User(TokenHash),
    Address(IpAddr),
    Pair(TokenHash, IpAddr),
}

/// Who tries: a name and where the request came from.
#[derive(Debug, Clone)]
pub struct Guess([(Key, Allowance); 3]);

impl Guess {
    /// Of a user's name, from an address; of IPv6 the network counts, for whoever has one address has 2^64.
    pub fn of(name: &str, from: IpAddr) -> Self {
        let from = match from.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
            address => address,
        };
        let name = TokenHash::of(name);
        Self([
            (Key::Pair(name.clone(), from), PAIR),
            (Key::Address(from), ADDRESS),
            (Key::User(name), USER),
        ])
    }
}

/// Tries that were made.
#[derive(Debug, Default)]
pub struct Brake {
    /// When all tries of a key are there again, nanoseconds since 1970.
    recovered: Mutex<HashMap<Key, i64>>,
}

impl Brake {
    /// Counts a try.
    ///
    /// # Errors
    /// Too many were made; the seconds after which another one may be.
    pub fn count(&self, guess: &Guess, now: i64) -> Result<(), u32> {
        let mut recovered = self
            .recovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let wait = guess.0.iter().filter_map(|(key, allowance)| {
            let at = recovered.get(key).copied().unwrap_or(now).max(now);
            let over = at + allowance.refill - now - allowance.tries * allowance.refill;
            (over > 0).then_some(over)
        });
        if let Some(wait) = wait.max() {
            return Err(u32::try_from(wait / SECOND + 1).unwrap_or(u32::MAX));
        }
        for (key, allowance) in &guess.0 {
            make_room(&mut recovered, key, now);
            let at = recovered.entry(key.clone()).or_insert(now);
            *at = (*at).max(now) + allowance.refill;
        }
        Ok(())
    }

    /// Gives a try back: the password was right.
    pub fn give_back(&self, guess: &Guess) {
        let mut recovered = self
            .recovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (key, allowance) in &guess.0 {
            if let Some(at) = recovered.get_mut(key) {
                *at -= allowance.refill;
            }
        }
    }
}

fn make_room<K: Hash + Eq + Clone>(recovered: &mut HashMap<K, i64>, key: &K, now: i64) {
    if recovered.len() < MOST_REMEMBERED || recovered.contains_key(key) {
        return;
    }
    recovered.retain(|_, at| *at > now);
    if recovered.len() < MOST_REMEMBERED {
        return;
    }
    let nearest = recovered.iter().min_by_key(|(_, at)| **at);
    if let Some(nearest) = nearest.map(|(key, _)| key.clone()) {
        recovered.remove(&nearest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// How many of so many tries at one moment pass.
    fn passed(brake: &Brake, guesses: impl Iterator<Item = Guess>, now: i64) -> usize {
        guesses
            .filter(|guess| brake.count(guess, now).is_ok())
            .count()
    }

    #[test]
    fn tries_are_used_up_and_come_back() {
        let brake = Brake::default();
        let ada = || std::iter::repeat_n(Guess::of("ada", address("10.0.0.1")), 100);
        assert_eq!(passed(&brake, ada(), 0), 5);
        assert_eq!(passed(&brake, ada(), 11 * SECOND), 0);
        assert_eq!(passed(&brake, ada(), 12 * SECOND), 1);
        let elsewhere = Guess::of("ada", address("10.0.0.2"));
        assert!(
            brake.count(&elsewhere, 12 * SECOND).is_ok(),
            "another address may"
        );
    }

    #[test]
    fn many_names_from_one_address_and_one_name_from_many_are_braked() {
        let brake = Brake::default();
        let names = (0..100).map(|turn| Guess::of(&format!("user{turn}"), address("10.0.0.1")));
        assert_eq!(passed(&brake, names, 0), 20);
        let brake = Brake::default();
        let addresses = (0..200).map(|turn| Guess::of("ada", address(&format!("10.0.1.{turn}"))));
        assert_eq!(passed(&brake, addresses, 0), 60);
        let brake = Brake::default();
        let network = (0..100).map(|turn| Guess::of("ada", address(&format!("2001:db8::{turn}"))));
        assert_eq!(passed(&brake, network, 0), 5);
    }

    #[test]
    fn a_right_password_costs_no_try() {
        let brake = Brake::default();
        let guess = Guess::of("ada", address("10.0.0.1"));
        for _ in 0..100 {
            assert!(brake.count(&guess, 0).is_ok());
            brake.give_back(&guess);
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let brake = Brake::default();
        for turn in 0..3 * MOST_REMEMBERED {
            let from = IpAddr::V4(u32::try_from(turn).expect("small").into());
            let _ = brake.count(&Guess::of(&turn.to_string(), from), 0);
        }
        let remembered = brake.recovered.lock().expect("whole").len();
        assert!(remembered <= MOST_REMEMBERED + 2, "{remembered}");
    }
}
