//! JSON to trees: what clients send as `extern`, with or without places.

use std::sync::Arc;

use serde_json::Value;
use watchpost_core::regular_expression;

use crate::syntax::ast::{
    Assignment, BinaryOperator, Block, Call, DictItem, DurationPart, DurationUnit, Expression,
    ExpressionKind, File, Function, FunctionBody, Identifier, Import, LogicalOperator, MAX_HEIGHT,
    Name, OptionAssignment, PackageClause, Parameter, Position, Property, PropertyKey, Record,
    Span, Statement, StatementKind, StringPart, TimeLiteral, UnaryOperator,
};
use crate::syntax::literal;

/// The JSON is no tree of a Flux program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("{node} has no valid {member:?}")]
    Member { node: String, member: &'static str },
    #[error("unknown node type {0:?}")]
    Type(String),
    #[error("the tree is nested too deep")]
    TooDeep,
}

type Result<T> = std::result::Result<T, ReadError>;

/// Reads a `File` node; an empty object is an empty file. Members that mean nothing here are ignored.
///
/// # Errors
/// A node of an unknown type, or without a member that it needs.
pub fn read_file(json: &Value) -> Result<File> {
    let package = present(json, "package").map(|package| {
        Ok::<_, ReadError>(PackageClause {
            name: identifier(package, "name")?,
            span: span(package),
        })
    });
    Ok(File {
        package: package.transpose()?,
        imports: list(json, "imports")
            .iter()
            .map(import)
            .collect::<Result<_>>()?,
        body: list(json, "body")
            .iter()
            .map(statement)
            .collect::<Result<_>>()?,
        span: span(json),
    })
}

// === members ===

fn present<'a>(node: &'a Value, member: &str) -> Option<&'a Value> {
    node.get(member).filter(|value| !value.is_null())
}

fn need<'a>(node: &'a Value, member: &'static str) -> Result<&'a Value> {
    present(node, member).ok_or_else(|| lacks(node, member))
}

fn lacks(node: &Value, member: &'static str) -> ReadError {
    ReadError::Member {
        node: kind(node).to_owned(),
        member,
    }
}

fn kind(node: &Value) -> &str {
    node.get("type").and_then(Value::as_str).unwrap_or("a node")
}

/// The items of a list; an absent list is empty.
fn list<'a>(node: &'a Value, member: &str) -> &'a [Value] {
    node.get(member)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text(node: &Value, member: &'static str) -> Result<Name> {
    need(node, member)?
        .as_str()
        .map(Name::from)
        .ok_or_else(|| lacks(node, member))
}

/// A number, or the text of one.
fn number<T: std::str::FromStr>(node: &Value, member: &'static str) -> Result<T> {
    let value = need(node, member)?;
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map_err(|_| lacks(node, member))
}

fn span(node: &Value) -> Span {
    let position = |member: &str| -> Option<Position> {
        let position = node.get("location")?.get(member)?;
        let number = |name: &str| {
            position
                .get(name)?
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
        };
        Some(Position {
            line: number("line")?,
            column: number("column")?,
            offset: 0,
        })
    };
    Span {
        start: position("start").unwrap_or_default(),
        end: position("end").unwrap_or_default(),
    }
}

fn identifier(node: &Value, member: &'static str) -> Result<Identifier> {
    let node = need(node, member)?;
    Ok(Identifier {
        name: text(node, "name")?,
        span: span(node),
    })
}

fn boxed(node: &Value, member: &'static str) -> Result<Box<Expression>> {
    expression(need(node, member)?).map(Box::new)
}

fn expressions(node: &Value, member: &str) -> Result<Vec<Expression>> {
    list(node, member).iter().map(expression).collect()
}

// === statements ===

fn import(node: &Value) -> Result<Import> {
    let alias = present(node, "as").or_else(|| present(node, "alias"));
    let alias = alias.map(|alias| {
        Ok::<_, ReadError>(Identifier {
            name: text(alias, "name")?,
            span: span(alias),
        })
    });
    let path = need(node, "path")?;
    Ok(Import {
        alias: alias.transpose()?,
        path: text(path, "value")?,
        path_span: span(path),
        span: span(node),
    })
}

fn statement(node: &Value) -> Result<Statement> {
    let kind = match kind(node) {
        "ExpressionStatement" => StatementKind::Expression(expression(need(node, "expression")?)?),
        "VariableAssignment" => StatementKind::Variable(Assignment {
            name: identifier(node, "id")?,
            value: expression(need(node, "init")?)?,
        }),
        "OptionStatement" => StatementKind::Option(option(need(node, "assignment")?)?),
        "ReturnStatement" => StatementKind::Return(expression(need(node, "argument")?)?),
        other => return Err(ReadError::Type(other.to_owned())),
    };
    Ok(Statement {
        span: span(node),
        kind,
    })
}

