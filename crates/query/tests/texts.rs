//! One question, three texts: `testdata`.

use watchpost_query::dialect::sql::Schema;
use watchpost_query::dialect::{flux, metricsql, sql};
use watchpost_testkit::cases;

use crate::written::question;

#[test]
fn texts() {
    cases::run(
        concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/texts"),
        |case| {
            let question = question(case.input("question"));
            let requests = metricsql::requests(&question).map_or_else(
                |error| format!("{error}\n"),
                |requests| requests.iter().map(request).collect(),
            );
            let queries = sql::queries(&question, &schema());
            let sql: String = queries
                .iter()
                .map(|query| format!("{}\n", query.text))
                .collect();
            vec![
                ("flux", format!("{}\n", flux::text(&question))),
                ("metricsql", requests),
                ("sql", sql),
            ]
        },
    );
}

fn request(request: &metricsql::Request) -> String {
    let parameters = request.parameters.iter();
    let shown =
        parameters.filter(|(name, _)| !matches!(*name, "nocache" | "deny_partial_response"));
    let lines: Vec<String> = shown
        .map(|(name, value)| format!("  {name}={value}\n"))
        .collect();
    format!("{}\n{}", request.path, lines.concat())
}

/// What a table of the platform has.
fn schema() -> Schema {
    let field = |(name, kind): (&str, &str)| (name.to_owned(), kind.to_owned());
    Schema {
        tags: ["cpu", "host", "interface", "region"]
            .map(str::to_owned)
            .to_vec(),
        fields: [
            ("cpu_usage_percent", "Float64"),
            ("memory_usage_percent", "Float64"),
            ("network_bytes_recv", "Int64"),
        ]
        .map(field)
        .into(),
    }
}
