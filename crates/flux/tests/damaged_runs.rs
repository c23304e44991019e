//! Programs damaged at random are refused or answered: never a panic, never without end.

use watchpost_flux::{Limits, Program, Run};

use crate::golden::data;

/// How many damaged programs are run. Each is the same in every run of the test.
const RUNS: u64 = 2_000;

/// The texts of all recorded queries.
fn queries() -> Vec<String> {
    let mut queries = Vec::new();
    for file in std::fs::read_dir("testdata/golden").expect("the recorded queries") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a text");
        let blocks = text.split("```flux\n").skip(1);
        queries.extend(blocks.filter_map(|block| Some(block.split_once("\n```")?.0.to_owned())));
    }
    queries.sort();
    queries
}

/// A repeatable sequence of numbers (Knuth's MMIX linear congruential generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// A query with some of its words exchanged for words of another, so that most still parse.
fn damaged(queries: &[String], numbers: &mut Numbers) -> String {
    let mut words: Vec<&str> = words(&queries[numbers.below(queries.len())]);
    let other = self::words(&queries[numbers.below(queries.len())]);
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(words.len());
        let kind = |word: &str| {
            word.chars()
                .next()
                .map(|first| (first.is_alphabetic(), first.is_numeric(), first == '"'))
        };
        let alike: Vec<&str> = other
            .iter()
            .copied()
            .filter(|word| kind(word) == kind(words[at]))
            .collect();
        if !alike.is_empty() {
            words[at] = alike[numbers.below(alike.len())];
        }
    }
    words.concat()
}

/// A text as its words, texts, numbers and what is between.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let quoted = || rest[1..].find('"').map_or(rest.len(), |end| end + 2);
        let run = |same: fn(char) -> bool| rest.find(|c| !same(c)).unwrap_or(rest.len());
        let length = match first {
            '"' => quoted(),
            c if c.is_alphabetic() || c == '_' => run(|c| c.is_alphanumeric() || c == '_'),
            c if c.is_numeric() => run(|c| c.is_alphanumeric() || matches!(c, '-' | ':' | '.')),
            c => c.len_utf8(),
        };
        words.push(&rest[..length]);
        rest = &rest[length..];
    }
    words
}

#[test]
fn damaged_programs_end_without_a_panic() {
    let queries = queries();
    let source = data();
    let limits = Limits {
        memory_bytes: 64 << 20,
        rows: 100_000,
        tables: 10_000,
        recursion: 50,
    };
    let mut answered = 0;
    for seed in 0..RUNS {
        let text = damaged(&queries, &mut Numbers(seed));
        let Ok(program) = Program::compile(&text, None, 1_709_337_600_000_000_000) else {
            continue;
        };
        let run = Run {
            source: &source,
            effects: &source,
            limits,
            check: &|| Ok(()),
        };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            program.run(&run, &mut |_, _| Ok(()))
        }));
        assert!(outcome.is_ok(), "seed {seed} panics:\n{text}");
        answered += usize::from(outcome.is_ok_and(|outcome| outcome.is_ok()));
    }
    assert!(
        answered > 0,
        "no damaged program runs: the damage is too great to test anything"
    );
}
