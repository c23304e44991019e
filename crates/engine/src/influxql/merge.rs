//! Rows of several series in order of time. Rows of one time come in the order in which InfluxDB's merge hands them out,
//! that of Go's `container/heap`: clients see it, and `LIMIT` cuts by it.

/// Merges lists that are each in order of time (descending: reverse order), into `(list, position in it)`.
pub(super) fn merge(lists: &[&[i64]], descending: bool) -> Vec<(usize, usize)> {
    let total = lists.iter().map(|list| list.len()).sum();
    let mut heap = Heap {
        lists,
        descending,
        items: Vec::new(),
    };
    let mut order: Vec<usize> = (0..lists.len()).collect();
    if descending {
        order.reverse();
    }
    heap.items.extend(
        order
            .into_iter()
            .filter(|list| !lists[*list].is_empty())
            .map(|list| (list, 0)),
    );
    for start in (0..heap.items.len() / 2).rev() {
        heap.down(start, heap.items.len());
    }
    let mut merged = Vec::with_capacity(total);
    while let Some((list, turn)) = heap.pop() {
        merged.push((list, heap.place((list, turn))));
        if turn + 1 < lists[list].len() {
            heap.push((list, turn + 1));
        }
    }
    merged
}

struct Heap<'a> {
    lists: &'a [&'a [i64]],
    descending: bool,
    /// A list, and how many of its rows were handed out.
    items: Vec<(usize, usize)>,
}

impl Heap<'_> {
    fn place(&self, (list, turn): (usize, usize)) -> usize {
        if self.descending {
            self.lists[list].len() - 1 - turn
        } else {
            turn
        }
    }

    fn less(&self, left: usize, right: usize) -> bool {
        let time = |item: (usize, usize)| self.lists[item.0][self.place(item)];
        let (left, right) = (time(self.items[left]), time(self.items[right]));
        if self.descending {
            left > right
        } else {
            left < right
        }
    }

    fn push(&mut self, item: (usize, usize)) {
        self.items.push(item);
        let mut child = self.items.len() - 1;
        while child > 0 && self.less(child, (child - 1) / 2) {
            self.items.swap(child, (child - 1) / 2);
            child = (child - 1) / 2;
        }
    }

    fn pop(&mut self) -> Option<(usize, usize)> {
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
            let child = if right < length && self.less(right, left) {
                right
            } else {
                left
            };
            if !self.less(child, parent) {
                return;
            }
            self.items.swap(parent, child);
            parent = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_come_in_the_order_that_clients_know() {
        let lists: [&[i64]; 5] = [&[0, 60], &[0, 60], &[0], &[0], &[0]];
        let merged = merge(&lists, false);
        assert_eq!(
            merged,
            [(0, 0), (4, 0), (1, 0), (3, 0), (2, 0), (1, 1), (0, 1)]
        );
        assert_eq!(merge(&lists, true)[..2], [(1, 1), (0, 1)]);
    }
}
