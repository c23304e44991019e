//! The functions of the library that give values: a line of a case is an expression, a line of the expectation what
//! `display` prints of it, after the requests that it sent.

use std::cell::RefCell;

use watchpost_flux::effects::{Effects, HttpAnswer, HttpRequest, NoEffects, OutputPoint};
use watchpost_flux::error::Error;
use watchpost_flux::source::BucketReference;
use watchpost_flux::syntax::Diagnostic;
use watchpost_flux::table::Table;
use watchpost_flux::value::Value;
use watchpost_flux::{Limits, Program, Run};
use watchpost_testkit::cases::{self, Case};

use crate::memory_source::MemorySource;

/// What `now()` answers: 2024-05-15T10:00:00Z, a Wednesday.
const NOW: i64 = 1_715_767_200_000_000_000;

/// A world that answers 204 to every request and keeps what it was sent.
#[derive(Default)]
struct Listener {
    requests: RefCell<String>,
}

impl Effects for Listener {
    fn write(&self, bucket: &BucketReference, points: Vec<OutputPoint>) -> Result<(), Error> {
        NoEffects.write(bucket, points)
    }

    fn http(&self, request: HttpRequest) -> Result<HttpAnswer, Error> {
        let headers: Vec<String> = request
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let body = String::from_utf8_lossy(&request.body);
        let line = format!(
            "{} {} [{}] {body}\n",
            request.method,
            request.url,
            headers.join("; ")
        );
        self.requests.borrow_mut().push_str(&line);
        Ok(HttpAnswer {
            status: 204,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    fn secret(&self, key: &str) -> Result<String, Error> {
        NoEffects.secret(key)
    }

    fn task_last_success(&self) -> Option<i64> {
        None
    }

    fn version(&self) -> String {
        NoEffects.version()
    }
}

/// The value of an expression as text, or why there is none.
fn evaluate(imports: &str, expression: &str, effects: &Listener) -> Result<String, String> {
    let row = format!("{{value: display(v: {expression})}}");
    let text = format!("import _array \"array\"\n{imports}\n_array.from(rows: [{row}])");
    let program = Program::compile(&text, None, NOW).map_err(|diagnostics| {
        let message = |diagnostic: &Diagnostic| diagnostic.message.clone();
        diagnostics
            .iter()
            .map(message)
            .collect::<Vec<_>>()
            .join("; ")
    })?;
    let source = MemorySource::default();
    let run = Run {
        source: &source,
        effects,
        limits: Limits::default(),
        check: &|| Ok(()),
    };
    let mut values = Vec::new();
    let mut keep = |_: &str, table: Table| {
        values.extend(table.column("value").map(|column| column.value(0)));
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
    let lines = case.input("flux").lines().filter(|line| !line.is_empty());
    let (imports, expressions): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| line.starts_with("import"));
    let imports = imports.join("\n");
    let answer = |expression: &&str| {
        let effects = Listener::default();
        let answer = match evaluate(&imports, expression, &effects) {
            Ok(value) => value.replace('\n', "\\n"),
            Err(message) => format!("error: {}", message.replace('\n', " ")),
        };
        format!("{}{answer}\n", effects.requests.into_inner())
    };
    expressions.iter().map(answer).collect()
}

#[test]
fn values_of_the_library() {
    cases::run("testdata/stdlib", values);
}
