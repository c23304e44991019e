//! Which part of a filter's function storage can take over, as InfluxDB decides it: comparisons of a tag, the measurement,
//! the field or the value with a constant on the right, `exists`, and `and`/`or` of those.

use std::sync::Arc;

use crate::execute::Context;
use crate::interpret::{Closure, Function, Scope};
use crate::source::{Comparison, Literal, Predicate, Subject};
use crate::syntax::ast::{
    self, BinaryOperator, Expression, ExpressionKind, FunctionBody, LogicalOperator, UnaryOperator,
};
use crate::value::Value;

/// A filter in two parts, both of which must hold.
pub struct Split {
    /// What storage takes over.
    pub pushed: Option<Predicate>,
    /// What is left to do in memory.
    pub rest: Option<Function>,
}

/// Splits a filter's function; `None` if storage can take over nothing.
pub fn split(context: &Context<'_>, function: &Function) -> Option<Split> {
    let Function::Closure(closure) = function else {
        return None;
    };
    let [parameter] = closure.code.parameters.as_slice() else {
        return None;
    };
    let body = match &closure.code.body {
        FunctionBody::Expression(body) => body,
        FunctionBody::Block(block) => match block.statements.as_slice() {
            [
                ast::Statement {
                    kind: ast::StatementKind::Return(body),
                    ..
                },
            ] => body,
            _ => return None,
        },
    };
    let translator = Translator {
        context,
        scope: &closure.scope,
        row: &parameter.name.name,
    };
    let mut conjuncts = Vec::new();
    flatten(body, &mut conjuncts);
    let mut pushed = Vec::new();
    let mut rest = Vec::new();
    for conjunct in conjuncts {
        // `(r) => true` filters nothing.
        if matches!(translator.constant(conjunct), Some(Value::Boolean(true))) {
            continue;
        }
        match translator.predicate(conjunct) {
            Some(predicate) => pushed.push(predicate),
            None => rest.push(conjunct.clone()),
        }
    }
    let pushed = match pushed.len() {
        0 if !rest.is_empty() => return None,
        0 => None,
        1 => pushed.pop(),
        _ => Some(Predicate::And(pushed)),
    };
    Some(Split {
        pushed,
        rest: rest_function(closure, body, rest),
    })
}

/// The operands of nested `and`s.
fn flatten<'a>(expression: &'a Expression, conjuncts: &mut Vec<&'a Expression>) {
    match &expression.without_parentheses().kind {
        ExpressionKind::Logical {
            operator: LogicalOperator::And,
            operands,
        } => {
            for operand in operands {
                flatten(operand, conjuncts);
            }
        }
        _ => conjuncts.push(expression),
    }
}

fn rest_function(
    closure: &Closure,
    body: &Expression,
    mut rest: Vec<Expression>,
) -> Option<Function> {
    let body = match rest.len() {
        0 => return None,
        1 => rest.remove(0),
        _ => Expression::new(
            body.span,
            ExpressionKind::Logical {
                operator: LogicalOperator::And,
                operands: rest,
            },
        ),
    };
    let code = ast::Function {
        parameters: closure.code.parameters.clone(),
        body: FunctionBody::Expression(body),
        span: closure.code.span,
    };
    Some(Function::Closure(std::rc::Rc::new(Closure {
        code: Arc::new(code),
        scope: closure.scope.clone(),
    })))
}

struct Translator<'a> {
    context: &'a Context<'a>,
    scope: &'a Scope,
    row: &'a str,
}

