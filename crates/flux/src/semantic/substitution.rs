//! What is known about type variables: which are equal, what they stand for, which kinds they must be.
//!
//! Variables carry the depth of the `let` they belong to, so that generalising needs no look at the environment
//! (Rémy 1992, "Extension of ML type system with a sorted equation theory on types").

use std::collections::HashMap;
use std::sync::Arc;

use super::kind::KindSet;
use super::monotype::{Function, Record, Scheme, Type};

/// How many nodes of types one program may cost: each that is made, looked at or compared. A dashboard's query takes some
/// thousands, a hundred `map`s in a row 36,000; a few lines can be written whose types have 2^30 nodes, and they end here. At
/// some 40 bytes a node, checking a program takes about 20 MB at most.
const MAX_STEPS: u32 = 500_000;

/// How deep types may be nested, for the sake of the stack.
const MAX_DEPTH: u32 = 200;

/// What stands in place of a part of a type; None: it stays.
type Replace<'a> = dyn FnMut(&mut Substitution, &Type) -> Option<Type> + 'a;

#[derive(Debug, Clone)]
enum Slot {
    Free { level: u32, kinds: KindSet },
    Same(u32),
    Known(Type),
}

#[derive(Debug, Default)]
pub(super) struct Substitution {
    slots: Vec<Slot>,
    level: u32,
    steps: u32,
    depth: u32,
}

impl Substitution {
    pub(super) fn fresh(&mut self) -> Type {
        self.fresh_of(KindSet::default())
    }

    fn fresh_of(&mut self, kinds: KindSet) -> Type {
        self.slots.push(Slot::Free {
            level: self.level,
            kinds,
        });
        Type::Variable(self.slots.len() as u32 - 1)
    }

    /// A variable that is never generalised.
    pub(super) fn fresh_global(&mut self) -> Type {
        self.slots.push(Slot::Free {
            level: 0,
            kinds: KindSet::default(),
        });
        Type::Variable(self.slots.len() as u32 - 1)
    }

    pub(super) fn enter_level(&mut self) {
        self.level += 1;
    }

    pub(super) fn leave_level(&mut self) {
        self.level -= 1;
    }

    /// Whether the program has used up what it may cost; everything is accepted from then on, and the end refuses it.
    pub(super) fn exhausted(&self) -> bool {
        self.steps > MAX_STEPS
    }

    /// Counts nodes that are about to be made or walked; false if they are more than the program may cost.
    pub(super) fn charge(&mut self, nodes: usize) -> bool {
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        self.steps = self.steps.saturating_add(nodes);
        !self.exhausted()
    }

