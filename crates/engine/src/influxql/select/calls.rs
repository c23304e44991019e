//! Functions in columns: how many arguments each takes and of what kind, and which may stand together.

use super::compile::Interval;
use crate::influxql::QueryError;
use crate::influxql::ast::{Expression, Fill, Select};
use crate::influxql::condition::go_type;
use crate::influxql::eval::{is_math, math_arguments};

/// What the columns are made of.
pub(super) struct Fields {
    pub(super) interval: Interval,
    is_inherited: bool,
    limit: usize,
    pub(super) calls: usize,
    only_selectors: bool,
    has_distinct: bool,
    /// `top` or `bottom`, if there is one.
    best: Option<String>,
    /// Whether there are fields or tags beside functions.
    has_plain: bool,
}

impl Fields {
    /// Of a statement with these windows and this LIMIT; `is_inherited`: the windows are those around it.
    pub(super) fn new(interval: Interval, is_inherited: bool, limit: usize) -> Self {
        Self {
            interval,
            is_inherited,
            limit,
            calls: 0,
            only_selectors: true,
            has_distinct: false,
            best: None,
            has_plain: false,
        }
    }

    /// Looks at a column.
    pub(super) fn column(&mut self, value: &Expression) -> Result<(), QueryError> {
        self.expression(value, true)
    }

    fn expression(&mut self, value: &Expression, wildcards: bool) -> Result<(), QueryError> {
        match value {
            Expression::Reference(..) | Expression::Slot(_) => {
                self.has_plain = true;
                Ok(())
            }
            Expression::Wildcard(_) => {
                self.has_plain = true;
                taken(wildcards, "unable to use wildcard in a binary expression")
            }
            Expression::Pattern(_) => {
                self.has_plain = true;
                taken(wildcards, "unable to use regex in a binary expression")
            }
            Expression::Call(name, arguments) if is_math(name) => {
                if arguments.len() != math_arguments(name) {
                    return Err(QueryError::new(wrong_count(
                        name,
                        math_arguments(name),
                        arguments.len(),
                    )));
                }
                let mut computed = arguments.iter().filter(|argument| !argument.is_literal());
                computed.try_for_each(|argument| self.expression(argument, wildcards))
            }
            Expression::Call(name, arguments) => {
                self.calls += 1;
                self.call(name, arguments, wildcards)
            }
            Expression::Distinct(_) => {
                self.calls += 1;
                self.has_distinct = true;
                self.only_selectors = false;
                Ok(())
            }
            Expression::Binary(_, left, right) => match (left.is_literal(), right.is_literal()) {
                (true, true) => Err(QueryError::new(
                    "cannot perform a binary expression on two literals",
                )),
                (true, false) => self.expression(right, false),
                (false, true) => self.expression(left, false),
                (false, false) => {
                    self.expression(left, false)?;
                    self.expression(right, false)
                }
            },
            Expression::Parentheses(inner) => self.expression(inner, wildcards),
            _ => Err(QueryError::new("field must contain at least one variable")),
        }
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &[Expression],
        wildcards: bool,
    ) -> Result<(), QueryError> {
        match name {
            "percentile" => {
                exactly(name, arguments, 2)?;
                let is_number =
                    matches!(arguments[1], Expression::Integer(_) | Expression::Number(_));
                taken(is_number, "expected float argument in percentile()")?;
                self.symbol(name, &arguments[0], wildcards)
            }
            "distinct" => self.distinct(arguments, false),
            "top" | "bottom" => self.best(name, arguments),
            "derivative" | "non_negative_derivative" | "elapsed" => {
                between(name, arguments, 1, 2)?;
                if let Some(unit) = arguments.get(1) {
                    self.unit(name, unit)?;
                }
                self.transformed(name, &arguments[0], wildcards)
            }
            "difference" | "non_negative_difference" | "cumulative_sum" => {
                if arguments.len() != 1 {
                    return Err(QueryError::new(wrong_count(name, 1, arguments.len())));
                }
                self.transformed(name, &arguments[0], wildcards)
            }
            "moving_average" => {
                exactly(name, arguments, 2)?;
                match &arguments[1] {
                    Expression::Integer(width) if *width <= 1 => {
                        return Err(QueryError::new(format!(
                            "moving_average window must be greater than 1, got {width}"
                        )));
                    }
                    Expression::Integer(_) => {}
                    other => {
                        return Err(QueryError::new(format!(
                            "second argument for moving_average must be an integer, got {}",
                            go_type(other)
                        )));
                    }
                }
                self.transformed(name, &arguments[0], wildcards)
            }
            "integral" => {
                between(name, arguments, 1, 2)?;
                if let Some(unit) = arguments.get(1) {
                    let Expression::Duration(unit) = unit else {
                        return Err(QueryError::new("second argument must be a duration"));
                    };
                    positive(*unit)?;
                }
                self.only_selectors = false;
                self.symbol(name, &arguments[0], wildcards)
            }
            _ => self.function(name, arguments, wildcards),
        }
    }

