//! The types of expressions.

use super::{Inference, place};
use crate::semantic::environment::Binding;
use crate::semantic::kind::Kind;
use crate::semantic::monotype::{Basic, Type};
use crate::syntax::ast::{
    BinaryOperator, DictItem, Expression, ExpressionKind, Name, Property, Record, Span, StringPart,
    UnaryOperator,
};

impl Inference {
    pub(super) fn expression(&mut self, expression: &Expression) -> Type {
        match &expression.kind {
            ExpressionKind::Identifier(name) => self.identifier(name, expression.span),
            ExpressionKind::String(_) => Type::STRING,
            ExpressionKind::Interpolated(parts) => self.interpolated(parts),
            ExpressionKind::Boolean(_) => Type::BOOL,
            ExpressionKind::Integer(_) => Type::INT,
            ExpressionKind::Unsigned(_) => Type::Basic(Basic::Uint),
            ExpressionKind::Float(_) => Type::Basic(Basic::Float),
            ExpressionKind::Duration(_) => Type::Basic(Basic::Duration),
            ExpressionKind::Time(_) => Type::Basic(Basic::Time),
            ExpressionKind::Regex(_) => Type::REGEXP,
            ExpressionKind::Array(items) => self.array(items),
            ExpressionKind::Dict(items) => self.dict(items, expression.span),
            ExpressionKind::Record(record) => self.record(record),
            ExpressionKind::Function(function) => self.function(function),
            ExpressionKind::Call(call) => self.call(call, None, expression.span),
            ExpressionKind::Pipe {
                source,
                destination,
            } => match &destination.kind {
                ExpressionKind::Call(call) => self.call(call, Some(source), destination.span),
                _ => Type::Error,
            },
            ExpressionKind::Member { object, property } => self.member(object, &property.name),
            ExpressionKind::Index { array, index } => self.index(array, index),
            ExpressionKind::Unary { operator, operand } => self.unary(*operator, operand),
            ExpressionKind::Binary {
                operator,
                left,
                right,
            } => self.binary(*operator, left, right, expression.span),
            ExpressionKind::Logical { operands, .. } => self.logical(operands),
            ExpressionKind::Conditional {
                test,
                consequent,
                alternate,
            } => {
                let test_type = self.expression(test);
                self.equal(&Type::BOOL, &test_type, place(test));
                let consequent = self.expression(consequent);
                let other = self.expression(alternate);
                self.equal(&consequent, &other, place(alternate))
            }
            ExpressionKind::Parenthesized(inner) => self.expression(inner),
            ExpressionKind::Bad(_) => Type::Error,
        }
    }

    fn identifier(&mut self, name: &Name, span: Span) -> Type {
        match self.environment.lookup(name) {
            Some(Binding::Defined(scheme)) => self.substitution.instantiate(&scheme),
            Some(Binding::Builtin(scheme)) => self.substitution.instantiate(scheme),
            Some(Binding::Parameter(kind)) => kind,
            Some(Binding::Unknown) => Type::Error,
            Some(Binding::Package(package)) => {
                let mut names: Vec<&str> = package.names().collect();
                names.sort_unstable();
                let exports = names
                    .into_iter()
                    .filter_map(|name| package.export(name).map(|export| (name, export)));
                let fields = exports.map(|(name, export)| {
                    (name.into(), self.substitution.instantiate(&export.scheme))
                });
                Type::record(fields.collect(), None)
            }
            None => {
                self.complain(span, format!("undefined identifier {name}"));
                let substitution = &mut self.substitution;
                self.undefined
                    .entry(name.clone())
                    .or_insert_with(|| substitution.fresh_global())
                    .clone()
            }
        }
    }

    fn interpolated(&mut self, parts: &[StringPart]) -> Type {
        for part in parts {
            if let StringPart::Expression { value, .. } = part {
                let kind = self.expression(value);
                self.constrain(Kind::Stringable, &kind, place(value));
            }
        }
        Type::STRING
    }

    fn array(&mut self, items: &[Expression]) -> Type {
        let mut element = None;
        for item in items {
            let kind = self.expression(item);
            element = Some(match element {
                None => kind,
                Some(element) => self.equal(&element, &kind, place(item)),
            });
        }
        Type::array(element.unwrap_or_else(|| self.substitution.fresh()))
    }

    fn dict(&mut self, items: &[DictItem], span: Span) -> Type {
        let (key, value) = (self.substitution.fresh(), self.substitution.fresh());
        for item in items {
            let key_type = self.expression(&item.key);
            let value_type = self.expression(&item.value);
            self.equal(&key, &key_type, place(&item.key));
            self.equal(&value, &value_type, place(&item.value));
        }
        self.constrain(Kind::Comparable, &key, span);
        Type::Dict((key, value).into())
    }

    fn record(&mut self, record: &Record) -> Type {
        let tail = record
            .with
            .as_ref()
            .map(|base| self.identifier(&base.name, base.span));
        // From last to first, as InfluxDB goes.
        let mut fields: Vec<(Name, Type)> = record
            .properties
            .iter()
            .rev()
            .map(|property| self.field(property))
            .collect();
        fields.reverse();
        match tail {
            Some(tail) if fields.is_empty() => tail,
            tail => Type::record(fields, tail),
        }
    }