    /// Runs `walk` one level deeper in a type; None if that is too deep or too much.
    pub(super) fn deeper<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.charge(1);
        if self.depth >= MAX_DEPTH {
            self.steps = MAX_STEPS + 1;
        }
        if self.exhausted() {
            return None;
        }
        self.depth += 1;
        let result = walk(self);
        self.depth -= 1;
        Some(result)
    }

    fn root(&mut self, variable: u32) -> u32 {
        let mut root = variable;
        while let Slot::Same(next) = self.slots[root as usize] {
            root = next;
        }
        let mut at = variable;
        while let Slot::Same(next) = self.slots[at as usize] {
            self.slots[at as usize] = Slot::Same(root);
            at = next;
        }
        root
    }

    /// The type itself, or what its variable stands for; only the outermost node is looked up.
    pub(super) fn shallow(&mut self, kind: &Type) -> Type {
        let Type::Variable(variable) = kind else {
            return kind.clone();
        };
        let root = self.root(*variable);
        match &self.slots[root as usize] {
            Slot::Known(known) => known.clone(),
            _ => Type::Variable(root),
        }
    }

    /// The type with every known variable replaced, records flattened.
    pub(super) fn resolve(&mut self, kind: &Type) -> Type {
        self.resolved(kind).unwrap_or_else(|| kind.clone())
    }

    /// The resolved type; None if it is the type itself.
    fn resolved(&mut self, kind: &Type) -> Option<Type> {
        let found = self.shallow(kind);
        let rewritten = if found.has_parts() {
            self.rewrite(&found, &mut |this, part| this.resolved(part))
        } else {
            None
        };
        rewritten.or_else(|| matches!(kind, Type::Variable(_)).then_some(found))
    }

    /// The record with its tail's fields brought in as far as they are known.
    pub(super) fn flatten(&mut self, record: &Arc<Record>) -> Arc<Record> {
        let Some(mut tail) = record.tail.as_ref().map(|tail| self.shallow(tail)) else {
            return Arc::clone(record);
        };
        if !matches!(tail, Type::Record(_)) && record.tail.as_ref() == Some(&tail) {
            return Arc::clone(record);
        }
        let mut flat = Record {
            fields: Vec::new(),
            tail: None,
        };
        if self.charge(record.fields.len()) {
            flat.fields.clone_from(&record.fields);
        }
        while let Type::Record(more) = &tail {
            if !self.charge(1 + more.fields.len()) {
                return Arc::new(flat);
            }
            flat.fields.extend_from_slice(&more.fields);
            let Some(next) = &more.tail else {
                return Arc::new(flat);
            };
            tail = self.shallow(next);
        }
        flat.tail = Some(tail);
        Arc::new(flat)
    }

    /// The type with those parts replaced for which `replace` has another, the rest shared; None if all stay. A type that is
    /// too deep or too much becomes an error.
    fn rewrite(&mut self, kind: &Type, replace: &mut Replace<'_>) -> Option<Type> {
        let rewritten = self.deeper(|this| match kind {
            Type::Array(element) => Some(Type::Array(Arc::new(replace(this, element)?))),
            Type::Stream(element) => Some(Type::Stream(Arc::new(replace(this, element)?))),
            Type::Vector(element) => Some(Type::Vector(Arc::new(replace(this, element)?))),
            Type::Dict(entry) => match (replace(this, &entry.0), replace(this, &entry.1)) {
                (None, None) => None,
                (key, value) => Some(Type::Dict(Arc::new((
                    key.unwrap_or_else(|| entry.0.clone()),
                    value.unwrap_or_else(|| entry.1.clone()),
                )))),
            },
            Type::Record(record) => this.rewrite_record(record, replace),
            Type::Function(function) => this.rewrite_function(function, replace),
            _ => None,
        });
        rewritten.unwrap_or(Some(Type::Error))
    }

    fn rewrite_record(&mut self, record: &Arc<Record>, replace: &mut Replace<'_>) -> Option<Type> {
        let flat = self.flatten(record);
        if !self.charge(flat.fields.len()) {
            return Some(Type::Error);
        }
        let mut made: Option<Record> = (!Arc::ptr_eq(&flat, record)).then(|| (*flat).clone());
        for (at, (_, part)) in flat.fields.iter().enumerate() {
            if let Some(part) = replace(self, part) {
                made.get_or_insert_with(|| (*flat).clone()).fields[at].1 = part;
            }
        }
        if let Some(part) = flat.tail.as_ref().and_then(|tail| replace(self, tail)) {
            made.get_or_insert_with(|| (*flat).clone()).tail = Some(part);
        }
        made.map(|made| Type::Record(Arc::new(made)))
    }

    fn rewrite_function(
        &mut self,
        function: &Arc<Function>,
        replace: &mut Replace<'_>,
    ) -> Option<Type> {
        if !self.charge(function.required.len() + function.optional.len()) {
            return Some(Type::Error);
        }
        let mut made: Option<Function> = None;
        let copy = || Function::clone(function);
        for (name, part) in &function.required {
            if let Some(part) = replace(self, part) {
                let required = &mut made.get_or_insert_with(copy).required;
                required.insert(Arc::clone(name), part);
            }
        }
        for (name, part) in &function.optional {
            if let Some(part) = replace(self, part) {
                let optional = &mut made.get_or_insert_with(copy).optional;
                optional.insert(Arc::clone(name), part);
            }
        }
        if let Some((name, part)) = &function.pipe
            && let Some(part) = replace(self, part)
        {
            made.get_or_insert_with(copy).pipe = Some((Arc::clone(name), part));
        }
        if let Some(result) = replace(self, &function.result) {
            made.get_or_insert_with(copy).result = result;
        }
        made.map(Type::function)
    }

    // === binding ===

    /// Makes two variables one: with the constraints of both.
    pub(super) fn join(&mut self, left: u32, right: u32) {
        let (left, right) = (self.root(left), self.root(right));
        if left == right {
            return;
        }
        if let (
            Slot::Free { level, kinds },
            Slot::Free {
                level: other_level,
                kinds: other_kinds,
            },
        ) = (&self.slots[left as usize], &self.slots[right as usize])
        {
            let level = *level.min(other_level);
            let kinds = kinds.union(*other_kinds);
            self.slots[left as usize] = Slot::Free { level, kinds };
            self.slots[right as usize] = Slot::Same(left);
        }
    }

    /// Gives a free variable its type and returns the constraints that the type must now meet.
    /// None if the type holds the variable itself.
    pub(super) fn bind(&mut self, variable: u32, kind: &Type) -> Option<KindSet> {
        let root = self.root(variable);
        let Slot::Free { level, kinds } = self.slots[root as usize] else {
            return Some(KindSet::default());
        };
        if self.occurs(root, level, kind) {
            return None;
        }
        self.slots[root as usize] = Slot::Known(kind.clone());
        Some(kinds)
    }

    /// Whether a variable is part of a type; lowers the level of the type's variables to that of the variable.
    fn occurs(&mut self, variable: u32, level: u32, kind: &Type) -> bool {
        let kind = self.shallow(kind);
        if let Type::Variable(other) = kind {
            if let Slot::Free { level: have, .. } = &mut self.slots[other as usize] {
                *have = level.min(*have);
            }
            return other == variable;
        }
        let found = self.deeper(|this| match &kind {
            Type::Array(part) | Type::Stream(part) | Type::Vector(part) => {
                this.occurs(variable, level, part)
            }
            Type::Dict(entry) => {
                let key = this.occurs(variable, level, &entry.0);
                this.occurs(variable, level, &entry.1) | key
            }
            Type::Record(record) => this.occurs_in_record(variable, level, record),
            Type::Function(function) => {
                let parameters = function.required.values().chain(function.optional.values());
                let parts = parameters.chain(function.pipe.as_ref().map(|(_, part)| part));
                this.occurs_in(variable, level, parts.chain([&function.result]))
            }
            _ => false,
        });
        found.unwrap_or(false)
    }

    /// The same for several types. All are looked at, for the sake of their levels.
    fn occurs_in<'t>(
        &mut self,
        variable: u32,
        level: u32,
        parts: impl Iterator<Item = &'t Type>,
    ) -> bool {
        let mut found = false;
        for part in parts {
            if !self.charge(1) {
                break;
            }
            found |= self.occurs(variable, level, part);
        }
        found
    }

    /// The same for a record: its tails one after the other, as a long row is not a deep one.
    fn occurs_in_record(&mut self, variable: u32, level: u32, record: &Arc<Record>) -> bool {
        let mut record = Arc::clone(record);
        let mut found = false;
        while self.charge(1) {
            let fields = record.fields.iter().map(|(_, part)| part);
            found |= self.occurs_in(variable, level, fields);
            let Some(tail) = &record.tail else {
                break;
            };
            match self.shallow(tail) {
                Type::Record(more) => record = more,
                tail => {
                    found |= self.occurs(variable, level, &tail);
                    break;
                }
            }
        }
        found
    }

    /// Brings the variables of a type, made one level up, to the present level.
    pub(super) fn lower(&mut self, kind: &Type) {
        let level = self.level;
        self.occurs(u32::MAX, level, kind);
    }

    /// Adds a constraint to a free variable.
    pub(super) fn add_kind(&mut self, variable: u32, kind: super::kind::Kind) {
        let root = self.root(variable);
        if let Slot::Free { kinds, .. } = &mut self.slots[root as usize] {
            kinds.insert(kind);
        }
    }

    // === schemes ===

    /// The scheme of a type: its variables made since the present level was left are for any type.
    pub(super) fn generalize(&mut self, kind: &Type) -> Scheme {
        let mut bound = Vec::new();
        let mut given = HashMap::new();
        let body = self.quantify(kind, &mut bound, &mut given);
        Scheme {
            bound,
            body: body.unwrap_or_else(|| kind.clone()),
        }
    }

    /// The type with bound variables in place of those of an inner level; None if it is the type itself.
    fn quantify(
        &mut self,
        kind: &Type,
        bound: &mut Vec<KindSet>,
        given: &mut HashMap<u32, u32>,
    ) -> Option<Type> {
        let found = self.shallow(kind);
        if let Type::Variable(variable) = found
            && let Slot::Free { level, kinds } = self.slots[variable as usize]
            && level > self.level
        {
            let index = *given.entry(variable).or_insert_with(|| {
                bound.push(kinds);
                bound.len() as u32 - 1
            });
            return Some(Type::Bound(index));
        }
        let rewritten = if found.has_parts() {
            self.rewrite(&found, &mut |this, part| this.quantify(part, bound, given))
        } else {
            None
        };
        rewritten.or_else(|| matches!(kind, Type::Variable(_)).then_some(found))
    }

    /// The scheme's type with fresh variables in place of the bound ones.
    pub(super) fn instantiate(&mut self, scheme: &Scheme) -> Type {
        if scheme.bound.is_empty() {
            return scheme.body.clone();
        }
        if !self.charge(scheme.bound.len()) {
            return Type::Error;
        }
        let fresh: Vec<Type> = scheme
            .bound
            .iter()
            .map(|kinds| self.fresh_of(*kinds))
            .collect();
        self.replace_bound(&scheme.body, &fresh)
            .unwrap_or_else(|| scheme.body.clone())
    }

    fn replace_bound(&mut self, kind: &Type, fresh: &[Type]) -> Option<Type> {
        match kind {
            Type::Bound(index) => Some(fresh.get(*index as usize).cloned().unwrap_or(Type::Error)),
            _ if kind.has_parts() => {
                self.rewrite(kind, &mut |this, part| this.replace_bound(part, fresh))
            }
            _ => None,
        }
    }
}
