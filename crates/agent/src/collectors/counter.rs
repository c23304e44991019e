//! The increase of a kernel counter between two readings, through resets and 32-bit wraps.

/// Counters of 32-bit kernels (and some drivers) wrap here.
const WRAP: u64 = 1 << 32;

/// How much a counter grew from `previous` to `current`.
///
/// A counter that went down was either wrapped (it stood in the last quarter of 32 bits and now is in the
/// first) or reset to zero, in which case what it shows now is what it grew by: the rule of Prometheus'
/// `increase()`.
pub fn increase(previous: u64, current: u64) -> u64 {
    if current >= previous {
        return current - previous;
    }
    let wrapped = (WRAP / 4 * 3..WRAP).contains(&previous) && current < WRAP / 4;
    if wrapped {
        current + WRAP - previous
    } else {
        current
    }
}

#[cfg(test)]
mod tests {
    use super::increase;

    #[test]
    fn a_growing_counter_gives_its_difference() {
        assert_eq!(increase(10, 25), 15);
        assert_eq!(increase(25, 25), 0);
    }

    #[test]
    fn a_reset_counter_gives_what_it_shows() {
        assert_eq!(increase(1_000_000, 40), 40);
        assert_eq!(increase(u64::MAX, 7), 7);
    }

    #[test]
    fn a_wrapped_counter_gives_the_way_around() {
        assert_eq!(increase((1 << 32) - 10, 5), 15);
    }
}
