//! Expressions to values. Inside a table function's lambda `r` may stand for all rows at once; every operator then works on
//! whole columns, and what cannot is an error upon which the caller goes row by row.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::arguments::Arguments;
use super::function::{Closure, Function};
use super::scope::Scope;
use crate::error::Error;
use crate::execute::{Context, ITEM_BYTES, shallow};
use crate::syntax::ast::{
    Call, DurationPart, DurationUnit, Expression, ExpressionKind, LogicalOperator, Property,
    StringPart, UnaryOperator,
};
use crate::table::{Column, ColumnType, KeyValue, Text, Vector};
use crate::value::{self, Duration, Record, Value, operate};

impl Context<'_> {
    /// What an expression means in a scope.
    ///
    /// # Errors
    /// A name or a member is missing, an operator or a call fails.
    pub fn evaluate(&self, expression: &Expression, scope: &Scope) -> Result<Value, Error> {
        match &expression.kind {
            ExpressionKind::Identifier(name) => scope.get(name).ok_or_else(|| {
                Error::invalid(format!(
                    "error @{}: undefined identifier {name}",
                    expression.span
                ))
                .at()
            }),
            ExpressionKind::Function(code) => {
                Ok(Value::Function(Function::Closure(Rc::new(Closure {
                    code: Arc::clone(code),
                    scope: scope.clone(),
                }))))
            }
            ExpressionKind::Call(call) => self.call_expression(expression, call, None, scope),
            ExpressionKind::Pipe {
                source,
                destination,
            } => {
                let piped = self.evaluate(source, scope)?;
                match &destination.without_parentheses().kind {
                    ExpressionKind::Call(call) => {
                        self.call_expression(expression, call, Some(piped), scope)
                    }
                    _ => Err(Error::invalid("pipe destination must be a function call")),
                }
            }
            ExpressionKind::Member { object, property } => {
                let object = self.evaluate(object, scope)?;
                self.member(&object, &property.name)
            }
            ExpressionKind::Index { array, index } => {
                let (array, index) = (self.evaluate(array, scope)?, self.evaluate(index, scope)?);
                index_value(&array, &index)
            }
            ExpressionKind::Unary { operator, operand } => {
                let operand = self.evaluate(operand, scope)?;
                match operator {
                    UnaryOperator::Plus => Ok(operand),
                    UnaryOperator::Minus => operate::negate(&operand),
                    UnaryOperator::Not => operate::not(&operand),
                    UnaryOperator::Exists => Ok(operate::exists(&operand)),
                }
            }
            ExpressionKind::Binary {
                operator,
                left,
                right,
            } => {
                let (left, right) = (self.evaluate(left, scope)?, self.evaluate(right, scope)?);
                self.combined(*operator, &left, &right)
            }
            ExpressionKind::Logical { operator, operands } => {
                self.logical(*operator, operands, scope)
            }
            ExpressionKind::Conditional {
                test,
                consequent,
                alternate,
            } => self.conditional(test, consequent, alternate, scope),
            ExpressionKind::Parenthesized(inner) => self.evaluate(inner, scope),
            ExpressionKind::Bad(text) => Err(Error::invalid(format!(
                "error @{}: invalid expression: {text}",
                expression.span
            ))
            .at()),
            _ => self.literal(expression, scope),
        }
    }

    /// What a literal means, or an array, a dict or a record of expressions.
    fn literal(&self, expression: &Expression, scope: &Scope) -> Result<Value, Error> {
        match &expression.kind {
            ExpressionKind::String(text) => Ok(Value::String(Arc::clone(text))),
            ExpressionKind::Interpolated(parts) => self.interpolated(parts, scope),
            ExpressionKind::Boolean(value) => Ok(Value::Boolean(*value)),
            ExpressionKind::Integer(value) => Ok(Value::Integer(*value)),
            ExpressionKind::Unsigned(value) => Ok(Value::Unsigned(*value)),
            ExpressionKind::Float(value) => Ok(Value::Float(*value)),
            ExpressionKind::Duration(parts) => Ok(Value::Duration(duration_of(parts))),
            ExpressionKind::Time(literal) => Ok(Value::Time(literal.nanoseconds)),
            ExpressionKind::Regex(pattern) => self.cached_regex(pattern).map(Value::Regex),
            ExpressionKind::Array(items) => {
                self.charge(items.len() * ITEM_BYTES)?;
                let items: Result<Vec<Value>, Error> = items
                    .iter()
                    .map(|item| self.evaluate(item, scope).and_then(not_rows))
                    .collect();
                items.map(Value::array)
            }
            ExpressionKind::Dict(items) => {
                let mut dict = BTreeMap::new();
                for item in items {
                    let key = not_rows(self.evaluate(&item.key, scope)?)?;
                    dict.insert(
                        dict_key(&key)?,
                        not_rows(self.evaluate(&item.value, scope)?)?,
                    );
                }
                let dict = Value::Dict(Rc::new(dict));
                self.charge(shallow(&dict))?;
                Ok(dict)
            }
            ExpressionKind::Record(record) => {
                let mut built = match &record.with {
                    None => Record::default(),
                    Some(base) => base_record(scope.get(&base.name), &base.name)?,
                };
                for (at, property) in record.properties.iter().enumerate() {
                    if record.properties[..at]
                        .iter()
                        .any(|earlier| earlier.key.name == property.key.name)
                    {
                        return Err(Error::invalid(format!(
                            "duplicate key in object: {:?}",
                            property.key.name
                        )));
                    }
                    built.set(
                        Arc::clone(&property.key.name),
                        self.property(property, scope)?,
                    );
                }
                let record = Value::record(built);
                self.charge(shallow(&record))?;
                Ok(record)
            }
            _ => Err(Error::internal("no literal")),
        }
    }

    fn property(&self, property: &Property, scope: &Scope) -> Result<Value, Error> {
        match &property.value {
            Some(value) => self.evaluate(value, scope),
            None => {
                let name = &property.key.name;
                scope.get(name).ok_or_else(|| {
                    Error::invalid(format!(
                        "error @{}: undefined identifier {name}",
                        property.span
                    ))
                    .at()
                })
            }
        }
    }

    /// `object.name`
    ///
    /// # Errors
    /// There is no such member.
    pub fn member(&self, object: &Value, name: &str) -> Result<Value, Error> {
        match object {
            Value::Row(row) => Ok(row.member(name)),
            Value::Record(record) => Ok(record.get(name).cloned().unwrap_or(Value::Null)),
            Value::Package(package) => package.scope.own(name).ok_or_else(|| {
                Error::invalid(format!("package {:?} has no member {name:?}", package.path))
            }),
            Value::Dynamic(inner) => match inner.as_ref() {
                Value::Record(record) => {
                    let member = record.get(name).cloned().unwrap_or(Value::Null);
                    Ok(crate::stdlib::dynamic_of(member))
                }
                other => Err(Error::invalid(format!(
                    "cannot access property {name:?} on a dynamic value of type {}",
                    other.type_name()
                ))),
            },
            Value::Null => Ok(Value::Null),
            other => Err(Error::invalid(format!(
                "cannot access property {name:?} on {}",
                other.type_name()
            ))),
        }
    }

    fn logical(
        &self,
        operator: LogicalOperator,
        operands: &[Expression],
        scope: &Scope,
    ) -> Result<Value, Error> {
        let and = operator == LogicalOperator::And;
        let mut result: Option<Value> = None;
        for operand in operands {
            if matches!(result, Some(Value::Boolean(known)) if known != and) {
                break;
            }
            let value = self.evaluate(operand, scope)?;
            result = Some(match result {
                None => operate::logical(and, &value, &Value::Boolean(and))?,
                Some(before) => operate::logical(and, &before, &value)?,
            });
        }
        Ok(result.unwrap_or(Value::Null))
    }

    fn conditional(
        &self,
        test: &Expression,
        consequent: &Expression,
        alternate: &Expression,
        scope: &Scope,
    ) -> Result<Value, Error> {
        match self.evaluate(test, scope)? {
            Value::Boolean(true) => self.evaluate(consequent, scope),
            Value::Boolean(false) | Value::Null => self.evaluate(alternate, scope),
            Value::Column(Column::Boolean(mask)) => {
                let (yes, no) = (
                    self.evaluate(consequent, scope)?,
                    self.evaluate(alternate, scope)?,
                );
                select(&mask, &yes, &no)
            }
            other => Err(Error::invalid(format!(
                "expected bool but found {}",
                other.type_name()
            ))),
        }
    }

    fn interpolated(&self, parts: &[StringPart], scope: &Scope) -> Result<Value, Error> {
        let mut pieces = Vec::with_capacity(parts.len());
        for part in parts {
            pieces.push(match part {
                StringPart::Text { value, .. } => Value::String(Arc::clone(value)),
                StringPart::Expression { value, .. } => self.evaluate(value, scope)?,
            });
        }
        let rows = pieces.iter().find_map(|piece| match piece {
            Value::Column(column) => Some(column.len()),
            _ => None,
        });
        let Some(rows) = rows else {
            let mut text = String::new();
            for piece in &pieces {
                // As it is put together, beside what it becomes.
                self.reserve(2 * text.len() + 2 * shallow(piece))?;
                text.push_str(&value::interpolate(piece)?);
            }
            self.charge(text.len())?;
            return Ok(Value::text(text));
        };
        let mut texts = Vec::with_capacity(rows);
        for row in 0..rows {
            let mut text = String::new();
            for piece in &pieces {
                match piece {
                    Value::Column(column) => {
                        text.push_str(&value::interpolate(&column.value(row))?)
                    }
                    other => text.push_str(&value::interpolate(other)?),
                }
            }
            self.charge(text.len() + size_of::<Text>())?;
            texts.push(Text(Arc::from(text)));
        }
        Ok(Value::Column(Column::String(Vector::dense(texts))))
    }

    fn call_expression(
        &self,
        expression: &Expression,
        call: &Call,
        piped: Option<Value>,
        scope: &Scope,
    ) -> Result<Value, Error> {
        let callee = self.evaluate(&call.callee, scope)?;
        let Value::Function(function) = callee else {
            return Err(Error::invalid(format!(
                "expected function but found {}",
                callee.type_name()
            )));
        };
        let mut arguments = Arguments::new(
            Vec::with_capacity(call.arguments.len() + 1),
            expression.span,
        );
        for property in &call.arguments {
            arguments.push(
                Arc::clone(&property.key.name),
                self.property(property, scope)?,
            );
        }
        self.call(&function, arguments, piped).map_err(|error| {
            // Inside a lambda the table function that runs it says where.
            if error.located || self.in_lambda() {
                return error;
            }
            let name = callee_name(&call.callee).unwrap_or(function.name());
            let within = format!("error calling function {name:?} @{}", expression.span);
            error.within(within).at()
        })
    }
}

