//! Lists of points as one. Points of one time come in the order in which InfluxDB's merge hands them out, that of Go's
//! `container/heap`: clients see it, and LIMIT cuts by it.

use std::cmp::Ordering;
use std::rc::Rc;

use watchpost_core::point::FieldValue;

use super::point::{Key, Options, Point};

/// Merges lists that are each in order, into one by key and time.
pub(super) fn sorted(lists: Vec<Vec<Point>>, options: &Options) -> Vec<Point> {
    merged(lists, options, By::Time)
}

/// Merges lists that are each in order, into one by key and window: points of a window come list by list.
pub(super) fn by_window(lists: Vec<Vec<Point>>, options: &Options) -> Vec<Point> {
    merged(lists, options, By::Window)
}

/// As the statement wants it.
pub(super) fn merge(lists: Vec<Vec<Point>>, options: &Options) -> Vec<Point> {
    match options.ordered {
        true => sorted(lists, options),
        false => by_window(lists, options),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Time,
    Window,
}

fn merged(mut lists: Vec<Vec<Point>>, options: &Options, by: By) -> Vec<Point> {
    if lists.len() < 2 {
        return lists.pop().unwrap_or_default();
    }
    let total = lists.iter().map(Vec::len).sum();
    let mut heap = Heap {
        items: Vec::with_capacity(lists.len()),
        options,
        by,
    };
    for list in lists {
        let mut rest = list.into_iter();
        if let Some(point) = rest.next() {
            heap.items.push(heap.item(point, rest));
        }
    }
    for start in (0..heap.items.len() / 2).rev() {
        heap.down(start, heap.items.len());
    }
    let mut merged = Vec::with_capacity(total);
    while let Some(item) = heap.pop() {
        let Item {
            point,
            mut rest,
            window,
        } = item;
        let key = Rc::clone(&point.key);
        merged.push(point);
        if by == By::Time {
            if let Some(next) = rest.next() {
                heap.push(heap.item(next, rest));
            }
            continue;
        }
        // A list goes on until its next point is of another window.
        while let Some(next) = rest.next() {
            let is_within = options.compare_keys(&key, &next.key) == Ordering::Equal
                && match options.ascending {
                    true => next.time < window.1,
                    false => next.time >= window.0,
                };
            if !is_within {
                heap.push(heap.item(next, rest));
                break;
            }
            merged.push(next);
        }
    }
    merged
}

struct Item {
    point: Point,
    rest: std::vec::IntoIter<Point>,
    /// The window of the point, where lists are merged by windows.
    window: (i64, i64),
}

struct Heap<'a> {
    items: Vec<Item>,
    options: &'a Options,
    by: By,
}

impl Heap<'_> {
    fn item(&self, point: Point, rest: std::vec::IntoIter<Point>) -> Item {
        let window = match self.by {
            By::Window => self.options.window(point.time),
            By::Time => (0, 0),
        };
        Item {
            point,
            rest,
            window,
        }
    }

    fn less(&self, left: usize, right: usize) -> bool {
        let (left, right) = (&self.items[left], &self.items[right]);
        let options = self.options;
        let by_key = options.compare_keys(&left.point.key, &right.point.key);
        if by_key != Ordering::Equal {
            return by_key == Ordering::Less;
        }
        if self.by == By::Window {
            return options.compare_times(left.window.0, right.window.0) == Ordering::Less;
        }
        let by_time = options.compare_times(left.point.time, right.point.time);
        if by_time != Ordering::Equal {
            return by_time == Ordering::Less;
        }
        let pairs = left
            .point
            .auxiliary
            .iter()
            .zip(right.point.auxiliary.iter());
        for pair in pairs {
            let (Some(FieldValue::String(left)), Some(FieldValue::String(right))) = pair else {
                return false;
            };
            if left != right {
                return (left < right) == options.ascending;
            }
        }
        false
    }

    fn push(&mut self, item: Item) {
        self.items.push(item);
        let mut child = self.items.len() - 1;
        while child > 0 && self.less(child, (child - 1) / 2) {
            self.items.swap(child, (child - 1) / 2);
            child = (child - 1) / 2;
        }
    }

    fn pop(&mut self) -> Option<Item> {
        let last = self.items.len().checked_sub(1)?;
        self.items.swap(0, last);
        self.down(0, last);
        self.items.pop()
    }

    fn down(&mut self, mut parent: usize, length: usize) {
        loop {
            let left = 2 * parent + 1;
            if left >= length {
                return;
            }
            let right = left + 1;
            let child = match right < length && self.less(right, left) {
                true => right,
                false => left,
            };
            if !self.less(child, parent) {
                return;
            }
            self.items.swap(parent, child);
            parent = child;
        }
    }
}

/// The first points of each key.
pub(super) fn limited(points: Vec<Point>, offset: usize, limit: usize) -> Vec<Point> {
    let mut before: Option<Rc<Key>> = None;
    let mut count = 0;
    let keep = |point: &Point| {
        if before.as_ref().is_none_or(|key| *key != point.key) {
            before = Some(Rc::clone(&point.key));
            count = 0;
        }
        count += 1;
        count > offset && (limit == 0 || count - offset <= limit)
    };
    let mut points = points;
    points.retain(keep);
    points
}