impl Translator<'_> {
    fn predicate(&self, expression: &Expression) -> Option<Predicate> {
        match &expression.without_parentheses().kind {
            ExpressionKind::Logical { operator, operands } => {
                let parts: Option<Vec<Predicate>> = operands
                    .iter()
                    .map(|operand| self.predicate(operand))
                    .collect();
                Some(match operator {
                    LogicalOperator::And => Predicate::And(parts?),
                    LogicalOperator::Or => Predicate::Or(parts?),
                })
            }
            ExpressionKind::Unary {
                operator: UnaryOperator::Exists,
                operand,
            } => match self.subject(operand)? {
                Subject::Value => None,
                subject => Some(Predicate::Exists(subject)),
            },
            ExpressionKind::Unary {
                operator: UnaryOperator::Not,
                operand,
            } => match &operand.without_parentheses().kind {
                ExpressionKind::Unary {
                    operator: UnaryOperator::Exists,
                    ..
                } => Some(Predicate::Not(Box::new(self.predicate(operand)?))),
                _ => None,
            },
            ExpressionKind::Binary {
                operator,
                left,
                right,
            } => self.comparison(*operator, left, right),
            _ => None,
        }
    }

    fn comparison(
        &self,
        operator: BinaryOperator,
        left: &Expression,
        right: &Expression,
    ) -> Option<Predicate> {
        let subject = self.subject(left)?;
        let constant = self.constant(right)?;
        if let Value::Regex(pattern) = constant {
            let negated = match operator {
                BinaryOperator::RegexMatch => false,
                BinaryOperator::RegexNotMatch => true,
                _ => return None,
            };
            return Some(Predicate::Matches {
                subject,
                pattern,
                negated,
            });
        }
        let comparison = match operator {
            BinaryOperator::Equal => Comparison::Equal,
            BinaryOperator::NotEqual => Comparison::NotEqual,
            _ if subject != Subject::Value => return None,
            BinaryOperator::Less => Comparison::Less,
            BinaryOperator::LessEqual => Comparison::LessOrEqual,
            BinaryOperator::Greater => Comparison::Greater,
            BinaryOperator::GreaterEqual => Comparison::GreaterOrEqual,
            _ => return None,
        };
        let literal = match constant {
            Value::String(text) => {
                if subject != Subject::Value && text.is_empty() {
                    // To storage a tag without value is a missing tag.
                    return match comparison {
                        Comparison::NotEqual => Some(Predicate::Exists(subject)),
                        _ => None,
                    };
                }
                Literal::String(text)
            }
            _ if subject != Subject::Value => return None,
            Value::Integer(value) => Literal::Integer(value),
            Value::Unsigned(value) => Literal::Unsigned(value),
            Value::Float(value) => Literal::Float(value),
            Value::Boolean(value) => Literal::Boolean(value),
            _ => return None,
        };
        Some(Predicate::Compare(subject, comparison, literal))
    }

    fn subject(&self, expression: &Expression) -> Option<Subject> {
        let ExpressionKind::Member { object, property } = &expression.without_parentheses().kind
        else {
            return None;
        };
        match &object.without_parentheses().kind {
            ExpressionKind::Identifier(name) if name.as_ref() == self.row => {}
            _ => return None,
        }
        match property.name.as_ref() {
            "_measurement" => Some(Subject::Measurement),
            "_field" => Some(Subject::Field),
            "_value" => Some(Subject::Value),
            "_time" | "_start" | "_stop" => None,
            _ => Some(Subject::Tag(Arc::clone(&property.name))),
        }
    }

    /// The value of a literal, of a name or of a member of a name other than the row's.
    fn constant(&self, expression: &Expression) -> Option<Value> {
        match &expression.without_parentheses().kind {
            ExpressionKind::String(_)
            | ExpressionKind::Integer(_)
            | ExpressionKind::Unsigned(_)
            | ExpressionKind::Float(_)
            | ExpressionKind::Boolean(_)
            | ExpressionKind::Regex(_) => self.context.evaluate(expression, self.scope).ok(),
            ExpressionKind::Identifier(name) if name.as_ref() != self.row => self.scope.get(name),
            ExpressionKind::Member { object, property } => {
                let object = self.constant(object)?;
                self.context.member(&object, &property.name).ok()
            }
            _ => None,
        }
    }
}
