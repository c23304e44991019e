//! What failed, as a reader wants to see it: the place, the test, and a diff.

use std::path::Path;

use super::document::{Block, Case, with_newline};

/// Lines of a diff that are equal and far from a change are left out beyond this many.
const CONTEXT_LINES: usize = 3;

/// The report of a test whose outputs are not what the suite expects; `None` if they are.
pub(super) fn compare(suite: &Path, case: &Case, outputs: &[(String, String)]) -> Option<String> {
    let mut report = String::new();
    for (name, text) in outputs {
        let actual = with_newline(text.clone());
        match case.expectations().find(|block| block.name == *name) {
            None => report.push_str(&format!(
                "no ```{} block; this came:\n{actual}",
                title(name)
            )),
            Some(block) if block.text == actual => {}
            Some(block) => {
                report.push_str(&format!("```{} (- expected, + came)\n", title(name)));
                report.push_str(&diff(&block.text, &actual));
            }
        }
    }
    let given = |block: &&Block| outputs.iter().any(|(name, _)| *name == block.name);
    for block in case.expectations().filter(|block| !given(block)) {
        report.push_str(&format!(
            "```{} is expected and did not come\n",
            title(&block.name)
        ));
    }
    let place = format!("{}:{}", suite.display(), case.line);
    (!report.is_empty()).then(|| format!("=== {place} {}\n{report}", case.name))
}

fn title(name: &str) -> String {
    format!("expect {name}").trim_end().to_owned()
}

/// A line diff by the longest common subsequence.
pub(super) fn diff(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let (kept_old, kept_new) = common_ends(&old, &new);
    let middle_old = &old[kept_old..old.len() - kept_new];
    let middle_new = &new[kept_old..new.len() - kept_new];
    let mut out = String::new();
    let context = kept_old.saturating_sub(CONTEXT_LINES);
    push(&mut out, ' ', &old[context..kept_old]);
    push_changes(&mut out, middle_old, middle_new);
    let after = &old[old.len() - kept_new..];
    push(&mut out, ' ', &after[..after.len().min(CONTEXT_LINES)]);
    out
}

/// How many lines are equal at the beginning and, behind those, at the end.
fn common_ends(old: &[&str], new: &[&str]) -> (usize, usize) {
    let same = |(left, right): &(&&str, &&str)| left == right;
    let start = old.iter().zip(new).take_while(same).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(same)
        .count();
    (start, end)
}

/// Beyond this many cells of the table the changed part is shown as a whole: a test that gives
/// thousands of wrong lines is not read line by line.
const TABLE_CELLS: usize = 4_000_000;

fn push_changes(out: &mut String, old: &[&str], new: &[&str]) {
    if old.len().saturating_mul(new.len()) > TABLE_CELLS {
        push(out, '-', old);
        push(out, '+', new);
        return;
    }
    let width = new.len() + 1;
    let mut length = vec![0_u32; (old.len() + 1) * width];
    for row in (0..old.len()).rev() {
        for column in (0..new.len()).rev() {
            length[row * width + column] = if old[row] == new[column] {
                length[(row + 1) * width + column + 1] + 1
            } else {
                length[(row + 1) * width + column].max(length[row * width + column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < old.len() && column < new.len() {
        if old[row] == new[column] {
            push(out, ' ', &old[row..=row]);
            (row, column) = (row + 1, column + 1);
        } else if length[(row + 1) * width + column] >= length[row * width + column + 1] {
            push(out, '-', &old[row..=row]);
            row += 1;
        } else {
            push(out, '+', &new[column..=column]);
            column += 1;
        }
    }
    push(out, '-', &old[row..]);
    push(out, '+', &new[column..]);
}

fn push(out: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        out.push(mark);
        out.push_str(line);
        out.push('\n');
    }
}
