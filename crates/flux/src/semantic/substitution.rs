//! What is known about type variables: which are equal, what they stand for, which kinds they must be.
//!
//! Variables carry the depth of the `let` they belong to, so that generalising needs no look at the environment
//! (Rémy 1992, "Extension of ML type system with a sorted equation theory on types").

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::kind::KindSet;
use super::monotype::{Function, Record, Scheme, Type};

/// How many nodes of types one program may cost. A dashboard's query takes some thousands; a few lines can be
/// written whose types have 2^30 nodes, and they end here.
const MAX_STEPS: u32 = 1_500_000;

/// How deep types may be nested, for the sake of the stack.
const MAX_DEPTH: u32 = 200;

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

    /// Runs `walk` one level deeper in a type; None if that is too deep or too much.
    pub(super) fn deeper<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.steps += 1;
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
        let kind = self.shallow(kind);
        if matches!(
            kind,
            Type::Error | Type::Basic(_) | Type::Variable(_) | Type::Bound(_) | Type::Dynamic
        ) {
            return kind;
        }
        self.deeper(|this| this.map(&kind, &mut |this, part| this.resolve(part)))
            .unwrap_or(Type::Error)
    }

    /// The record with its tail's fields brought in as far as they are known.
    pub(super) fn flatten(&mut self, record: &Arc<Record>) -> Arc<Record> {
        let mut flat = Arc::clone(record);
        while let Some(tail) = &flat.tail {
            let tail = self.shallow(tail);
            let Type::Record(more) = tail else {
                if flat.tail.as_ref() != Some(&tail) {
                    let fields = flat.fields.clone();
                    flat = Arc::new(Record {
                        fields,
                        tail: Some(tail),
                    });
                }
                return flat;
            };
            self.steps += 1 + more.fields.len() as u32;
            if self.exhausted() {
                return Arc::new(Record {
                    fields: flat.fields.clone(),
                    tail: None,
                });
            }
            let fields = flat.fields.iter().chain(&more.fields).cloned().collect();
            flat = Arc::new(Record {
                fields,
                tail: more.tail.clone(),
            });
        }
        flat
    }

    /// A type of the same form with each part replaced.
    fn map(&mut self, kind: &Type, replace: &mut dyn FnMut(&mut Self, &Type) -> Type) -> Type {
        match kind {
            Type::Error | Type::Basic(_) | Type::Variable(_) | Type::Bound(_) | Type::Dynamic => {
                kind.clone()
            }
            Type::Array(element) => Type::Array(Arc::new(replace(self, element))),
            Type::Stream(element) => Type::Stream(Arc::new(replace(self, element))),
            Type::Vector(element) => Type::Vector(Arc::new(replace(self, element))),
            Type::Dict(entry) => {
                Type::Dict(Arc::new((replace(self, &entry.0), replace(self, &entry.1))))
            }
            Type::Record(record) => {
                let record = self.flatten(record);
                let fields = record
                    .fields
                    .iter()
                    .map(|(label, part)| (label.clone(), replace(self, part)))
                    .collect();
                let tail = record.tail.as_ref().map(|tail| replace(self, tail));
                Type::record(fields, tail)
            }
            Type::Function(function) => {
                let mut all = |parts: &BTreeMap<_, Type>| {
                    parts
                        .iter()
                        .map(|(name, part)| (Arc::clone(name), replace(self, part)))
                        .collect()
                };
                let (required, optional) = (all(&function.required), all(&function.optional));
                let pipe = function
                    .pipe
                    .as_ref()
                    .map(|(name, part)| (name.clone(), replace(self, part)));
                let result = replace(self, &function.result);
                Type::function(Function {
                    required,
                    optional,
                    pipe,
                    result,
                })
            }
        }
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
        let found = self.deeper(|this| {
            let mut found = false;
            this.map(&kind, &mut |this, part| {
                found |= this.occurs(variable, level, part);
                Type::Error
            });
            found
        });
        found.unwrap_or(false)
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
        Scheme { bound, body }
    }

    fn quantify(
        &mut self,
        kind: &Type,
        bound: &mut Vec<KindSet>,
        given: &mut HashMap<u32, u32>,
    ) -> Type {
        let kind = self.shallow(kind);
        if let Type::Variable(variable) = kind {
            let Slot::Free { level, kinds } = self.slots[variable as usize] else {
                return kind;
            };
            if level <= self.level {
                return kind;
            }
            let index = *given.entry(variable).or_insert_with(|| {
                bound.push(kinds);
                bound.len() as u32 - 1
            });
            return Type::Bound(index);
        }
        if matches!(
            kind,
            Type::Error | Type::Basic(_) | Type::Bound(_) | Type::Dynamic
        ) {
            return kind;
        }
        self.deeper(|this| this.map(&kind, &mut |this, part| this.quantify(part, bound, given)))
            .unwrap_or(Type::Error)
    }

    /// The scheme's type with fresh variables in place of the bound ones.
    pub(super) fn instantiate(&mut self, scheme: &Scheme) -> Type {
        if scheme.bound.is_empty() {
            return scheme.body.clone();
        }
        let fresh: Vec<Type> = scheme
            .bound
            .iter()
            .map(|kinds| self.fresh_of(*kinds))
            .collect();
        self.replace_bound(&scheme.body, &fresh)
    }

    fn replace_bound(&mut self, kind: &Type, fresh: &[Type]) -> Type {
        match kind {
            Type::Bound(index) => fresh.get(*index as usize).cloned().unwrap_or(Type::Error),
            Type::Error | Type::Basic(_) | Type::Variable(_) | Type::Dynamic => kind.clone(),
            _ => self
                .deeper(|this| this.map(kind, &mut |this, part| this.replace_bound(part, fresh)))
                .unwrap_or(Type::Error),
        }
    }
}