    fn field(&mut self, property: &Property) -> (Name, Type) {
        (property.key.name.clone(), self.property_value(property))
    }

    /// The type of a property's value; in the short form, of the variable of its name.
    pub(super) fn property_value(&mut self, property: &Property) -> Type {
        match &property.value {
            Some(value) => self.expression(value),
            None => self.identifier(&property.key.name, property.key.span),
        }
    }

    pub(super) fn member(&mut self, object: &Expression, property: &Name) -> Type {
        if let ExpressionKind::Identifier(name) = &object.without_parentheses().kind
            && let Some(Binding::Package(package)) = self.environment.lookup(name)
        {
            if let Some(export) = package.export(property) {
                return self.substitution.instantiate(&export.scheme);
            }
            self.complain(place(object), format!("record is missing label {property}"));
            return Type::Error;
        }
        let found = self.expression(object);
        let found = self.substitution.shallow(&found);
        match &found {
            Type::Dynamic => return Type::Dynamic,
            Type::Record(record) => {
                let record = self.substitution.flatten(record);
                if let Some((_, kind)) = record.fields.iter().find(|(label, _)| label == property) {
                    return kind.clone();
                }
            }
            _ => {}
        }
        let (kind, tail) = (self.substitution.fresh(), self.substitution.fresh());
        let expected = Type::record(vec![(property.clone(), kind.clone())], Some(tail));
        self.equal(&expected, &found, place(object));
        kind
    }

    fn index(&mut self, array: &Expression, index: &Expression) -> Type {
        let found = self.expression(array);
        let index_type = self.expression(index);
        self.equal(&Type::INT, &index_type, place(index));
        match self.substitution.shallow(&found) {
            Type::Array(element) => (*element).clone(),
            Type::Dynamic => Type::Dynamic,
            found => {
                let element = self.substitution.fresh();
                self.equal(&Type::array(element.clone()), &found, place(array));
                element
            }
        }
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &Expression) -> Type {
        let kind = self.expression(operand);
        match operator {
            UnaryOperator::Not => {
                self.equal(&Type::BOOL, &kind, place(operand));
                Type::BOOL
            }
            UnaryOperator::Exists => Type::BOOL,
            UnaryOperator::Plus | UnaryOperator::Minus => {
                self.constrain(Kind::Negatable, &kind, place(operand));
                kind
            }
        }
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &Expression,
        right: &Expression,
        span: Span,
    ) -> Type {
        use BinaryOperator as B;
        let left_type = self.expression(left);
        let right_type = self.expression(right);
        let kinds: &[Kind] = match operator {
            B::Add => {
                return self.arithmetic(Kind::Addable, &left_type, &right_type, place(right), span);
            }
            B::Subtract => {
                return self.arithmetic(
                    Kind::Subtractable,
                    &left_type,
                    &right_type,
                    place(right),
                    span,
                );
            }
            B::Multiply | B::Divide | B::Modulo | B::Power => {
                return self.arithmetic(
                    Kind::Divisible,
                    &left_type,
                    &right_type,
                    place(right),
                    span,
                );
            }
            B::Less | B::Greater => &[Kind::Comparable],
            B::LessEqual | B::GreaterEqual => &[Kind::Equatable, Kind::Comparable],
            B::Equal | B::NotEqual => &[Kind::Equatable],
            B::RegexMatch | B::RegexNotMatch => {
                self.equal(&Type::STRING, &left_type, place(left));
                self.equal(&Type::REGEXP, &right_type, place(right));
                return Type::BOOL;
            }
            B::Invalid => {
                self.complain(
                    span,
                    format!("invalid binary operator {}", operator.symbol()),
                );
                return Type::Error;
            }
        };
        for (side, kind) in [(left, &left_type), (right, &right_type)] {
            for wanted in kinds {
                self.constrain(*wanted, kind, place(side));
            }
        }
        Type::BOOL
    }

    /// Both sides of one type, and that of a kind.
    fn arithmetic(
        &mut self,
        kind: Kind,
        left: &Type,
        right: &Type,
        right_place: Span,
        span: Span,
    ) -> Type {
        let result = self.equal(left, right, right_place);
        self.constrain(kind, left, span);
        result
    }

    fn logical(&mut self, operands: &[Expression]) -> Type {
        let mut waiting = None;
        for operand in operands {
            let kind = self.expression(operand);
            // The first operand is checked after the second is inferred, as in a tree of pairs.
            match (waiting.take(), std::ptr::eq(operand, &operands[0])) {
                (None, true) => waiting = Some((kind, place(operand))),
                (first, _) => {
                    if let Some((first, span)) = first {
                        self.equal(&Type::BOOL, &first, span);
                    }
                    self.equal(&Type::BOOL, &kind, place(operand));
                }
            }
        }
        Type::BOOL
    }
}
