//! One step of a plan, and the plan as a whole.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a resource is. The order is the one in which they are made; they are removed in reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Label,
    Bucket,
    Dbrp,
    Task,
    Check,
    Token,
}

impl Kind {
    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Label => "label",
            Kind::Bucket => "bucket",
            Kind::Dbrp => "dbrp",
            Kind::Task => "task",
            Kind::Check => "check",
            Kind::Token => "token",
        }
    }
}

/// The field of a [`Difference`] that tells whether a resource carries our mark.
pub const MANAGED: &str = "managed";

/// What is done to a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Create,
    /// Changed in place; the resource's id on the server.
    Update {
        id: String,
    },
    /// Made anew because it cannot be changed; the id of the old one, removed afterwards.
    Replace {
        id: String,
    },
    Delete {
        id: String,
    },
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub field: String,
    pub from: String,
    pub to: String,
}

impl Difference {
    /// `None` if both are the same.
    pub fn of(field: &str, from: impl Into<String>, to: impl Into<String>) -> Option<Self> {
        let (from, to) = (from.into(), to.into());
        (from != to).then(|| Difference {
            field: field.to_owned(),
            from,
            to,
        })
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub kind: Kind,
    pub name: String,
    pub action: Action,
    pub differences: Vec<Difference>,
}

/// Every step, and what was seen but is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub changes: Vec<Change>,
    /// What a person should know, such as a bucket that is no longer wanted but holds data.
    pub notes: Vec<String>,
    /// How many resources are as they should be, by kind.
    pub unchanged: BTreeMap<Kind, usize>,
}

impl Plan {
    /// Of the steps only those that put our mark on what is there; the mark itself must exist.
    #[must_use]
    pub fn only_adoptions(mut self, label: &str) -> Self {
        for change in &mut self.changes {
            change.differences.retain(|it| it.field == MANAGED);
        }
        self.changes.retain(|it| {
            let mark = it.kind == Kind::Label && it.name == label;
            mark || (!it.differences.is_empty() && !matches!(it.action, Action::Create))
        });
        self
    }

    /// Nothing has to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Adds a resource that is to be made, with what it will be like: a list of fields and values.
    pub(super) fn create(&mut self, kind: Kind, name: &str, fields: &[(&str, String)]) {
        let set = fields
            .iter()
            .filter_map(|(field, value)| Difference::of(field, "", value));
        self.push(kind, name, Action::Create, set.collect());
    }

    /// Adds a step if anything differs or the resource does not carry our mark yet.
    pub(super) fn update(
        &mut self,
        kind: Kind,
        name: &str,
        id: &str,
        managed: bool,
        mut differences: Vec<Difference>,
    ) {
        if !managed {
            differences.push(Difference {
                field: MANAGED.into(),
                from: "no".into(),
                to: "yes".into(),
            });
        }
        if differences.is_empty() {
            *self.unchanged.entry(kind).or_default() += 1;
        } else {
            self.push(
                kind,
                name,
                Action::Update { id: id.to_owned() },
                differences,
            );
        }
    }

    pub(super) fn replace(
        &mut self,
        kind: Kind,
        name: &str,
        id: &str,
        differences: Vec<Difference>,
    ) {
        self.push(
            kind,
            name,
            Action::Replace { id: id.to_owned() },
            differences,
        );
    }

    pub(super) fn delete(&mut self, kind: Kind, name: &str, id: &str) {
        self.push(kind, name, Action::Delete { id: id.to_owned() }, Vec::new());
    }

    fn push(&mut self, kind: Kind, name: &str, action: Action, differences: Vec<Difference>) {
        self.changes.push(Change {
            kind,
            name: name.to_owned(),
            action,
            differences,
        });
    }

    /// What is made comes first, each after what it needs; what is removed comes last, in reverse.
    pub(super) fn sort(&mut self) {
        let removed = |it: &Change| matches!(it.action, Action::Delete { .. });
        self.changes.sort_by(|a, b| {
            let by_kind = if removed(a) {
                b.kind.cmp(&a.kind)
            } else {
                a.kind.cmp(&b.kind)
            };
            removed(a).cmp(&removed(b)).then(by_kind)
        });
    }
}
