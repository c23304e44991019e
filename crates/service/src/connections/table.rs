//! Who holds a connection. When all places are taken, a new connection takes the place of the one
//! that has waited longest without a request; one that is being served is never ended for another.
//!
//! Half requests therefore push out each other, never those who work. One that was just accepted is
//! spared as long as there are others: its request is on its way, and many that come at once, or a
//! crowd before a small port, would otherwise end each other's. Where everybody works, two
//! small reserves stay: one for loopback, so that an operator gets in, and one for probes, which is
//! answered `/health` and the like alone.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::limits::Limits;

/// What a connection may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Everything: one of the places for all.
    Open,
    /// Everything, from the reserve for loopback.
    Loopback,
    /// Whether the process is well, from the reserve for probes.
    Probes,
}

/// The places of a process.
#[derive(Debug)]
pub struct Table {
    limits: Limits,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    open: usize,
    loopback: usize,
    probes: usize,
    /// Open places by address.
    by_address: HashMap<IpAddr, usize>,
    /// Those without a request, in the order in which they make room.
    waiting: BTreeMap<Key, Waiting>,
    next: u64,
}

/// Those who never sent a request make room first, then those who wait longest. `since` counts how often one began to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    has_asked: bool,
    since: u64,
}

#[derive(Debug)]
struct Waiting {
    class: Class,
    address: IpAddr,
    evicted: CancellationToken,
}

impl Table {
    /// All places are free.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            places: Mutex::default(),
        })
    }

    /// A place for a connection from `peer`; `None` where even the reserves are taken by requests
    /// that are being served.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let address = network(peer);
        let mut places = self.lock();
        let class = places.choose(address, &self.limits)?;
        *places.taken(class) += 1;
        if class == Class::Open {
            *places.by_address.entry(address).or_default() += 1;
        }
        let evicted = CancellationToken::new();
        let key = places.wait(false, class, address, evicted.clone());
        Some(Seat {
            table: Arc::clone(self),
            address,
            class,
            evicted,
            requests: AtomicU64::new(0),
            is_serving: AtomicBool::new(false),
            key: Mutex::new(key),
        })
    }

    /// Ends the connection that has waited longest, whatever its class: for a process that has no
    /// descriptor left.
    pub fn evict_one(&self) {
        let mut places = self.lock();
        let limit = self.limits.connections;
        places.evict(limit, |_| true);
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn choose(&mut self, address: IpAddr, limits: &Limits) -> Option<Class> {
        let own = self.by_address.get(&address).copied().unwrap_or_default();
        let may = address.is_loopback()
            || own < limits.per_address
            || self.evict(limits.per_address, |other| {
                other.class == Class::Open && other.address == address
            });
        if may && self.has_room(Class::Open, limits.connections) {
            return Some(Class::Open);
        }
        if address.is_loopback() && self.has_room(Class::Loopback, limits.reserve) {
            return Some(Class::Loopback);
        }
        self.has_room(Class::Probes, limits.reserve)
            .then_some(Class::Probes)
    }

    /// Whether a place of the class is free, or somebody who waited has made room.
    fn has_room(&mut self, class: Class, limit: usize) -> bool {
        *self.taken(class) < limit || self.evict(limit, |other| other.class == class)
    }

    fn taken(&mut self, class: Class) -> &mut usize {
        match class {
            Class::Open => &mut self.open,
            Class::Loopback => &mut self.loopback,
            Class::Probes => &mut self.probes,
        }
    }

    fn wait(
        &mut self,
        has_asked: bool,
        class: Class,
        address: IpAddr,
        evicted: CancellationToken,
    ) -> Key {
        let since = self.next;
        self.next += 1;
        let key = Key { has_asked, since };
        let waiting = Waiting {
            class,
            address,
            evicted,
        };
        self.waiting.insert(key, waiting);
        key
    }

    /// Ends one of those who may go, of `limit` places that they have.
    fn evict(&mut self, limit: usize, may_go: impl Fn(&Waiting) -> bool) -> bool {
        let first_from = |has_asked| {
            let start = Key {
                has_asked,
                since: 0,
            };
            let mut all = self.waiting.range(start..);
            all.find(|(_, waiting)| may_go(waiting))
                .map(|(key, _)| *key)
        };
        let Some(mut key) = first_from(false) else {
            return false;
        };
        // So many that came after it, or asked since, have not yet taken half of the places.
        let is_new = self.next - key.since < limit as u64 / 2;
        if !key.has_asked && is_new {
            key = first_from(true).unwrap_or(key);
        }
        if let Some(waiting) = self.waiting.remove(&key) {
            self.release(waiting.class, waiting.address);
            waiting.evicted.cancel();
        }
        true
    }

    fn release(&mut self, class: Class, address: IpAddr) {
        *self.taken(class) -= 1;
        if class == Class::Open
            && let Some(own) = self.by_address.get_mut(&address)
        {
            *own -= 1;
            if *own == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

/// A connection's place, given back when dropped.
#[derive(Debug)]
pub struct Seat {
    table: Arc<Table>,
    address: IpAddr,
    class: Class,
    evicted: CancellationToken,
    /// Requests so far.
    requests: AtomicU64,
    is_serving: AtomicBool,
    key: Mutex<Key>,
}

impl Seat {
    /// What the connection may ask for.
    pub fn class(&self) -> Class {
        self.class
    }

    /// A request begins. False where the place went to another in this very moment.
    pub fn begin(&self) -> bool {
        let mut places = self.table.lock();
        let stays = places.waiting.remove(&self.key()).is_some();
        self.is_serving.store(stays, Ordering::Release);
        self.requests.fetch_add(1, Ordering::AcqRel);
        stays
    }

    /// Its answer was given: the connection waits for the next.
    pub fn end(&self) {
        let mut places = self.table.lock();
        if self.is_serving.swap(false, Ordering::AcqRel) {
            let key = places.wait(true, self.class, self.address, self.evicted.clone());
            *self.key.lock().unwrap_or_else(PoisonError::into_inner) = key;
        }
    }

    /// Whether a request is being served.
    pub fn is_serving(&self) -> bool {
        self.is_serving.load(Ordering::Acquire)
    }

    /// How many requests have begun.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Acquire)
    }

    /// Returns when the place went to another connection.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    fn key(&self) -> Key {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut places = self.table.lock();
        let held = self.is_serving() || places.waiting.remove(&self.key()).is_some();
        if held {
            places.release(self.class, self.address);
        }
    }
}

/// The address that is counted: one network of 64 bits with IPv6, which a single host usually has
/// to itself (RFC 7421).
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let bits = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        other => other,
    }
}
