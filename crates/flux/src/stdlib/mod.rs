//! The standard library: which packages there are, what each defines, and the code of each function.
//!
//! A file a family of functions; each lists its functions in a constant. What is simplest said in the language itself is
//! written in it, in `packages/*.flux`.

mod aggregates;
mod arrays;
mod bitwise;
mod build;
mod columns;
mod convert;
mod csv;
mod date;
mod debug;
mod derivatives;
mod dict;
mod diff;
mod dynamic;
mod experimental;
mod find;
mod geo;
mod histogram;
mod holt_winters;
mod http;
mod join;
mod json;
mod math;
mod messages;
mod monitor;
mod moving;
mod nelder_mead;
mod outer_join;
mod packages;
mod pivot;
mod quantile;
mod regexp;
mod rows;
mod s2;
mod sampledata;
mod schema;
mod selectors;
mod sources;
mod states;
mod streams;
mod strings;
mod testing;
mod timezone;
mod types;
mod windows;
mod write;

use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use packages::TEXTS;

pub use convert::convert_column;
pub use schema::schema_tables;
pub use windows::location_of;

use crate::error::Error;
use crate::execute::Context;
use crate::interpret::{Function, Native, NativeKind, Package, Scope};
use crate::syntax::{self, ast};
use crate::table::ColumnType;
use crate::value::{Record, Value};

/// All functions written in Rust, family by family.
const FAMILIES: &[&[Native]] = &[
    aggregates::FUNCTIONS,
    arrays::FUNCTIONS,
    bitwise::FUNCTIONS,
    bitwise::OLD_FUNCTIONS,
    columns::FUNCTIONS,
    convert::FUNCTIONS,
    csv::FUNCTIONS,
    date::FUNCTIONS,
    debug::FUNCTIONS,
    derivatives::FUNCTIONS,
    dict::FUNCTIONS,
    diff::FUNCTIONS,
    dynamic::FUNCTIONS,
    experimental::FUNCTIONS,
    find::FUNCTIONS,
    geo::FUNCTIONS,
    histogram::FUNCTIONS,
    holt_winters::FUNCTIONS,
    http::FUNCTIONS,
    join::FUNCTIONS,
    outer_join::FUNCTIONS,
    json::FUNCTIONS,
    math::FUNCTIONS,
    messages::FUNCTIONS,
    monitor::FUNCTIONS,
    moving::FUNCTIONS,
    pivot::FUNCTIONS,
    quantile::FUNCTIONS,
    regexp::FUNCTIONS,
    rows::FUNCTIONS,
    sampledata::FUNCTIONS,
    schema::FUNCTIONS,
    selectors::FUNCTIONS,
    sources::FUNCTIONS,
    states::FUNCTIONS,
    streams::FUNCTIONS,
    strings::FUNCTIONS,
    testing::FUNCTIONS,
    timezone::FUNCTIONS,
    types::FUNCTIONS,
    windows::FUNCTIONS,
    write::FUNCTIONS,
];

/// Packages that are other names of others.
const ALIASES: &[(&str, &str)] = &[("experimental/json", "experimental/json")];

/// A function of the library written in Rust.
pub const fn native(
    package: &'static str,
    name: &'static str,
    signature: &'static str,
    kind: NativeKind,
    call: fn(&Context<'_>, &crate::interpret::Arguments) -> Result<Value, Error>,
) -> Native {
    Native {
        package,
        name,
        signature,
        kind,
        call,
    }
}

/// A function in the registry, for the reference of what is supported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The package's path; empty if it needs no import.
    pub package: String,
    /// The name.
    pub name: String,
    /// The parameters, optional ones with `?`, the piped one with `<-`.
    pub parameters: String,
}

/// All functions of the library, in order of package and name.
pub fn registry() -> Vec<Entry> {
    let mut entries: Vec<Entry> = FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .filter(|native| !native.name.starts_with('_'))
        .map(|native| Entry {
            package: native.package.to_owned(),
            name: native.name.to_owned(),
            parameters: native.signature.to_owned(),
        })
        .collect();
    let mut aliases = Vec::new();
    for (package, file) in files() {
        written_entries(package, file, &mut entries, &mut aliases);
    }
    for alias in aliases {
        let target = entries
            .iter()
            .find(|entry| entry.package == alias.target.0 && entry.name == alias.target.1);
        if let Some(parameters) = target.map(|entry| entry.parameters.clone()) {
            entries.push(Entry {
                package: alias.package,
                name: alias.name,
                parameters,
            });
        }
    }
    entries.sort();
    entries.dedup_by(|a, b| a.package == b.package && a.name == b.name);
    entries
}

/// The functions that are those of another package, as pairs of full names: its own and the other's.
pub fn aliases() -> Vec<(String, String)> {
    let (mut entries, mut aliases) = (Vec::new(), Vec::new());
    for (package, file) in files() {
        written_entries(package, file, &mut entries, &mut aliases);
    }
    let pairs = aliases.into_iter().map(|alias| {
        let (package, name) = alias.target;
        let own = format!("{}.{}", alias.package, alias.name);
        (own, format!("{package}.{name}"))
    });
    pairs.collect()
}

/// A function under another name: `tagKeys = schema.tagKeys`.
struct Alias {
    package: String,
    name: String,
    /// The package's path and the name there.
    target: (String, String),
}