    fn function(
        &mut self,
        name: &str,
        arguments: &[Expression],
        wildcards: bool,
    ) -> Result<(), QueryError> {
        match name {
            "max" | "min" | "first" | "last" => {}
            "count" | "sum" | "mean" | "median" | "mode" | "stddev" | "spread" => {
                self.only_selectors = false;
            }
            _ => return Err(QueryError::new(format!("undefined function {name}()"))),
        }
        exactly(name, arguments, 1)?;
        match (name, &arguments[0]) {
            ("count", Expression::Call(inner, of)) if inner == "distinct" => {
                self.distinct(of, true)
            }
            ("count", Expression::Distinct(_)) => Ok(()),
            (_, argument) => self.symbol(name, argument, wildcards),
        }
    }

    /// What a function of fields takes.
    fn symbol(
        &mut self,
        name: &str,
        field: &Expression,
        wildcards: bool,
    ) -> Result<(), QueryError> {
        match field {
            Expression::Reference(..) => Ok(()),
            Expression::Wildcard(_) => {
                taken(
                    wildcards,
                    &format!("unsupported expression with wildcard: {name}()"),
                )?;
                self.only_selectors = false;
                Ok(())
            }
            Expression::Pattern(_) => {
                taken(
                    wildcards,
                    &format!("unsupported expression with regex field: {name}()"),
                )?;
                self.only_selectors = false;
                Ok(())
            }
            _ => Err(QueryError::new(format!(
                "expected field argument in {name}()"
            ))),
        }
    }

    fn unit(&self, name: &str, unit: &Expression) -> Result<(), QueryError> {
        match unit {
            Expression::Duration(unit) => positive(*unit),
            other => Err(QueryError::new(format!(
                "second argument to {name} must be a duration, got {}",
                go_type(other)
            ))),
        }
    }

    /// What a function of rows, or of an aggregate's windows, takes.
    fn transformed(
        &mut self,
        name: &str,
        of: &Expression,
        wildcards: bool,
    ) -> Result<(), QueryError> {
        self.only_selectors = false;
        let has_windows = self.interval.every != 0;
        match of {
            Expression::Call(inner, arguments) => {
                if !has_windows {
                    return Err(QueryError::new(format!(
                        "{name} aggregate requires a GROUP BY interval"
                    )));
                }
                match inner == "distinct" {
                    true => self.distinct(arguments, true),
                    false => self.expression(of, wildcards),
                }
            }
            _ if has_windows && !self.is_inherited => Err(QueryError::new(format!(
                "aggregate function required inside the call to {name}"
            ))),
            _ => self.symbol(name, of, wildcards),
        }
    }

    fn distinct(&mut self, arguments: &[Expression], nested: bool) -> Result<(), QueryError> {
        match arguments {
            [] => {
                return Err(QueryError::new(
                    "distinct function requires at least one argument",
                ));
            }
            [Expression::Reference(..)] => {}
            [_] => return Err(QueryError::new("expected field argument in distinct()")),
            _ => {
                return Err(QueryError::new(
                    "distinct function can only have one argument",
                ));
            }
        }
        self.has_distinct |= !nested;
        self.only_selectors = false;
        Ok(())
    }

