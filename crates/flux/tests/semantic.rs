//! What a program means: names, arguments, types, and the words in which a wrong one is refused.

use watchpost_flux::semantic::display::print_scheme;
use watchpost_flux::semantic::monotype::{Scheme, Type};
use watchpost_flux::semantic::suggestion::{suggestion, suggestions};
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
                let kind = print_scheme(&Scheme::of(expression.kind.clone()));
                format!("{}: {result} {kind}\n", expression.span)
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

const SUITES: [&str; 7] = [
    "calls.md",
    "kinds.md",
    "names.md",
    "options.md",
    "records.md",
    "refused_by_influxdb.md",
    "streams.md",
];

#[test]
fn types_and_errors() {
    for suite in SUITES {
        cases::run(format!("testdata/semantic/{suite}"), types_or_errors);
    }
    cases::assert_none_forgotten("testdata/semantic", &SUITES);
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

/// The parameters of a signature as the registry writes them: `<-tables, n, ?offset`, sorted.
fn parameters_of(kind: &Type) -> Option<Vec<String>> {
    let Type::Function(function) = kind else {
        return None;
    };
    let piped = function.pipe.iter().map(|(name, _)| format!("<-{name}"));
    let required = function.required.keys().map(|name| name.to_string());
    let optional = function.optional.keys().map(|name| format!("?{name}"));
    let mut parameters: Vec<String> = piped.chain(required).chain(optional).collect();
    parameters.sort();
    Some(parameters)
}

/// What the library can evaluate and what the checker lets through must be the same.
#[test]
fn every_function_of_the_library_has_its_signature() {
    let mut wrong = Vec::new();
    for entry in watchpost_flux::stdlib::registry() {
        let path = if entry.package.is_empty() {
            "universe"
        } else {
            &entry.package
        };
        let name = format!("{path}.{}", entry.name);
        let Some(export) = Package::find(path).and_then(|package| package.export(&entry.name))
        else {
            wrong.push(format!("{name} has no signature"));
            continue;
        };
        let mut library: Vec<String> = entry.parameters.split(", ").map(str::to_owned).collect();
        library.retain(|parameter| !parameter.is_empty());
        library.sort();
        match parameters_of(&export.scheme.body) {
            Some(signature) if signature == library => {}
            signature => wrong.push(format!(
                "{name}: library {library:?}, signature {signature:?}"
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn functions_are_suggested_with_the_kinds_of_their_parameters() {
    let mean = suggestion("mean").expect("mean is a function");
    assert_eq!(
        mean.parameters,
        [("column".into(), "string"), ("tables".into(), "stream")]
    );
    assert_eq!(suggestion("nope"), None);
    assert_eq!(suggestion("inf"), None, "inf is no function");
    let all = suggestions();
    assert!(all.is_sorted_by(|a, b| a.name < b.name));
    assert!(all.iter().any(|function| function.name == "from"));
}
