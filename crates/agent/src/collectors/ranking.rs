//! Which names are the top N, with hysteresis: a name that enters stays for a while, so that two rivals
//! around rank N do not make and end a series at every sample.

use std::collections::BTreeMap;

/// Samples below the leaving rank after which a name leaves.
const PATIENCE: u32 = 6;

/// The members of a top list, and for how many samples each has been below the leaving rank.
#[derive(Debug)]
pub(super) struct Ranking {
    size: usize,
    members: BTreeMap<String, u32>,
}

impl Ranking {
    /// A list of `size` names at rest, and never of more than twice as many.
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            members: BTreeMap::new(),
        }
    }

    /// Takes the names and values of one sample and gives the members after it.
    ///
    /// A name enters within the first `size` ranks with a value above zero. It leaves after
    /// [`PATIENCE`] samples beyond rank `2 * size`, with a value of zero or absent; or at once when
    /// newcomers fill the list to twice its size.
    pub(super) fn update(&mut self, mut sample: Vec<(&str, f64)>) -> impl Iterator<Item = &str> {
        sample.retain(|(_, value)| *value > 0.0);
        sample.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let rank: BTreeMap<&str, usize> = sample
            .iter()
            .enumerate()
            .map(|(rank, (name, _))| (*name, rank))
            .collect();
        for (name, absent) in &mut self.members {
            let near = rank
                .get(name.as_str())
                .is_some_and(|rank| *rank < 2 * self.size);
            *absent = if near { 0 } else { *absent + 1 };
        }
        self.members.retain(|_, absent| *absent < PATIENCE);
        for (name, _) in sample.iter().take(self.size) {
            self.members.entry((*name).to_owned()).or_insert(0);
        }
        while self.members.len() > 2 * self.size {
            let last = self
                .members
                .keys()
                .max_by_key(|name| rank.get(name.as_str()).copied().unwrap_or(usize::MAX));
            let Some(last) = last.cloned() else { break };
            self.members.remove(&last);
        }
        self.members.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE, Ranking};

    fn update(ranking: &mut Ranking, sample: &[(&str, f64)]) -> String {
        ranking
            .update(sample.to_vec())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn rivals_around_the_last_rank_both_stay() {
        let mut ranking = Ranking::new(1);
        assert_eq!(update(&mut ranking, &[("a", 3.0), ("b", 2.0)]), "a");
        for _ in 0..20 {
            assert_eq!(update(&mut ranking, &[("a", 2.0), ("b", 3.0)]), "a b");
            assert_eq!(update(&mut ranking, &[("a", 3.0), ("b", 2.0)]), "a b");
        }
    }

    #[test]
    fn who_is_idle_leaves_after_a_while() {
        let mut ranking = Ranking::new(1);
        update(&mut ranking, &[("a", 3.0)]);
        for _ in 1..PATIENCE {
            assert_eq!(update(&mut ranking, &[("a", 0.0)]), "a");
        }
        assert_eq!(update(&mut ranking, &[("a", 0.0)]), "");
    }

    #[test]
    fn the_list_never_doubles() {
        let mut ranking = Ranking::new(1);
        update(&mut ranking, &[("a", 3.0)]);
        update(&mut ranking, &[("b", 3.0)]);
        assert_eq!(update(&mut ranking, &[("c", 3.0), ("b", 1.0)]), "b c");
    }
}