fn option(node: &Value) -> Result<OptionAssignment> {
    let value = expression(need(node, "init")?)?;
    let (package, name) = match kind(node) {
        "MemberAssignment" => {
            let member = need(node, "member")?;
            (
                Some(identifier(member, "object")?),
                identifier(member, "property")?,
            )
        }
        _ => (None, identifier(node, "id")?),
    };
    Ok(OptionAssignment {
        package,
        name,
        value,
        span: span(node),
    })
}

fn block(node: &Value) -> Result<Block> {
    let statements = list(node, "body")
        .iter()
        .map(statement)
        .collect::<Result<_>>()?;
    Ok(Block {
        statements,
        span: span(node),
    })
}

// === expressions ===

fn expression(node: &Value) -> Result<Expression> {
    let expression = Expression::new(span(node), expression_kind(node)?);
    if expression.height() > MAX_HEIGHT {
        return Err(ReadError::TooDeep);
    }
    Ok(expression)
}

fn expression_kind(node: &Value) -> Result<ExpressionKind> {
    Ok(match kind(node) {
        "StringExpression" => ExpressionKind::Interpolated(
            list(node, "parts")
                .iter()
                .map(part)
                .collect::<Result<_>>()?,
        ),
        "ArrayExpression" => ExpressionKind::Array(expressions(node, "elements")?),
        "DictExpression" => {
            let item = |item: &Value| {
                let (key, value) = (
                    expression(need(item, "key")?)?,
                    expression(need(item, "val")?)?,
                );
                Ok(DictItem { key, value })
            };
            ExpressionKind::Dict(
                list(node, "elements")
                    .iter()
                    .map(item)
                    .collect::<Result<_>>()?,
            )
        }
        "ObjectExpression" => ExpressionKind::Record(record(node)?),
        "FunctionExpression" => ExpressionKind::Function(Arc::new(function(node)?)),
        "CallExpression" => ExpressionKind::Call(call(node)?),
        "PipeExpression" => ExpressionKind::Pipe {
            source: boxed(node, "argument")?,
            destination: boxed(node, "call")?,
        },
        "MemberExpression" => ExpressionKind::Member {
            object: boxed(node, "object")?,
            property: key(need(node, "property")?)?,
        },
        "IndexExpression" => ExpressionKind::Index {
            array: boxed(node, "array")?,
            index: boxed(node, "index")?,
        },
        "UnaryExpression" => {
            let operator =
                unary(&text(node, "operator")?).ok_or_else(|| lacks(node, "operator"))?;
            ExpressionKind::Unary {
                operator,
                operand: boxed(node, "argument")?,
            }
        }
        "BinaryExpression" => {
            let operator =
                binary(&text(node, "operator")?).ok_or_else(|| lacks(node, "operator"))?;
            ExpressionKind::Binary {
                operator,
                left: boxed(node, "left")?,
                right: boxed(node, "right")?,
            }
        }
        "LogicalExpression" => logical(node)?,
        "ConditionalExpression" => ExpressionKind::Conditional {
            test: boxed(node, "test")?,
            consequent: boxed(node, "consequent")?,
            alternate: boxed(node, "alternate")?,
        },
        "ParenExpression" => ExpressionKind::Parenthesized(boxed(node, "expression")?),
        _ => literal(node)?,
    })
}

fn literal(node: &Value) -> Result<ExpressionKind> {
    Ok(match kind(node) {
        "Identifier" => ExpressionKind::Identifier(text(node, "name")?),
        "StringLiteral" => ExpressionKind::String(text(node, "value")?),
        "BooleanLiteral" => ExpressionKind::Boolean(
            need(node, "value")?
                .as_bool()
                .ok_or_else(|| lacks(node, "value"))?,
        ),
        "IntegerLiteral" => ExpressionKind::Integer(number(node, "value")?),
        "UnsignedIntegerLiteral" => ExpressionKind::Unsigned(number(node, "value")?),
        "FloatLiteral" => ExpressionKind::Float(number(node, "value")?),
        "DurationLiteral" => {
            let parts: Vec<DurationPart> = list(node, "values")
                .iter()
                .map(duration_part)
                .collect::<Result<_>>()?;
            if parts.is_empty() {
                return Err(lacks(node, "values"));
            }
            ExpressionKind::Duration(parts)
        }
        "DateTimeLiteral" => {
            let text = text(node, "value")?;
            let nanoseconds =
                literal::time_nanoseconds(&text).ok_or_else(|| lacks(node, "value"))?;
            ExpressionKind::Time(TimeLiteral { nanoseconds, text })
        }
        "RegexpLiteral" => {
            let pattern = text(node, "value")?;
            regular_expression::check(&pattern).map_err(|_| lacks(node, "value"))?;
            ExpressionKind::Regex(pattern)
        }
        other => return Err(ReadError::Type(other.to_owned())),
    })
}

