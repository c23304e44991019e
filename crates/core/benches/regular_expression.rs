//! A pattern of two thousand host names, as a dashboard's variable makes one, compiled and asked of as many names:
//! `cargo bench -p watchpost-core --bench regular_expression`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use watchpost_core::regular_expression::Regex;

const NAMES: usize = 2_000;

fn names() -> Vec<String> {
    let name = |number: usize| format!("web-{number:04}.prod.example.org");
    (0..NAMES).map(name).collect()
}

fn measure(criterion: &mut Criterion) {
    let names = names();
    let pattern = format!("^({})$", names.join("|"));
    let compile = || Regex::new(&pattern).expect("a pattern");
    criterion.bench_function("2,000 alternatives, compiled", |bencher| {
        bencher.iter(|| black_box(compile()));
    });
    let regex = compile();
    criterion.bench_function("2,000 alternatives, asked of 2,000 names", |bencher| {
        bencher.iter(|| names.iter().filter(|name| regex.is_match(name)).count());
    });
}

criterion_group!(benches, measure);
criterion_main!(benches);