/// The functions that a package's text defines, and those that it takes over from another package.
fn written_entries(
    package: &str,
    file: &ast::File,
    entries: &mut Vec<Entry>,
    aliases: &mut Vec<Alias>,
) {
    for statement in &file.body {
        let (name, value) = match &statement.kind {
            ast::StatementKind::Variable(assignment) => (&assignment.name.name, &assignment.value),
            ast::StatementKind::Option(option) => (&option.name.name, &option.value),
            _ => continue,
        };
        if name.starts_with('_') {
            continue;
        }
        let (package, name) = (package.to_owned(), name.to_string());
        match &value.kind {
            ast::ExpressionKind::Function(function) => {
                entries.push(Entry {
                    package,
                    name,
                    parameters: parameters_of(function),
                });
            }
            ast::ExpressionKind::Member { object, property } => {
                let ast::ExpressionKind::Identifier(imported) = &object.kind else {
                    continue;
                };
                let import = file.imports.iter().find(|import| match &import.alias {
                    Some(alias) => alias.name == *imported,
                    None => package_name(&import.path) == imported.as_ref(),
                });
                if let Some(import) = import {
                    let target = (import.path.to_string(), property.name.to_string());
                    aliases.push(Alias {
                        package,
                        name,
                        target,
                    });
                }
            }
            _ => {}
        }
    }
}

fn parameters_of(function: &ast::Function) -> String {
    let parameters: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| {
            let mark = if parameter.pipe {
                "<-"
            } else if parameter.default.is_some() {
                "?"
            } else {
                ""
            };
            format!("{mark}{}", parameter.name.name)
        })
        .collect();
    parameters.join(", ")
}

/// The packages written in the language, parsed once.
fn files() -> &'static [(&'static str, ast::File)] {
    static FILES: OnceLock<Vec<(&'static str, ast::File)>> = OnceLock::new();
    FILES.get_or_init(|| {
        TEXTS
            .iter()
            .map(|(path, text)| (*path, syntax::parse(text).0))
            .collect()
    })
}

/// The diagnostics of the packages written in the language: none, which a test checks.
pub fn broken_packages() -> Vec<String> {
    TEXTS
        .iter()
        .flat_map(|(path, text)| {
            let (_, diagnostics) = syntax::parse(text);
            diagnostics
                .into_iter()
                .map(move |diagnostic| format!("{path}: {diagnostic}"))
        })
        .collect()
}

/// The name under which a package is imported without an alias.
pub fn package_name(path: &str) -> &str {
    match path.rsplit('/').next() {
        Some(name) => name,
        None => path,
    }
}

/// Whether there is such a package.
pub fn has_package(path: &str) -> bool {
    !path.is_empty()
        && (FAMILIES
            .iter()
            .any(|family| family.iter().any(|native| native.package == path))
            || TEXTS.iter().any(|(known, _)| *known == path)
            || ALIASES.iter().any(|(known, _)| *known == path)
            || EMPTY.contains(&path))
}

/// Packages whose functions take no effect here: accepted so that programs which import them run.
const EMPTY: &[&str] = &["planner", "profiler", "contrib/jsternberg/influxdb"];

/// Defines a package's names in a scope.
///
/// # Errors
/// The package's own text fails.
pub fn define(path: &str, context: &Context<'_>, scope: &Scope) -> Result<(), Error> {
    for native in FAMILIES.iter().flat_map(|family| family.iter()) {
        if native.package == path {
            scope.set(
                Arc::from(native.name),
                Value::Function(Function::Native(native)),
            );
        }
    }
    for (name, value) in constants(path) {
        scope.set(Arc::from(name), value);
    }
    if let Some((_, file)) = files().iter().find(|(known, _)| *known == path) {
        define_file(context, file, scope)?;
    }
    Ok(())
}

fn define_file(context: &Context<'_>, file: &ast::File, scope: &Scope) -> Result<(), Error> {
    // A package's imports and private names live in a scope of their own around its functions.
    context.run_file(file, scope).map(|_| ())
}

/// Names that are values.
fn constants(path: &str) -> Vec<(&'static str, Value)> {
    match path {
        "" => vec![
            ("true", Value::Boolean(true)),
            ("false", Value::Boolean(false)),
            ("inf", Value::Duration(windows::INFINITY)),
        ],
        "planner" => vec![
            ("disablePhysicalRules", Value::array(Vec::new())),
            ("disableLogicalRules", Value::array(Vec::new())),
        ],
        "profiler" => vec![("enabledProfilers", Value::array(Vec::new()))],
        "math" => math::constants(),
        "date" => date::constants(),
        "internal/debug" => debug::constants(),
        "sampledata" => sampledata::constants(),
        "experimental/record" => vec![("any", Value::record(Record::default()))],
        "timezone" => timezone::constants(),
        _ => Vec::new(),
    }
}

/// The type of a scalar function's result, where it is known whatever the argument: what a column of nulls becomes.
pub fn scalar_result(name: &str) -> Option<ColumnType> {
    Some(match name {
        "string" | "display" => ColumnType::String,
        "int" => ColumnType::Integer,
        "uint" => ColumnType::Unsigned,
        "float" => ColumnType::Float,
        "bool" => ColumnType::Boolean,
        "time" => ColumnType::Time,
        _ => return None,
    })
}

/// A value whose type is only known as the program runs.
pub fn dynamic_of(value: Value) -> Value {
    match value {
        Value::Dynamic(_) => value,
        other => Value::Dynamic(Rc::new(other)),
    }
}

/// A package by its path, for functions in Rust that need another package's.
pub fn package(context: &Context<'_>, path: &str) -> Result<Rc<Package>, Error> {
    context.import(&Arc::from(path))
}