/// The name under which a function is called, for messages.
fn callee_name(callee: &Expression) -> Option<&str> {
    match &callee.without_parentheses().kind {
        ExpressionKind::Identifier(name) => Some(name),
        ExpressionKind::Member { property, .. } => Some(&property.name),
        _ => None,
    }
}

impl Error {
    /// The same failure, whose message says where it happened.
    #[must_use]
    pub fn at(mut self) -> Self {
        self.located = true;
        self
    }
}

/// A value that is no column: what arrays and dicts can hold.
fn not_rows(value: Value) -> Result<Value, Error> {
    match value {
        Value::Column(_) => Err(Error::internal("a whole column cannot be an item")),
        Value::Row(row) if row.row.is_none() => Err(Error::internal("all rows cannot be an item")),
        Value::Row(row) => Ok(Value::record(row.record())),
        other => Ok(other),
    }
}

/// A value as a key of a dict.
///
/// # Errors
/// It is of a type without an order.
pub fn dict_key(value: &Value) -> Result<KeyValue, Error> {
    KeyValue::from_value(value).ok_or_else(|| {
        Error::invalid(format!(
            "a {} cannot be a key of a dictionary",
            value.type_name()
        ))
    })
}

fn base_record(base: Option<Value>, name: &str) -> Result<Record, Error> {
    match base {
        Some(Value::Record(record)) => Ok(Record::clone(&record)),
        Some(Value::Row(row)) => Ok(row.record()),
        Some(Value::Package(package)) => Ok(package.scope.record()),
        Some(other) => Err(Error::invalid(format!(
            "expected record but found {}",
            other.type_name()
        ))),
        None => Err(Error::invalid(format!("undefined identifier {name}"))),
    }
}

