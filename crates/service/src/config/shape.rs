//! The declared keys of a configuration, read from its JSON schema: path, kind, doc, default.
//! Environment and flags are typed by it, and the reference is printed from it.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::RoleConfig;

/// How deep sections may nest; a recursive type would otherwise never end.
const MAX_DEPTH: usize = 8;

/// What a key takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Boolean,
    Integer,
    Number,
    Duration,
    Bytes,
    Secret,
    Choice(Vec<String>),
    List(Box<Kind>),
    /// A table with free keys, or one of several shapes.
    Table,
}

/// One declared key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// Names from the outermost section to the key; `[]` stands for any element of a list.
    pub path: Vec<String>,
    pub kind: Kind,
    pub doc: String,
    /// The value when nothing is written; null when there is none.
    pub default: Value,
}

/// One table with declared keys.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub path: Vec<String>,
    pub doc: String,
    pub keys: Vec<Key>,
    /// False where serde would take an unknown key in silence.
    pub closed: bool,
}

/// All sections of `C`, the outermost first.
pub(super) fn sections<C: RoleConfig>() -> Vec<Section> {
    let schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<C>();
    let root = schema.to_value();
    let defaults = serde_json::to_value(C::default()).unwrap_or(Value::Null);
    let mut walk = Walk {
        definitions: root.get("$defs").cloned().unwrap_or(Value::Null),
        found: Vec::new(),
    };
    walk.section(&root, &defaults, Vec::new(), String::new());
    walk.found
}

struct Walk {
    definitions: Value,
    found: Vec<Section>,
}

impl Walk {
    fn section(&mut self, schema: &Value, defaults: &Value, path: Vec<String>, doc: String) {
        if path.len() > MAX_DEPTH {
            return;
        }
        let place = self.found.len();
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        self.found.push(Section {
            path: path.clone(),
            doc,
            keys: Vec::new(),
            closed,
        });
        for (name, property) in properties(schema) {
            let target = self.target(property);
            let doc = [property, &target]
                .into_iter()
                .find_map(description)
                .unwrap_or_default();
            let default = defaults.get(name).cloned().unwrap_or(Value::Null);
            let path = [path.as_slice(), std::slice::from_ref(name)].concat();
            if has_properties(&target) {
                self.section(&target, &default, path, doc);
                continue;
            }
            let kind = self.kind(&target);
            let element = target.get("items").map(|items| self.target(items));
            self.found[place].keys.push(Key {
                path: path.clone(),
                kind,
                doc: doc.clone(),
                default,
            });
            if let Some(element) = element.filter(has_properties) {
                let path = [path.as_slice(), &["[]".into()]].concat();
                let defaults = element.get("default").cloned().unwrap_or(Value::Null);
                self.section(&element, &defaults, path, doc);
            }
        }
    }

    /// The schema meant, through references and `Option`.
    fn target(&self, schema: &Value) -> Value {
        let mut schema = schema.clone();
        for _ in 0..MAX_DEPTH {
            let next = if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
                let name = reference.rsplit('/').next().unwrap_or(reference);
                self.definitions.get(name).cloned()
            } else {
                alternatives(&schema)
                    .filter(|all| all.len() <= 2)
                    .and_then(|all| {
                        all.iter()
                            .find(|one| one.get("type") != Some(&"null".into()))
                            .cloned()
                    })
                    .filter(|one| one.get("const").is_none())
            };
            match next {
                Some(next) => schema = next,
                None => break,
            }
        }
        schema
    }

    fn kind(&self, schema: &Value) -> Kind {
        if let Some(choices) = choices(schema) {
            return Kind::Choice(choices);
        }
        match (
            type_name(schema),
            schema.get("format").and_then(Value::as_str),
        ) {
            ("string", Some("duration")) => Kind::Duration,
            ("string", Some("bytes")) => Kind::Bytes,
            ("string", Some("secret")) => Kind::Secret,
            ("string", _) => Kind::Text,
            ("boolean", _) => Kind::Boolean,
            ("integer", _) => Kind::Integer,
            ("number", _) => Kind::Number,
            ("array", _) => {
                let element = schema
                    .get("items")
                    .map(|items| self.kind(&self.target(items)));
                Kind::List(Box::new(element.unwrap_or(Kind::Text)))
            }
            _ => Kind::Table,
        }
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

fn has_properties(schema: &Value) -> bool {
    properties(schema).next().is_some()
}

fn description(schema: &Value) -> Option<String> {
    Some(schema.get("description")?.as_str()?.to_owned())
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    ["anyOf", "oneOf"]
        .into_iter()
        .find_map(|word| schema.get(word)?.as_array())
}

/// The type of the schema, null left aside.
fn type_name(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or(""),
        _ => "",
    }
}

/// The words an enumeration takes.
fn choices(schema: &Value) -> Option<Vec<String>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(
            words
                .iter()
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect(),
        );
    }
    let all = alternatives(schema)?;
    let mut words = Vec::new();
    for one in all {
        match (one.get("const"), one.get("enum").and_then(Value::as_array)) {
            (Some(word), _) => words.push(word.as_str()?.to_owned()),
            (None, Some(more)) => {
                words.extend(more.iter().filter_map(|w| w.as_str().map(str::to_owned)))
            }
            _ => return None,
        }
    }
    Some(words)
}
