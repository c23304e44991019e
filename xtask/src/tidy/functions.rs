//! How long each function is.
//!
//! `cargo fmt` is enforced, so a function that starts on a line ends at the first line after it that
//! closes a brace at the same indentation: no parser is needed.

/// The name of each function, the line it starts on (from 1) and its number of lines.
pub(crate) fn lengths<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, usize, usize)> {
    let mut open: Vec<(String, usize, usize)> = Vec::new();
    let mut found = Vec::new();
    for (index, line) in lines.enumerate() {
        let indentation = line.len() - line.trim_start().len();
        if line.trim_end() == format!("{}}}", " ".repeat(indentation)) {
            while let Some((name, start, depth)) = open.pop() {
                if depth == indentation {
                    found.push((name, start + 1, index - start + 1));
                    break;
                }
                if depth < indentation {
                    open.push((name, start, depth));
                    break;
                }
            }
        }
        if let Some(name) = function_name(line) {
            open.push((name, index, indentation));
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let text = line.trim_start();
    let starts = ["fn ", "pub ", "pub(", "async ", "const ", "extern "];
    if !starts.iter().any(|it| text.starts_with(it)) || text.ends_with(';') || text.ends_with('}') {
        return None;
    }
    let rest = text
        .split_once("fn ")
        .filter(|(before, _)| !before.contains(['=', '"', ':']))?
        .1;
    let name: String = rest
        .chars()
        .take_while(|it| it.is_alphanumeric() || *it == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::lengths;

    #[test]
    fn nested_functions_and_bodies_are_measured() {
        let text = "impl A {\n    pub(crate) fn one(&self) -> u8 {\n        if x {\n        }\n        1\n    }\n}\n\nfn two() {\n}\nfn short() {}\n";
        let found = lengths(text.lines());
        assert_eq!(found, [("one".to_owned(), 2, 5), ("two".to_owned(), 9, 2)]);
    }
}
