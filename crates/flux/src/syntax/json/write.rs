//! Trees to JSON, each node with its place and its text.

use serde_json::{Map, Value};

use crate::syntax::ast::{
    Block, Call, Expression, ExpressionKind, File, Function, FunctionBody, Identifier, Import,
    LogicalOperator, Name, Parameter, Position, Property, PropertyKey, Record, Span, Statement,
    StatementKind, StringPart,
};

type Members = Vec<(&'static str, Value)>;

/// Members of an object. Unlike `json!` this moves the values, so a deep tree is not copied once a level.
macro_rules! members {
    ({ $($name:literal: $value:expr),* $(,)? }) => { vec![$(($name, Value::from($value))),*] };
}

fn object(members: Members) -> Value {
    Value::Object(
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// A file as the only one of its package, as the server answers: `{"type":"Package",…}`.
pub fn write_package(file: &File, source: &str) -> Value {
    let name: Name = file
        .package
        .as_ref()
        .map_or("main".into(), |package| package.name.name.clone());
    object(
        members!({ "type": "Package", "package": &*name, "files": vec![write_file(file, source)] }),
    )
}

/// A file; `source` is the text it was parsed from.
pub fn write_file(file: &File, source: &str) -> Value {
    let writer = Writer { source };
    let package = file.package.as_ref().map(|package| {
        writer.node(
            "PackageClause",
            package.span,
            members!({ "name": writer.identifier(&package.name) }),
        )
    });
    let imports: Vec<Value> = file
        .imports
        .iter()
        .map(|import| writer.import(import))
        .collect();
    let members = members!({
        "metadata": "parser-type=rust",
        "package": package,
        "imports": Some(imports).filter(|imports| !imports.is_empty()),
        "body": writer.statements(&file.body),
    });
    writer.node("File", file.span, members)
}

struct Writer<'a> {
    source: &'a str,
}

impl Writer<'_> {
    fn node(&self, kind: &str, span: Span, members: Members) -> Value {
        let mut node = Map::new();
        node.insert("type".to_owned(), kind.into());
        node.insert("location".to_owned(), self.location(span));
        node.extend(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        Value::Object(node)
    }

    fn location(&self, span: Span) -> Value {
        let position = |position: Position| {
            object(members!({ "line": position.line, "column": position.column }))
        };
        let mut location = members!({ "start": position(span.start), "end": position(span.end) });
        let text = span.text(self.source);
        if !text.is_empty() {
            location.push(("source", text.into()));
        }
        object(location)
    }

    fn identifier(&self, identifier: &Identifier) -> Value {
        self.node(
            "Identifier",
            identifier.span,
            members!({ "name": &*identifier.name }),
        )
    }

    fn import(&self, import: &Import) -> Value {
        let alias = import.alias.as_ref().map(|alias| self.identifier(alias));
        let path = self.node(
            "StringLiteral",
            import.path_span,
            members!({ "value": &*import.path }),
        );
        self.node(
            "ImportDeclaration",
            import.span,
            members!({ "as": alias, "path": path }),
        )
    }

    fn statements(&self, statements: &[Statement]) -> Vec<Value> {
        statements
            .iter()
            .map(|statement| self.statement(statement))
            .collect()
    }

    fn block(&self, block: &Block) -> Value {
        self.node(
            "Block",
            block.span,
            members!({ "body": self.statements(&block.statements) }),
        )
    }

    fn statement(&self, statement: &Statement) -> Value {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Expression(value) => self.node(
                "ExpressionStatement",
                span,
                members!({ "expression": self.expression(value) }),
            ),
            StatementKind::Variable(assignment) => {
                self.variable(span, &assignment.name, &assignment.value)
            }
            StatementKind::Option(option) => {
                let assignment = match &option.package {
                    None => self.variable(option.span, &option.name, &option.value),
                    Some(package) => {
                        let property = self.identifier(&option.name);
                        let members =
                            members!({ "object": self.identifier(package), "property": property });
                        let member = self.node(
                            "MemberExpression",
                            package.span.to(option.name.span),
                            members,
                        );
                        let members =
                            members!({ "member": member, "init": self.expression(&option.value) });
                        self.node("MemberAssignment", option.span, members)
                    }
                };
                self.node(
                    "OptionStatement",
                    span,
                    members!({ "assignment": assignment }),
                )
            }
            StatementKind::Return(value) => self.node(
                "ReturnStatement",
                span,
                members!({ "argument": self.expression(value) }),
            ),
            StatementKind::Builtin { name, signature } => {
                let members = members!({ "id": self.identifier(name), "ty": &**signature });
                self.node("BuiltinStatement", span, members)
            }
            StatementKind::TestCase {
                name,
                extends,
                block,
            } => {
                let mut members =
                    members!({ "id": self.identifier(name), "block": self.block(block) });
                if let Some(path) = extends {
                    members.push((
                        "extends",
                        object(members!({ "type": "StringLiteral", "value": &**path })),
                    ));
                }
                self.node("TestCaseStatement", span, members)
            }
            StatementKind::Bad(text) => {
                self.node("BadStatement", span, members!({ "text": &**text }))
            }
        }
    }

    fn variable(&self, span: Span, name: &Identifier, value: &Expression) -> Value {
        let members = members!({ "id": self.identifier(name), "init": self.expression(value) });
        self.node("VariableAssignment", span, members)
    }

    fn expressions(&self, expressions: &[Expression]) -> Vec<Value> {
        expressions
            .iter()
            .map(|expression| self.expression(expression))
            .collect()
    }

    fn expression(&self, expression: &Expression) -> Value {
        let (kind, members) = match &expression.kind {
            ExpressionKind::Function(function) => return self.function(function, expression.span),
            ExpressionKind::Logical { operator, operands } => {
                return self.logical(*operator, operands);
            }
            ExpressionKind::Bad(_) => return Value::Null,
            ExpressionKind::Interpolated(parts) => {
                ("StringExpression", members!({ "parts": self.parts(parts) }))
            }
            ExpressionKind::Array(items) => (
                "ArrayExpression",
                members!({ "elements": self.expressions(items) }),
            ),
            ExpressionKind::Dict(items) => {
                let item = |key: Value, value: Value| {
                    object(members!({ "type": "DictItem", "key": key, "val": value }))
                };
                let items = items
                    .iter()
                    .map(|pair| item(self.expression(&pair.key), self.expression(&pair.value)));
                (
                    "DictExpression",
                    members!({ "elements": items.collect::<Vec<_>>() }),
                )
            }
            ExpressionKind::Record(record) => ("ObjectExpression", self.record(record)),
            ExpressionKind::Call(call) => ("CallExpression", self.call(call)),
            ExpressionKind::Pipe {
                source,
                destination,
            } => {
                let members = members!({ "argument": self.expression(source), "call": self.expression(destination) });
                ("PipeExpression", members)
            }
            ExpressionKind::Member { object, property } => {
                let members =
                    members!({ "object": self.expression(object), "property": self.key(property) });
                ("MemberExpression", members)
            }
            ExpressionKind::Index { array, index } => (
                "IndexExpression",
                members!({ "array": self.expression(array), "index": self.expression(index) }),
            ),
            ExpressionKind::Unary { .. }
            | ExpressionKind::Binary { .. }
            | ExpressionKind::Conditional { .. } => self.operation(&expression.kind),
            ExpressionKind::Parenthesized(inner) => (
                "ParenExpression",
                members!({ "expression": self.expression(inner) }),
            ),
            literal => self.literal(literal),
        };
        self.node(kind, expression.span, members)
    }

    fn operation(&self, operation: &ExpressionKind) -> (&'static str, Members) {
        match operation {
            ExpressionKind::Unary { operator, operand } => {
                let members = members!({ "operator": operator.symbol(), "argument": self.expression(operand) });
                ("UnaryExpression", members)
            }
            ExpressionKind::Binary {
                operator,
                left,
                right,
            } => {
                let (left, right) = (self.expression(left), self.expression(right));
                (
                    "BinaryExpression",
                    members!({ "operator": operator.symbol(), "left": left, "right": right }),
                )
            }
            ExpressionKind::Conditional {
                test,
                consequent,
                alternate,
            } => {
                let (consequent, alternate) =
                    (self.expression(consequent), self.expression(alternate));
                let members = members!({
                    "test": self.expression(test), "consequent": consequent, "alternate": alternate,
                });
                ("ConditionalExpression", members)
            }
            _ => ("BadExpression", Members::new()),
        }
    }

    fn literal(&self, literal: &ExpressionKind) -> (&'static str, Members) {
        match literal {
            ExpressionKind::Identifier(name) => ("Identifier", members!({ "name": &**name })),
            ExpressionKind::String(text) => ("StringLiteral", members!({ "value": &**text })),
            ExpressionKind::Boolean(value) => ("BooleanLiteral", members!({ "value": *value })),
            // As text: not every number of 64 bits survives a reader of JSON.
            ExpressionKind::Integer(value) => {
                ("IntegerLiteral", members!({ "value": value.to_string() }))
            }
            ExpressionKind::Unsigned(value) => (
                "UnsignedIntegerLiteral",
                members!({ "value": value.to_string() }),
            ),
            ExpressionKind::Float(value) => ("FloatLiteral", members!({ "value": *value })),
            ExpressionKind::Duration(parts) => {
                let part = |magnitude: i64, unit: &str| {
                    object(members!({ "magnitude": magnitude, "unit": unit }))
                };
                let parts: Vec<Value> = parts
                    .iter()
                    .map(|p| part(p.magnitude, p.unit.symbol()))
                    .collect();
                ("DurationLiteral", members!({ "values": parts }))
            }
            ExpressionKind::Time(time) => {
                let midnight = if time.text.contains('T') {
                    ""
                } else {
                    "T00:00:00Z"
                };
                (
                    "DateTimeLiteral",
                    members!({ "value": format!("{}{midnight}", time.text) }),
                )
            }
            ExpressionKind::Regex(pattern) => ("RegexpLiteral", members!({ "value": &**pattern })),
            _ => ("BadExpression", Members::new()),
        }
    }

    /// A run of operands as the tree of pairs that it stands for, grouped from the left.
    fn logical(&self, operator: LogicalOperator, operands: &[Expression]) -> Value {
        let Some((first, rest)) = operands.split_first() else {
            return Value::Null;
        };
        rest.iter().fold(self.expression(first), |left, operand| {
            let right = self.expression(operand);
            let members = members!({ "operator": operator.symbol(), "left": left, "right": right });
            self.node("LogicalExpression", first.span.to(operand.span), members)
        })
    }

    fn parts(&self, parts: &[StringPart]) -> Vec<Value> {
        let part = |part: &StringPart| match part {
            StringPart::Text { value, span } => {
                self.node("TextPart", *span, members!({ "value": &**value }))
            }
            StringPart::Expression { value, span } => self.node(
                "InterpolatedPart",
                *span,
                members!({ "expression": self.expression(value) }),
            ),
        };
        parts.iter().map(part).collect()
    }

    fn record(&self, record: &Record) -> Members {
        let mut members = members!({ "properties": self.properties(&record.properties) });
        if let Some(base) = &record.with {
            members.push(("with", self.identifier(base)));
        }
        members
    }

    fn call(&self, call: &Call) -> Members {
        let mut members = members!({ "callee": self.expression(&call.callee) });
        if !call.arguments.is_empty() {
            let properties = members!({ "properties": self.properties(&call.arguments) });
            let arguments = self.node("ObjectExpression", call.arguments_span, properties);
            members.push(("arguments", vec![arguments].into()));
        }
        members
    }

    fn properties(&self, properties: &[Property]) -> Vec<Value> {
        let property = |property: &Property| {
            let value = property.value.as_ref().map(|value| self.expression(value));
            self.node(
                "Property",
                property.span,
                members!({ "key": self.key(&property.key), "value": value }),
            )
        };
        properties.iter().map(property).collect()
    }

    fn key(&self, key: &PropertyKey) -> Value {
        if key.quoted {
            self.node("StringLiteral", key.span, members!({ "value": &*key.name }))
        } else {
            self.node("Identifier", key.span, members!({ "name": &*key.name }))
        }
    }

    fn function(&self, function: &Function, span: Span) -> Value {
        let parameters: Vec<Value> = function
            .parameters
            .iter()
            .map(|parameter| self.parameter(parameter))
            .collect();
        let body = match &function.body {
            FunctionBody::Expression(body) => self.expression(body),
            FunctionBody::Block(block) => self.block(block),
        };
        self.node(
            "FunctionExpression",
            span,
            members!({ "params": parameters, "body": body }),
        )
    }

    fn parameter(&self, parameter: &Parameter) -> Value {
        let value = if parameter.pipe {
            // The arrow `<-` is the end of the parameter.
            let end = parameter.span.end;
            let (column, offset) = (end.column.saturating_sub(2), end.offset.saturating_sub(2));
            let start = Position {
                column,
                offset,
                ..end
            };
            Some(self.node("PipeLiteral", Span { start, end }, Members::new()))
        } else {
            parameter
                .default
                .as_ref()
                .map(|default| self.expression(default))
        };
        let members = members!({ "key": self.identifier(&parameter.name), "value": value });
        self.node("Property", parameter.span, members)
    }
}
