//! Package `strings`: texts by characters, as Go's package of that name has them.

use std::sync::Arc;

use super::native;
use crate::error::Error;
use crate::execute::{Context, ITEM_BYTES};
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("strings", "title", "v", Scalar, |_, a| {
        text(&title(&a.string("v")?))
    }),
    native("strings", "toUpper", "v", Scalar, |_, a| {
        text(&mapped(&a.string("v")?, char::to_uppercase))
    }),
    native("strings", "toLower", "v", Scalar, |_, a| {
        text(&mapped(&a.string("v")?, char::to_lowercase))
    }),
    native("strings", "toTitle", "v", Scalar, |_, a| {
        text(&mapped(&a.string("v")?, char::to_uppercase))
    }),
    native("strings", "trim", "v, cutset", Scalar, |_, a| {
        trimmed(a, true, true)
    }),
    native("strings", "trimLeft", "v, cutset", Scalar, |_, a| {
        trimmed(a, true, false)
    }),
    native("strings", "trimRight", "v, cutset", Scalar, |_, a| {
        trimmed(a, false, true)
    }),
    native("strings", "trimSpace", "v", Scalar, |_, a| {
        text(a.string("v")?.trim())
    }),
    native("strings", "trimPrefix", "v, prefix", Scalar, |_, a| {
        let (v, prefix) = (a.string("v")?, a.string("prefix")?);
        text(v.strip_prefix(prefix.as_ref()).unwrap_or(&v))
    }),
    native("strings", "trimSuffix", "v, suffix", Scalar, |_, a| {
        let (v, suffix) = (a.string("v")?, a.string("suffix")?);
        text(v.strip_suffix(suffix.as_ref()).unwrap_or(&v))
    }),
    native("strings", "hasPrefix", "v, prefix", Scalar, |_, a| {
        Ok(Value::Boolean(
            a.string("v")?.starts_with(a.string("prefix")?.as_ref()),
        ))
    }),
    native("strings", "hasSuffix", "v, suffix", Scalar, |_, a| {
        Ok(Value::Boolean(
            a.string("v")?.ends_with(a.string("suffix")?.as_ref()),
        ))
    }),
    native("strings", "containsStr", "v, substr", Scalar, |_, a| {
        Ok(Value::Boolean(
            a.string("v")?.contains(a.string("substr")?.as_ref()),
        ))
    }),
    native("strings", "containsAny", "v, chars", Scalar, |_, a| {
        let chars = a.string("chars")?;
        Ok(Value::Boolean(
            a.string("v")?.contains(|c| chars.contains(c)),
        ))
    }),
    native("strings", "equalFold", "v, t", Scalar, |_, a| {
        Ok(Value::Boolean(
            a.string("v")?.to_lowercase() == a.string("t")?.to_lowercase(),
        ))
    }),
    native("strings", "compare", "v, t", Scalar, |_, a| {
        Ok(Value::Integer(a.string("v")?.cmp(&a.string("t")?) as i64))
    }),
    native("strings", "countStr", "v, substr", Scalar, count),
    native("strings", "index", "v, substr", Scalar, |_, a| {
        place(a.string("v")?.find(a.string("substr")?.as_ref()))
    }),
    native("strings", "lastIndex", "v, substr", Scalar, |_, a| {
        place(a.string("v")?.rfind(a.string("substr")?.as_ref()))
    }),
    native("strings", "indexAny", "v, chars", Scalar, |_, a| {
        let chars = a.string("chars")?;
        place(a.string("v")?.find(|c| chars.contains(c)))
    }),
    native("strings", "lastIndexAny", "v, chars", Scalar, |_, a| {
        let chars = a.string("chars")?;
        place(a.string("v")?.rfind(|c| chars.contains(c)))
    }),
    native("strings", "isDigit", "v", Scalar, |_, a| {
        Ok(Value::Boolean(first(a)?.is_numeric()))
    }),
    native("strings", "isLetter", "v", Scalar, |_, a| {
        Ok(Value::Boolean(first(a)?.is_alphabetic()))
    }),
    native("strings", "isLower", "v", Scalar, |_, a| {
        Ok(Value::Boolean(first(a)?.is_lowercase()))
    }),
    native("strings", "isUpper", "v", Scalar, |_, a| {
        Ok(Value::Boolean(first(a)?.is_uppercase()))
    }),
    native("strings", "repeat", "v, i", Scalar, repeat),
    native("strings", "replace", "v, t, u, i", Scalar, |context, a| {
        // A negative number is all of them.
        replace(
            context,
            a,
            usize::try_from(a.integer("i")?).unwrap_or(usize::MAX),
        )
    }),
    native("strings", "replaceAll", "v, t, u", Scalar, |context, a| {
        replace(context, a, usize::MAX)
    }),
    native("strings", "split", "v, t", Scalar, |context, a| {
        split(context, a, None, false)
    }),
    native("strings", "splitAfter", "v, t", Scalar, |context, a| {
        split(context, a, None, true)
    }),
    native("strings", "splitN", "v, t, i", Scalar, |context, a| {
        split_some(context, a, false)
    }),
    native("strings", "splitAfterN", "v, t, i", Scalar, |context, a| {
        split_some(context, a, true)
    }),
    native("strings", "joinStr", "arr, v", Scalar, join),
    native("strings", "strlen", "v", Scalar, |_, a| {
        place(Some(a.string("v")?.chars().count()))
    }),
    native("strings", "substring", "v, start, end", Scalar, substring),
];

