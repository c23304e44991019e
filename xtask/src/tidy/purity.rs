//! Pure code takes clock, environment and network as arguments.
//!
//! Clippy does the work (`disallowed_methods` in `clippy.toml`, with the reason and the replacement);
//! this check makes sure that each pure part of the layer table has opted in.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::layers;

const OPT_IN: &str = "#![warn(clippy::disallowed_methods)]";

/// `pure` is `all` (the crate's root opts in), a list of modules such as `rules`, or `–`.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for row in layers::read_table(root)? {
        for part in row
            .pure_part
            .split(',')
            .map(|it| it.trim().trim_matches('`'))
        {
            let file = match part {
                "–" | "" => continue,
                "all" => format!("crates/{}/src/lib.rs", row.name),
                module => format!(
                    "crates/{}/src/{}/mod.rs",
                    row.name,
                    module.trim_end_matches('/')
                ),
            };
            match fs::read_to_string(root.join(&file)) {
                Ok(text) if text.contains(OPT_IN) => {}
                Ok(_) => complaints.push(format!(
                    "{file}: it is pure (layer table): put `{OPT_IN}` at its top"
                )),
                Err(_) => complaints.push(format!(
                    "{file}: the layer table calls it pure, but it is not there"
                )),
            }
        }
    }
    Ok(complaints)
}
