//! The predicate of a delete: comparisons of `_measurement` and of tags with `=` and `!=`, joined by `AND`.
//!
//! A series that lacks a tag satisfies no comparison of it, neither `=` nor `!=`: a mistyped key deletes nothing. So does
//! InfluxDB 2.7, which reads the text by two grammars, both of which must take it; this one reads what both take.

use watchpost_storage::Predicate;
use watchpost_storage::predicate::{Comparison, Literal, Subject};

use crate::api::error::{ApiError, Code};
use crate::influxql::scanner::{Placed, Scanner, Token};

/// How deep parentheses may be nested, as in a statement of InfluxQL.
const MAX_DEPTH: usize = 64;

/// Which points are deleted.
#[derive(Debug, Default)]
pub struct Deletion {
    pub predicate: Predicate,
    /// Of `_measurement != NAME`: InfluxDB walks the measurements in their order and ends at the one that is named, and
    /// without one of that name it does not begin. So a name that is mistyped or empty takes nothing here, too.
    pub ends_at: Option<String>,
}

/// Reads a predicate. An empty text is true of all points; `None` is true of none.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse(text: &str) -> Result<Option<Deletion>, ApiError> {
    let mut parser = Parser {
        scanner: Scanner::new(text),
        open: 0,
        measurements: Vec::new(),
    };
    let (mut conditions, mut by_field) = (Vec::new(), None);
    if text.is_empty() {
        return Ok(Some(Deletion::default()));
    }
    if let Some(place) = comment(text) {
        let message = format!("bad logical expression, at position {place}");
        return Err(ApiError::invalid(message));
    }
    loop {
        let mut next = parser.next()?;
        while next.token == Token::Symbol("(") {
            parser.open += 1;
            next = parser.next()?;
        }
        if parser.open > MAX_DEPTH {
            let message = format!("parentheses are nested deeper than {MAX_DEPTH}");
            return Err(ApiError::invalid(message));
        }
        match parser.comparison(next) {
            // What cannot be read at all is said first, wherever it is.
            Err(error) if error.code == Code::NotImplemented => by_field = Some(error),
            condition => conditions.push(condition?),
        }
        if !parser.goes_on()? {
            break;
        }
    }
    if let Some(error) = by_field {
        return Err(error);
    }
    let satisfiable = conditions.into_iter().collect::<Option<Vec<_>>>();
    Ok(satisfiable.map(|conditions| parser.deletion(conditions)))
}

/// Where a comment begins, in characters: one of InfluxDB's two grammars knows none.
fn comment(text: &str) -> Option<usize> {
    let (mut quote, mut before) = (None, ' ');
    for (place, character) in text.chars().enumerate() {
        match (quote, before, character) {
            // A quoted quote ends nothing, nor does a backslash after a backslash begin anything.
            (Some(_), '\\', _) => {
                before = ' ';
                continue;
            }
            (Some(open), _, _) if open == character => quote = None,
            (None, _, '"' | '\'') => quote = Some(character),
            (None, '-', '-') | (None, '/', '*') => return Some(place - 1),
            _ => {}
        }
        before = character;
    }
    None
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    /// Parentheses that are not closed.
    open: usize,
    /// What `_measurement` is compared with.
    measurements: Vec<(Comparison, String)>,
}

