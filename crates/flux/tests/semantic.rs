//! What a program means: names, arguments, types, and the words in which a wrong one is refused.

use watchpost_flux::semantic::{self, package::Package};
use watchpost_flux::syntax::{Diagnostic, parse};
use watchpost_testkit::cases::{self, Case};

/// The type of each expression statement, or the whole of what is wrong as the API says it.
fn types_or_errors(case: &Case) -> String {
    let (file, diagnostics) = parse(case.input("flux"));
    if !diagnostics.is_empty() {
        return Diagnostic::join(&diagnostics);
    }
    match semantic::check(&file, None) {
        Ok(checked) => {
            let line = |expression: &semantic::CheckedExpression| {
                let result = if expression.streaming {
                    "result"
                } else {
                    "value"
                };
                format!("{}: {result} {}\n", expression.span, expression.kind)
            };
            let lines: String = checked.expressions.iter().map(line).collect();
            if lines.is_empty() {
                "accepted".to_owned()
            } else {
                lines
            }
        }
        Err(diagnostics) => Diagnostic::join(&diagnostics),
    }
}

#[test]
fn types_and_errors() {
    for suite in [
        "calls",
        "kinds",
        "names",
        "options",
        "records",
        "refused_by_influxdb",
        "streams",
    ] {
        cases::run(format!("testdata/semantic/{suite}.md"), types_or_errors);
    }
}

#[test]
fn every_signature_can_be_read() {
    let packages: Vec<_> = Package::paths()
        .map(|path| (path, Package::find(path)))
        .collect();
    assert!(packages.len() > 80, "{} packages", packages.len());
    for (path, package) in packages {
        let package = package.expect("listed packages are found");
        assert!(package.names().count() > 0, "{path} exports nothing");
    }
    assert!(Package::universe().export("aggregateWindow").is_some());
    assert!(Package::universe().export("from").is_some());
}

#[test]
fn externals_share_the_scope_of_the_program() {
    let externals = parse("option v = {start: -1h}\nlimitOf = 5").0;
    let file = parse("from(bucket: \"b\") |> range(start: v.start) |> limit(n: limitOf)").0;
    let checked = semantic::check(&file, Some(&externals)).expect("v and limitOf are known");
    assert_eq!(checked.options, ["v".into()]);
    assert!(checked.expressions[0].streaming);
    let twice = parse("option v = {start: -2h}").0;
    let errors = semantic::check(&twice, Some(&externals)).expect_err("v is set twice");
    assert_eq!(errors[0].message, "option \"v\" reassigned");
}