fn index_value(array: &Value, index: &Value) -> Result<Value, Error> {
    match (array, index) {
        (Value::Array(items), Value::Integer(at)) => {
            let item = usize::try_from(*at).ok().and_then(|at| items.get(at));
            item.cloned().ok_or_else(|| {
                Error::invalid(format!(
                    "cannot access element {at} of array of length {}",
                    items.len()
                ))
            })
        }
        (Value::Dynamic(inner), _) => match (inner.as_ref(), index) {
            (Value::Array(items), Value::Integer(at)) => {
                let item = usize::try_from(*at).ok().and_then(|at| items.get(at));
                Ok(crate::stdlib::dynamic_of(
                    item.cloned().unwrap_or(Value::Null),
                ))
            }
            (Value::Record(record), Value::String(name)) => Ok(crate::stdlib::dynamic_of(
                record.get(name).cloned().unwrap_or(Value::Null),
            )),
            _ => Ok(Value::Null),
        },
        (Value::Null, _) => Ok(Value::Null),
        (Value::Record(record), Value::String(name)) => {
            Ok(record.get(name).cloned().unwrap_or(Value::Null))
        }
        (Value::Row(row), Value::String(name)) => Ok(row.member(name)),
        _ => Err(Error::invalid(format!(
            "cannot index {} with {}",
            array.type_name(),
            index.type_name()
        ))),
    }
}

