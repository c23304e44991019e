//! Sums and counts that are bad when they are small: a window that the series was not there for, or that
//! holds the edge of a hole, has a small sum of its own making.

use crate::alert::Nanos;

/// The total of the cells of the window (start, stop), each with its end; `None` when a part of it is
/// empty that is longer than twice what usually lies between two cells with points.
pub fn total(cells: &[(Nanos, f64)], length: Nanos, (start, stop): (Nanos, Nanos)) -> Option<f64> {
    let numbers: Vec<Nanos> = cells
        .iter()
        .map(|(end, _)| (end - 1).div_euclid(length))
        .collect();
    let mut gaps: Vec<Nanos> = numbers.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    let usual = gaps.get(gaps.len() / 2).copied().unwrap_or(1).max(1);
    let before = start.div_euclid(length) - 1;
    let after = (stop - 1).div_euclid(length) + 1;
    let edges = [*numbers.first()? - before, after - *numbers.last()?];
    let longest = gaps.into_iter().chain(edges).max()?;
    (longest - 1 <= 2 * usual).then(|| cells.iter().map(|(_, value)| value).sum())
}
