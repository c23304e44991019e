//! Package `regexp`.

use std::ops::Range;
use std::sync::Arc;

use watchpost_core::regular_expression::{self, Regex};

use super::native;
use crate::error::Error;
use crate::execute::{Context, ITEM_BYTES};
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("regexp", "compile", "v", Scalar, |context, a| {
        context.cached_regex(&a.string("v")?).map(Value::Regex)
    }),
    native("regexp", "quoteMeta", "v", Scalar, |_, a| {
        Ok(Value::text(regular_expression::quote(&a.string("v")?)))
    }),
    native("regexp", "findString", "r, v", Scalar, |context, a| {
        let (v, pattern) = (a.string("v")?, pattern(a)?);
        let found = context.finder(&pattern)?.find(&v);
        Ok(Value::text(found.map_or("", |found| found.as_str())))
    }),
    native("regexp", "findStringIndex", "r, v", Scalar, find_index),
    native("regexp", "getString", "r", Scalar, |_, a| {
        Ok(Value::text(pattern(a)?.as_str()))
    }),
    native("regexp", "matchRegexpString", "r, v", Scalar, |_, a| {
        Ok(Value::Boolean(pattern(a)?.is_match(&a.string("v")?)))
    }),
    native("regexp", "replaceAllString", "r, v, t", Scalar, replace),
    native("regexp", "splitRegexp", "r, v, i", Scalar, split),
];

fn pattern(arguments: &Arguments) -> Result<Arc<Regex>, Error> {
    match arguments.expect("r")? {
        Value::Regex(pattern) => Ok(Arc::clone(pattern)),
        other => Err(Error::invalid(format!(
            "r must be a regexp, found {}",
            other.type_name()
        ))),
    }
}

fn find_index(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (v, pattern) = (arguments.string("v")?, pattern(arguments)?);
    let found = context
        .finder(&pattern)?
        .find(&v)
        .map(|found| [found.start(), found.end()]);
    let places = found
        .into_iter()
        .flatten()
        .map(|at| Value::Integer(i64::try_from(at).unwrap_or(i64::MAX)));
    Ok(Value::array(places.collect()))
}

fn replace(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (v, t, pattern) = (
        arguments.string("v")?,
        arguments.string("t")?,
        pattern(arguments)?,
    );
    let pattern = context.finder(&pattern)?;
    // Each `$` of the template stands at most for what its match took of the text.
    let groups = t.matches('$').count();
    let matches = pattern.find_iter(&v).count();
    let bytes =
        (v.len().saturating_mul(groups + 1)).saturating_add(t.len().saturating_mul(matches));
    context.reserve(bytes.saturating_mul(2))?;
    Ok(Value::text(pattern.replace_all(&v, t.as_ref())))
}

fn split(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (v, pattern) = (arguments.string("v")?, pattern(arguments)?);
    let pattern = context.finder(&pattern)?;
    let count = pattern.find_iter(&v).count() + 1;
    context.reserve(count * 2 * ITEM_BYTES)?;
    context.charge(count * 2 * size_of::<usize>() + v.len())?;
    // Any number below zero is no limit.
    let limit = usize::try_from(arguments.integer("i")?).unwrap_or(usize::MAX);
    let matches = pattern.find_iter(&v).map(|found| found.range());
    let parts = parts(&v, matches, limit);
    Ok(Value::array(parts.map(Value::text).collect()))
}

/// The parts of a text between matches, at most so many, as Go's `Regexp.Split` gives them: an empty match at either end
/// makes no empty part.
fn parts(
    text: &str,
    matches: impl Iterator<Item = Range<usize>>,
    limit: usize,
) -> impl Iterator<Item = &str> {
    let (mut parts, mut begin, mut end) = (Vec::new(), 0, 0);
    if text.is_empty() && limit > 0 {
        return vec![""].into_iter();
    }
    for found in matches.take(limit) {
        if parts.len() + 1 == limit {
            break;
        }
        end = found.start;
        if found.end != 0 {
            parts.push(&text[begin..end]);
        }
        begin = found.end;
    }
    if limit > 0 && end != text.len() {
        parts.push(&text[begin..]);
    }
    parts.into_iter()
}
