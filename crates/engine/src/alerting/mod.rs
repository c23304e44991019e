//! Checks and notification rules as the Flux scripts that InfluxDB makes of them: their tasks run these.

mod check_script;
mod rule_script;

pub use check_script::check_script;
pub use rule_script::rule_script;

use watchpost_flux::syntax::format;

/// Records longer than this come a member a line, as InfluxDB's formatter lays them out.
const LONGEST_RECORD: usize = 92;

/// A record of texts, on one line if it fits.
fn record(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let line = format!("{{{}}}", members.join(", "));
    if line.len() <= LONGEST_RECORD {
        return line;
    }
    let lines: String = members
        .iter()
        .map(|member| format!("    {member},\n"))
        .collect();
    format!("{{\n{lines}}}")
}

/// `option task = …`; the offset only if there is one.
fn task_option(name: &str, every: &str, offset: Option<&str>) -> String {
    let offset = offset
        .map(|offset| format!(", offset: {offset}"))
        .unwrap_or_default();
    format!(
        "option task = {{name: {}, every: {every}{offset}}}\n",
        format::quote(name)
    )
}

/// A text that may hold `${…}`, as a literal.
fn template(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}