/// Row by row `yes` where the mask is true, `no` where it is false or null.
fn select(mask: &Vector<bool>, yes: &Value, no: &Value) -> Result<Value, Error> {
    let rows = mask.len();
    let kind = |value: &Value| match value {
        Value::Column(column) => Some(column.kind()),
        other => Column::repeat(other, 0).map(|column| column.kind()),
    };
    let wanted: ColumnType = match (kind(yes), kind(no), yes.is_null(), no.is_null()) {
        (Some(a), Some(b), ..) if a == b => a,
        (Some(a), None, _, true) => a,
        (None, Some(b), true, _) => b,
        (None, None, true, true) => return Ok(Value::Null),
        _ => {
            return Err(Error::invalid(
                "branches of a conditional have different types",
            ));
        }
    };
    let column = |value: &Value| match value {
        Value::Column(column) => column.clone(),
        other => Column::repeat(other, rows).unwrap_or_else(|| Column::nulls(wanted, rows)),
    };
    macro_rules! choose {
        ($variant:ident, $yes:expr, $no:expr) => {{
            let (Column::$variant(yes), Column::$variant(no)) = ($yes, $no) else {
                return Err(Error::internal("columns of one kind"));
            };
            let pick = |(row, test): (usize, Option<&bool>)| {
                if test == Some(&true) {
                    yes.get(row).cloned()
                } else {
                    no.get(row).cloned()
                }
            };
            Column::$variant(mask.iter().enumerate().map(pick).collect())
        }};
    }
    let (yes, no) = (column(yes), column(no));
    Ok(Value::Column(match wanted {
        ColumnType::Boolean => choose!(Boolean, yes, no),
        ColumnType::Integer => choose!(Integer, yes, no),
        ColumnType::Unsigned => choose!(Unsigned, yes, no),
        ColumnType::Float => choose!(Float, yes, no),
        ColumnType::String => choose!(String, yes, no),
        ColumnType::Time => choose!(Time, yes, no),
    }))
}

/// The duration of a literal's parts.
pub(super) fn duration_of(parts: &[DurationPart]) -> Duration {
    let mut duration = Duration::default();
    for part in parts {
        let nanoseconds = match part.unit {
            DurationUnit::Nanosecond => 1,
            DurationUnit::Microsecond => 1_000,
            DurationUnit::Millisecond => 1_000_000,
            DurationUnit::Second => 1_000_000_000,
            DurationUnit::Minute => 60_000_000_000,
            DurationUnit::Hour => value::duration::DAY / 24,
            DurationUnit::Day => value::duration::DAY,
            DurationUnit::Week => 7 * value::duration::DAY,
            DurationUnit::Month | DurationUnit::Year => 0,
        };
        let months = match part.unit {
            DurationUnit::Month => 1,
            DurationUnit::Year => 12,
            _ => 0,
        };
        duration.nanoseconds = duration
            .nanoseconds
            .saturating_add(part.magnitude.saturating_mul(nanoseconds));
        duration.months = duration
            .months
            .saturating_add(part.magnitude.saturating_mul(months));
    }
    duration
}