    fn best(&mut self, name: &str, arguments: &[Expression]) -> Result<(), QueryError> {
        if let Some(before) = &self.best {
            return Err(QueryError::new(format!(
                "selector function {before}() cannot be combined with other functions"
            )));
        }
        let [field, tags @ .., count] = arguments else {
            return Err(QueryError::new(format!(
                "invalid number of arguments for {name}, expected at least 2, got {}",
                arguments.len()
            )));
        };
        let Expression::Integer(count) = count else {
            return Err(QueryError::new(format!(
                "expected integer as last argument in {name}(), found {count}"
            )));
        };
        if *count <= 0 {
            return Err(QueryError::new(format!(
                "limit ({count}) in {name} function must be at least 1"
            )));
        }
        if self.limit > 0 && *count as usize > self.limit {
            return Err(QueryError::new(format!(
                "limit ({count}) in {name} function can not be larger than the LIMIT ({}) in the select statement",
                self.limit
            )));
        }
        if !matches!(field, Expression::Reference(..)) {
            return Err(QueryError::new(format!(
                "expected first argument to be a field in {name}(), found {field}"
            )));
        }
        for tag in tags {
            if !matches!(tag, Expression::Reference(..)) {
                return Err(QueryError::new(format!(
                    "only fields or tags are allowed in {name}(), found {tag}"
                )));
            }
            self.has_plain = true;
        }
        self.best = Some(name.to_owned());
        Ok(())
    }

    /// Whether the columns may stand together.
    pub(super) fn check(&self, select: &Select) -> Result<(), QueryError> {
        taken(
            !select.columns.is_empty(),
            "at least 1 non-time field must be queried",
        )?;
        match &self.best {
            Some(best) if self.calls > 1 => {
                return Err(QueryError::new(format!(
                    "selector function {best}() cannot be combined with other functions"
                )));
            }
            _ => {}
        }
        if self.calls == 0 {
            match &select.fill {
                Fill::None => {
                    return Err(QueryError::new("fill(none) must be used with a function"));
                }
                Fill::Linear => {
                    return Err(QueryError::new("fill(linear) must be used with a function"));
                }
                _ => {}
            }
            let needs_none = self.interval.every == 0 || self.is_inherited;
            taken(
                needs_none,
                "GROUP BY requires at least one aggregate function",
            )?;
        }
        if self.has_distinct && (self.calls != 1 || self.has_plain) {
            return Err(QueryError::new(
                "aggregate function distinct() cannot be combined with other functions or fields",
            ));
        }
        if self.has_plain {
            taken(
                self.only_selectors,
                "mixing aggregate and non-aggregate queries is not supported",
            )?;
            taken(
                self.calls <= 1,
                "mixing multiple selector functions with tags or fields is not supported",
            )?;
        }
        Ok(())
    }
}

fn taken(is: bool, message: &str) -> Result<(), QueryError> {
    match is {
        true => Ok(()),
        false => Err(QueryError::new(message)),
    }
}

fn exactly(name: &str, arguments: &[Expression], expected: usize) -> Result<(), QueryError> {
    match arguments.len() {
        got if got == expected => Ok(()),
        got => Err(QueryError::new(wrong_count(name, expected, got))),
    }
}

fn between(
    name: &str,
    arguments: &[Expression],
    least: usize,
    most: usize,
) -> Result<(), QueryError> {
    let got = arguments.len();
    match (least..=most).contains(&got) {
        true => Ok(()),
        false => Err(QueryError::new(format!(
            "invalid number of arguments for {name}, expected at least {least} but no more than {most}, got {got}"
        ))),
    }
}

fn positive(duration: i64) -> Result<(), QueryError> {
    match duration > 0 {
        true => Ok(()),
        false => Err(QueryError::new(format!(
            "duration argument must be positive, got {duration}ns"
        ))),
    }
}

pub(super) fn wrong_count(name: &str, expected: usize, got: usize) -> String {
    format!("invalid number of arguments for {name}, expected {expected}, got {got}")
}