fn text(text: &str) -> Result<Value, Error> {
    Ok(Value::text(text))
}

/// A text character by character, as Go maps it: one for one, those that would become several stay.
fn mapped<I: Iterator<Item = char>>(text: &str, map: impl Fn(char) -> I) -> String {
    text.chars()
        .map(|character| {
            let mut mapped = map(character);
            match (mapped.next(), mapped.next()) {
                (Some(only), None) => only,
                _ => character,
            }
        })
        .collect()
}

fn place(at: Option<usize>) -> Result<Value, Error> {
    Ok(Value::Integer(
        at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1),
    ))
}

fn first(arguments: &Arguments) -> Result<char, Error> {
    let text = arguments.string("v")?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Error::invalid("v must be one character")),
    }
}

fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut inside = false;
    for character in text.chars() {
        if inside {
            titled.push(character);
        } else {
            // As Go does it: a letter whose capital is several letters stays as it is.
            let mut capital = character.to_uppercase();
            let single = if capital.len() == 1 {
                capital.next()
            } else {
                None
            };
            titled.push(single.unwrap_or(character));
        }
        inside = character.is_alphanumeric() || character == '_' || character == '\'';
    }
    titled
}

fn trimmed(arguments: &Arguments, left: bool, right: bool) -> Result<Value, Error> {
    let (v, cutset) = (arguments.string("v")?, arguments.string("cutset")?);
    let mut kept: &str = &v;
    if left {
        kept = kept.trim_start_matches(|c| cutset.contains(c));
    }
    if right {
        kept = kept.trim_end_matches(|c| cutset.contains(c));
    }
    text(kept)
}

fn count(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (v, part) = (arguments.string("v")?, arguments.string("substr")?);
    let count = if part.is_empty() {
        v.chars().count() + 1
    } else {
        v.matches(part.as_ref()).count()
    };
    place(Some(count))
}

fn repeat(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let v = arguments.string("v")?;
    let times = usize::try_from(arguments.integer("i")?)
        .map_err(|_| Error::invalid("i must not be negative"))?;
    context.reserve(v.len().saturating_mul(times).saturating_mul(COPIES))?;
    text(&v.repeat(times))
}

/// A text is built, and then copied into the value that it becomes.
const COPIES: usize = 2;

fn replace(context: &Context<'_>, arguments: &Arguments, limit: usize) -> Result<Value, Error> {
    let (v, t, u) = (
        arguments.string("v")?,
        arguments.string("t")?,
        arguments.string("u")?,
    );
    let times = v.matches(t.as_ref()).count().min(limit);
    let bytes = v.len().saturating_add(u.len().saturating_mul(times));
    context.reserve(bytes.saturating_mul(COPIES))?;
    text(&v.replacen(t.as_ref(), &u, limit))
}

fn join(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (parts, between) = (arguments.strings("arr")?, arguments.string("v")?);
    let all: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = all.saturating_add(between.len().saturating_mul(parts.len()));
    context.reserve(bytes.saturating_mul(COPIES))?;
    text(&parts.join(between.as_ref()))
}

fn split(
    context: &Context<'_>,
    arguments: &Arguments,
    limit: Option<usize>,
    keep: bool,
) -> Result<Value, Error> {
    let (v, separator) = (arguments.string("v")?, arguments.string("t")?);
    let limit = limit.unwrap_or(usize::MAX);
    let parts = v.matches(separator.as_ref()).count().min(limit) + 1;
    // Each part is built, and then copied with its counter into an item.
    let item = size_of::<String>() + ITEM_BYTES + 2 * size_of::<usize>();
    context.reserve(parts.saturating_mul(item) + COPIES * v.len())?;
    context.charge(parts * 2 * size_of::<usize>() + v.len())?;
    Ok(parts_of(&v, &separator, limit, keep))
}

fn parts_of(text: &str, separator: &str, limit: usize, keep: bool) -> Value {
    let mut parts: Vec<String> = Vec::new();
    if separator.is_empty() {
        let mut rest = text.chars();
        while parts.len() + 1 < limit {
            let Some(character) = rest.next() else { break };
            parts.push(character.to_string());
        }
        if !rest.as_str().is_empty() {
            parts.push(rest.as_str().to_owned());
        }
    } else {
        let mut rest = text;
        while parts.len() + 1 < limit {
            let Some(at) = rest.find(separator) else {
                break;
            };
            let end = if keep { at + separator.len() } else { at };
            parts.push(rest[..end].to_owned());
            rest = &rest[at + separator.len()..];
        }
        parts.push(rest.to_owned());
    }
    Value::array(parts.into_iter().map(Value::text).collect())
}

fn split_some(context: &Context<'_>, arguments: &Arguments, keep: bool) -> Result<Value, Error> {
    match arguments.integer("i")? {
        0 => Ok(Value::array(Vec::new())),
        limit => split(context, arguments, usize::try_from(limit).ok(), keep),
    }
}

fn substring(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let v: Arc<str> = arguments.string("v")?;
    let length = i64::try_from(v.chars().count()).unwrap_or(i64::MAX);
    let start = arguments.integer("start")?.clamp(0, length);
    let end = arguments.integer("end")?.clamp(0, length);
    if end <= start {
        return text("");
    }
    let taken: String = v
        .chars()
        .skip(usize::try_from(start).unwrap_or(0))
        .take(usize::try_from(end - start).unwrap_or(0))
        .collect();
    text(&taken)
}
