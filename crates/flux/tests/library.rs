//! The functions of the library that give values: a line of a case is an expression, a line of the expectation what
//! `display` prints of it.

use watchpost_flux::error::Error;
use watchpost_flux::syntax::Diagnostic;
use watchpost_flux::value::Value;
use watchpost_flux::{Limits, Program, Run};
use watchpost_testkit::cases::{self, Case};

use crate::memory_source::MemorySource;

/// What `now()` answers: 2024-05-15T10:00:00Z, a Wednesday.
const NOW: i64 = 1_715_767_200_000_000_000;

/// The value of an expression as text, or why there is none.
fn evaluate(imports: &str, expression: &str) -> Result<String, String> {
    let text = format!(
        "import _array \"array\"\n{imports}\n_array.from(rows: [{{value: display(v: {expression})}}])"
    );
    let program = Program::compile(&text, None, NOW).map_err(|diagnostics| {
        let messages: Vec<&str> = diagnostics
            .iter()
            .map(|diagnostic: &Diagnostic| diagnostic.message.as_str())
            .collect();
        messages.join("; ")
    })?;
    let source = MemorySource::default();
    let run = Run {
        source: &source,
        effects: &source,
        limits: Limits::default(),
        check: &|| Ok(()),
    };
    let mut values = Vec::new();
    let mut keep = |_: &str, table: watchpost_flux::table::Table| {
        if let (Some(column), 1) = (table.column("value"), table.rows) {
            values.push(column.value(0));
        }
        Ok::<(), Error>(())
    };
    program
        .run(&run, &mut keep)
        .map_err(|error| error.message)?;
    match values.as_slice() {
        [Value::String(text)] => Ok(text.to_string()),
        _ => Err("no value".to_owned()),
    }
}

fn values(case: &Case) -> String {
    let (imports, expressions): (Vec<&str>, Vec<&str>) = case
        .input("flux")
        .lines()
        .filter(|line| !line.is_empty())
        .partition(|line| line.starts_with("import"));
    let imports = imports.join("\n");
    let line = |expression: &&str| match evaluate(&imports, expression) {
        Ok(value) => format!("{}\n", value.replace('\n', "\\n")),
        Err(message) => format!("error: {}\n", message.replace('\n', " ")),
    };
    expressions.iter().map(line).collect()
}

#[test]
fn values_of_the_library() {
    cases::run("testdata/stdlib", values);
}
