//! The project's commands: `cargo xtask up | test | tidy | bench`.

fn main() {}