fn duration_part(node: &Value) -> Result<DurationPart> {
    let unit =
        DurationUnit::from_symbol(&text(node, "unit")?).ok_or_else(|| lacks(node, "unit"))?;
    Ok(DurationPart {
        magnitude: number(node, "magnitude")?,
        unit,
    })
}

fn unary(symbol: &str) -> Option<UnaryOperator> {
    use UnaryOperator as U;
    [U::Plus, U::Minus, U::Not, U::Exists]
        .into_iter()
        .find(|operator| operator.symbol() == symbol)
}

fn binary(symbol: &str) -> Option<BinaryOperator> {
    use BinaryOperator as B;
    let all = [
        B::Add,
        B::Subtract,
        B::Multiply,
        B::Divide,
        B::Modulo,
        B::Power,
        B::Equal,
        B::NotEqual,
        B::Less,
        B::LessEqual,
        B::Greater,
        B::GreaterEqual,
        B::RegexMatch,
        B::RegexNotMatch,
        B::Invalid,
    ];
    all.into_iter().find(|operator| operator.symbol() == symbol)
}

/// A pair; a pair of the same operator on the left becomes one run with it.
fn logical(node: &Value) -> Result<ExpressionKind> {
    let operator = match &*text(node, "operator")? {
        "and" => LogicalOperator::And,
        "or" => LogicalOperator::Or,
        _ => return Err(lacks(node, "operator")),
    };
    let left = expression(need(node, "left")?)?;
    let right = expression(need(node, "right")?)?;
    let operands = match left.kind {
        ExpressionKind::Logical {
            operator: same,
            mut operands,
        } if same == operator => {
            operands.push(right);
            operands
        }
        kind => vec![Expression::new(left.span, kind), right],
    };
    Ok(ExpressionKind::Logical { operator, operands })
}

fn part(node: &Value) -> Result<StringPart> {
    let span = span(node);
    match kind(node) {
        "TextPart" => Ok(StringPart::Text {
            value: text(node, "value")?,
            span,
        }),
        "InterpolatedPart" => Ok(StringPart::Expression {
            value: expression(need(node, "expression")?)?,
            span,
        }),
        other => Err(ReadError::Type(other.to_owned())),
    }
}

fn record(node: &Value) -> Result<Record> {
    // Either the identifier itself or an object around it.
    let with = present(node, "with").map(|with| present(with, "source").unwrap_or(with));
    let with = with.map(|with| {
        Ok::<_, ReadError>(Identifier {
            name: text(with, "name")?,
            span: span(with),
        })
    });
    let properties = list(node, "properties")
        .iter()
        .map(property)
        .collect::<Result<_>>()?;
    Ok(Record {
        with: with.transpose()?,
        properties,
    })
}

fn property(node: &Value) -> Result<Property> {
    let value = present(node, "value").map(expression).transpose()?;
    Ok(Property {
        key: key(need(node, "key")?)?,
        value,
        span: span(node),
    })
}

fn key(node: &Value) -> Result<PropertyKey> {
    let quoted = kind(node) == "StringLiteral";
    let name = text(node, if quoted { "value" } else { "name" })?;
    Ok(PropertyKey {
        name,
        quoted,
        span: span(node),
    })
}

fn call(node: &Value) -> Result<Call> {
    let arguments = list(node, "arguments").first();
    let arguments_span = arguments.map_or(Span::default(), span);
    let arguments = arguments
        .map(record)
        .transpose()?
        .map_or(Vec::new(), |record| record.properties);
    Ok(Call {
        callee: boxed(node, "callee")?,
        arguments,
        arguments_span,
    })
}

fn function(node: &Value) -> Result<Function> {
    let parameters = list(node, "params")
        .iter()
        .map(parameter)
        .collect::<Result<_>>()?;
    let body = need(node, "body")?;
    let body = match kind(body) {
        "Block" => FunctionBody::Block(block(body)?),
        _ => FunctionBody::Expression(expression(body)?),
    };
    Ok(Function {
        parameters,
        body,
        span: span(node),
    })
}

fn parameter(node: &Value) -> Result<Parameter> {
    let value = present(node, "value");
    let pipe = value.is_some_and(|value| kind(value) == "PipeLiteral");
    let default = value.filter(|_| !pipe).map(expression).transpose()?;
    Ok(Parameter {
        name: identifier(node, "key")?,
        default,
        pipe,
        span: span(node),
    })
}
