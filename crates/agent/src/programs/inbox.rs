//! Points between the thread that takes them and the collector that hands them on: bounded, so that a sender waits
//! or is turned away rather than fill the memory of a host.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use watchpost_core::point::Point;

use super::size_of;
use crate::collectors::Points;

/// Points that wait for a collection at most: what one request to the server carries.
pub const MAX_POINTS: usize = 5_000;

/// Bytes that they may take.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

#[derive(Debug, Default)]
struct Held {
    points: Vec<Point>,
    bytes: usize,
}

/// Cheap to clone; clones share what they hold.
#[derive(Clone, Debug, Default)]
pub struct Inbox {
    held: Arc<(Mutex<Held>, Condvar)>,
}

impl Inbox {
    /// Takes a point; gives it back while there is no room.
    pub fn put(&self, point: Point) -> Result<(), Point> {
        let mut held = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = size_of(&point);
        let full = held.points.len() >= MAX_POINTS || held.bytes + bytes > MAX_BYTES;
        // One that is larger than all the room is taken alone.
        if full && !held.points.is_empty() {
            return Err(point);
        }
        held.bytes += bytes;
        held.points.push(point);
        Ok(())
    }

    /// Takes a point, and waits for room at most so long.
    pub fn put_patiently(&self, mut point: Point, patience: Duration) -> Result<(), Point> {
        match self.put(point) {
            Ok(()) => return Ok(()),
            Err(back) => point = back,
        }
        let held = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |held: &mut Held| !held.points.is_empty();
        drop(self.held.1.wait_timeout_while(held, patience, is_full));
        self.put(point)
    }

    /// Takes the points of one request, all or none: while there is room for one, for all.
    pub fn put_all(&self, points: Vec<Point>) -> Result<(), Vec<Point>> {
        let mut held = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.points.len() >= MAX_POINTS || held.bytes >= MAX_BYTES {
            return Err(points);
        }
        held.bytes += points.iter().map(size_of).sum::<usize>();
        held.points.extend(points);
        Ok(())
    }

    /// Whether a request would be taken now.
    pub fn has_room(&self) -> bool {
        let held = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.points.len() < MAX_POINTS && held.bytes < MAX_BYTES
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        let held = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.points.is_empty()
    }

    /// Hands on what there is.
    pub fn empty_into(&self, points: &mut Points) {
        let mut held = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::take(&mut *held);
        self.held.1.notify_all();
        drop(held);
        for point in taken.points {
            points.push_point(point);
        }
    }
}