impl Parser<'_> {
    fn next(&mut self) -> Result<Placed, ApiError> {
        self.scanner
            .next()
            .map_err(|error| ApiError::invalid(error.to_string()))
    }

    fn expected(&self, found: &Placed, what: &str) -> ApiError {
        let (found, place) = (found.token.spelled(), self.scanner.place(found.start));
        ApiError::invalid(format!(
            "invalid request; error parsing predicate: found {found}, expected {what} at {place}"
        ))
    }

    /// What follows a comparison: whether there is another one.
    fn goes_on(&mut self) -> Result<bool, ApiError> {
        loop {
            let next = self.next()?;
            let start = next.start;
            match next.token {
                Token::Symbol(")") => {
                    self.open = self
                        .open
                        .checked_sub(1)
                        .ok_or_else(|| ApiError::invalid("extra ) seen"))?;
                }
                Token::End if self.open > 0 => return Err(ApiError::invalid("extra ( seen")),
                Token::End => return Ok(false),
                Token::Keyword("AND") => return Ok(true),
                Token::Keyword("OR") => {
                    return Err(ApiError::invalid(format!(
                        "the logical operator OR is not supported yet at position {start}"
                    )));
                }
                _ => {
                    return Err(ApiError::invalid(format!(
                        "bad logical expression, at position {start}"
                    )));
                }
            }
        }
    }

    /// `key = value` or `key != value`; `None` if no series satisfies it.
    fn comparison(&mut self, first: Placed) -> Result<Option<Predicate>, ApiError> {
        let key = match first.token {
            Token::Name(key) => key,
            Token::Integer(_) | Token::Number(_) => {
                return Err(ApiError::invalid(format!(
                    "bad tag key, at position {}",
                    first.start
                )));
            }
            Token::End => {
                return Err(self.expected(&first, "identifier, string, number, bool"));
            }
            _ => {
                return Err(ApiError::invalid(format!(
                    "bad logical expression, at position {}",
                    first.start
                )));
            }
        };
        let Placed { token, start, .. } = self.next()?;
        let comparison = match token {
            Token::Symbol("=") => Comparison::Equal,
            Token::Symbol("!=" | "<>") => Comparison::NotEqual,
            Token::Symbol(symbol @ ("=~" | "!~")) => {
                return Err(ApiError::invalid(format!(
                    "operator: {symbol:?} at position: {start} is not supported yet"
                )));
            }
            other => {
                return Err(ApiError::invalid(format!(
                    "invalid operator {:?} at position: {start}",
                    other.spelled()
                )));
            }
        };
        let value = self.value()?;
        if key == "_measurement" {
            self.measurements.push((comparison, value.clone()));
        }
        condition(key, comparison, value)
    }

    fn deletion(self, conditions: Vec<Predicate>) -> Deletion {
        // Of several comparisons InfluxDB takes each as it is written.
        let ends_at = match <[_; 1]>::try_from(self.measurements) {
            Ok([(Comparison::NotEqual, name)]) => Some(name),
            _ => None,
        };
        Deletion {
            predicate: Predicate::And(conditions),
            ends_at,
        }
    }

    /// A name, with quotes or without, a number, or a truth value.
    fn value(&mut self) -> Result<String, ApiError> {
        let mut next = self.next()?;
        let sign = if next.token == Token::Symbol("-") {
            "-"
        } else {
            ""
        };
        if !sign.is_empty() {
            next = self.next()?;
        }
        match next.token {
            Token::Keyword("TRUE") => Ok("true".to_owned()),
            Token::Keyword("FALSE") => Ok("false".to_owned()),
            Token::Name(text)
            | Token::Integer(text)
            | Token::Number(text)
            | Token::Duration(text) => Ok(format!("{sign}{text}")),
            other => {
                let text = match &other {
                    Token::Text(text) | Token::Unknown(text) => text.as_str(),
                    _ => "",
                };
                Err(ApiError::invalid(format!(
                    "bad tag value: {text:?}, at position {}",
                    next.start
                )))
            }
        }
    }
}

fn condition(
    key: String,
    comparison: Comparison,
    value: String,
) -> Result<Option<Predicate>, ApiError> {
    let is_equal = comparison == Comparison::Equal;
    let subject = match key.as_str() {
        "_measurement" => Subject::Measurement,
        "_field" if is_equal => {
            return Err(ApiError::new(
                Code::NotImplemented,
                "delete by field is not supported",
            ));
        }
        // A series is not known by its fields.
        "_field" => return Ok(None),
        _ => Subject::Tag(key.into()),
    };
    let compared = |comparison, text: &str| {
        Predicate::Compare(subject.clone(), comparison, Literal::String(text.into()))
    };
    // To storage a tag that a series lacks is an empty text, which no tag has.
    let exists = compared(Comparison::NotEqual, "");
    Ok(match (is_equal, value.is_empty()) {
        (true, true) => None,
        (false, true) => Some(exists),
        (true, false) => Some(compared(comparison, &value)),
        (false, false) => Some(Predicate::And(vec![exists, compared(comparison, &value)])),
    })
}
