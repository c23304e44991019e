//! Making two types equal, with rows for records (Rémy 1989): what is expected against what was found.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::error::TypeError;
use super::kind::Kind;
use super::monotype::{Function, Record, Type};
use super::substitution::Substitution;
use crate::syntax::ast::{Name, Span};

/// The name of a piped argument at a call.
pub(super) const PIPED: &str = "<-";

/// A call: each argument with its place, so that an error points at the argument.
pub(super) struct CallShape {
    pub(super) arguments: BTreeMap<Name, (Type, Span)>,
    pub(super) piped: Option<Type>,
    pub(super) span: Span,
    pub(super) result: Type,
}

impl Substitution {
    /// Makes the types equal as far as possible; what is not possible is returned.
    pub(super) fn unify(&mut self, expected: &Type, found: &Type) -> Vec<TypeError> {
        let mut errors = Vec::new();
        self.equal(expected, found, &mut errors);
        errors
    }

    fn equal(&mut self, expected: &Type, found: &Type, errors: &mut Vec<TypeError>) {
        let expected = self.shallow(expected);
        let found = self.shallow(found);
        match (&expected, &found) {
            (Type::Error, _) | (_, Type::Error) => {}
            (Type::Variable(left), Type::Variable(right)) => self.join(*left, *right),
            (Type::Variable(variable), other) | (other, Type::Variable(variable)) => {
                self.bind_checked(*variable, other, errors);
            }
            (Type::Basic(left), Type::Basic(right)) if left == right => {}
            (Type::Bound(left), Type::Bound(right)) if left == right => {}
            (Type::Dynamic, Type::Dynamic | Type::Record(_)) | (Type::Record(_), Type::Dynamic) => {
            }
            (Type::Array(left), Type::Array(right))
            | (Type::Stream(left), Type::Stream(right))
            | (Type::Vector(left), Type::Vector(right)) => self.equal_parts(left, right, errors),
            (
                Type::Array(left) | Type::Stream(left) | Type::Vector(left),
                Type::Array(right) | Type::Stream(right) | Type::Vector(right),
            ) => {
                let (left, right) = (Arc::clone(left), Arc::clone(right));
                errors.push(TypeError::Mismatch { expected, found });
                self.equal_parts(&left, &right, errors);
            }
            (Type::Dict(left), Type::Dict(right)) => {
                self.equal_parts(&left.0, &right.0, errors);
                self.equal_parts(&left.1, &right.1, errors);
            }
            (Type::Record(left), Type::Record(right)) => self.equal_records(left, right, errors),
            (Type::Function(left), Type::Function(right)) => {
                self.equal_functions(left, right, errors)
            }
            _ => errors.push(TypeError::Mismatch { expected, found }),
        }
    }

    fn equal_parts(&mut self, expected: &Type, found: &Type, errors: &mut Vec<TypeError>) {
        self.deeper(|this| this.equal(expected, found, errors));
    }

    fn bind_checked(&mut self, variable: u32, kind: &Type, errors: &mut Vec<TypeError>) {
        let Some(kinds) = self.bind(variable, kind) else {
            errors.push(TypeError::Recursive {
                variable,
                found: kind.clone(),
            });
            return;
        };
        for constraint in kinds.iter() {
            if let Err(error) = self.constrain(constraint, kind) {
                errors.push(error);
                return;
            }
        }
    }

    // === records ===

    fn equal_records(
        &mut self,
        expected: &Arc<Record>,
        found: &Arc<Record>,
        errors: &mut Vec<TypeError>,
    ) {
        let expected = self.flatten(expected);
        let found = self.flatten(found);
        if !self.charge(expected.fields.len() + found.fields.len()) {
            return;
        }
        let mut unmatched = Unmatched::new(&found);
        let mut missing = Vec::new();
        for (index, (label, kind)) in expected.fields.iter().enumerate() {
            match unmatched.take(label, index) {
                Some(at) => {
                    let same_row = expected.tail.is_some() && expected.tail == found.tail;
                    self.equal_fields(label, kind, &found.fields[at].1, same_row, errors);
                }
                None => missing.push((label.clone(), kind.clone())),
            }
        }
        let extra: Vec<(Name, Type)> = found
            .fields
            .iter()
            .zip(&unmatched.left)
            .filter(|(_, left)| **left)
            .map(|(field, _)| field.clone())
            .collect();
        self.equal_rests(&expected, &found, missing, extra, errors);
    }

    fn equal_fields(
        &mut self,
        label: &Name,
        expected: &Type,
        found: &Type,
        same_row: bool,
        errors: &mut Vec<TypeError>,
    ) {
        if !same_row {
            return self.equal_parts(expected, found, errors);
        }
        let mut causes = Vec::new();
        self.equal_parts(expected, found, &mut causes);
        errors.extend(causes.into_iter().map(|cause| TypeError::Label {
            label: label.clone(),
            expected: expected.clone(),
            found: found.clone(),
            cause: Box::new(cause),
        }));
    }

    /// What is left of two records without their common labels.
    fn equal_rests(
        &mut self,
        expected: &Arc<Record>,
        found: &Arc<Record>,
        missing: Vec<(Name, Type)>,
        extra: Vec<(Name, Type)>,
        errors: &mut Vec<TypeError>,
    ) {
        match (&expected.tail, &found.tail) {
            (Some(left), Some(right)) if left == right => {
                if !missing.is_empty() || !extra.is_empty() {
                    let (expected, found) = (
                        Type::Record(Arc::clone(expected)),
                        Type::Record(Arc::clone(found)),
                    );
                    errors.push(TypeError::Mismatch { expected, found });
                }
            }
            (Some(left), Some(right)) if missing.is_empty() && extra.is_empty() => {
                self.equal_parts(left, right, errors)
            }
            (Some(left), Some(right)) if missing.is_empty() => {
                self.equal_parts(left, &Type::record(extra, Some(right.clone())), errors);
            }
            (Some(left), Some(right)) if extra.is_empty() => {
                self.equal_parts(&Type::record(missing, Some(left.clone())), right, errors);
            }
            (Some(left), Some(right)) => {
                let rest = self.fresh();
                self.equal_parts(left, &Type::record(extra, Some(rest.clone())), errors);
                self.equal_parts(&Type::record(missing, Some(rest)), right, errors);
            }
            (Some(left), None) => {
                self.report_missing(&missing, errors);
                self.equal_parts(left, &Type::record(extra, None), errors);
            }
            (None, Some(right)) => {
                self.report_extra(&extra, errors);
                self.equal_parts(&Type::record(missing, None), right, errors);
            }
            (None, None) => {
                self.report_extra(&extra, errors);
                self.report_missing(&missing, errors);
            }
        }
    }

    fn report_missing(&self, missing: &[(Name, Type)], errors: &mut Vec<TypeError>) {
        errors.extend(
            missing
                .first()
                .map(|(label, _)| TypeError::MissingLabel(label.clone())),
        );
    }

    fn report_extra(&self, extra: &[(Name, Type)], errors: &mut Vec<TypeError>) {
        errors.extend(
            extra
                .first()
                .map(|(label, _)| TypeError::ExtraLabel(label.clone())),
        );
    }

    // === functions ===

    fn equal_functions(
        &mut self,
        expected: &Function,
        found: &Function,
        errors: &mut Vec<TypeError>,
    ) {
        if !self.charge(parameters(expected) + parameters(found)) {
            return;
        }
        let mut expected_required = expected.required.clone();
        let mut found_required = found.required.clone();
        match (&expected.pipe, &found.pipe) {
            (Some((left, _)), Some((right, _)))
                if &**left != PIPED && &**right != PIPED && left != right =>
            {
                errors.push(TypeError::PipeNames {
                    expected: left.clone(),
                    found: right.clone(),
                });
            }
            (Some((left, left_type)), Some((_, right_type))) => {
                expected_required.insert(left.clone(), left_type.clone());
                found_required.insert(left.clone(), right_type.clone());
            }
            (Some((name, _)), None) | (None, Some((name, _))) if &**name == PIPED => {
                errors.push(TypeError::MissingPipe)
            }
            (Some((name, kind)), None) => {
                expected_required.insert(name.clone(), kind.clone());
            }
            (None, Some((name, kind))) => {
                found_required.insert(name.clone(), kind.clone());
            }
            (None, None) => {}
        }
        let given = |name: &Name| {
            found_required
                .get(name)
                .or_else(|| found.optional.get(name))
        };
        for name in found_required.keys() {
            if !expected_required.contains_key(name) && !expected.optional.contains_key(name) {
                let open = expected_required.keys().chain(expected.optional.keys());
                let open: Vec<Name> = open.filter(|name| given(name).is_none()).cloned().collect();
                if !self.charge(open.len()) {
                    return;
                }
                errors.push(TypeError::ExtraArgument {
                    name: name.clone(),
                    expected: open,
                });
            }
        }
        for (name, kind) in &expected_required {
            match given(name) {
                Some(found) => errors.extend(self.argument(name, kind, found)),
                None => errors.push(TypeError::MissingArgument(name.clone())),
            }
        }
        for (name, kind) in &expected.optional {
            if let Some(found) = given(name) {
                errors.extend(self.argument(name, kind, found));
            }
        }
        self.equal_results(&expected.result, &found.result, errors);
    }

    fn equal_results(&mut self, expected: &Type, found: &Type, errors: &mut Vec<TypeError>) {
        let mut causes = Vec::new();
        self.equal_parts(expected, found, &mut causes);
        errors.extend(causes.into_iter().map(|cause| TypeError::Return {
            expected: expected.clone(),
            found: found.clone(),
            cause: Box::new(cause),
        }));
    }

    fn argument(&mut self, name: &Name, expected: &Type, found: &Type) -> Vec<TypeError> {
        let mut causes = Vec::new();
        self.equal_parts(expected, found, &mut causes);
        let wrap = |cause| TypeError::Argument {
            name: name.clone(),
            cause: Box::new(cause),
        };
        causes.into_iter().map(wrap).collect()
    }

    /// A call against the type of what is called: every error with its place.
    pub(super) fn unify_call(
        &mut self,
        function: &Function,
        call: &CallShape,
    ) -> Vec<(Span, TypeError)> {
        let mut errors = Vec::new();
        if !self.charge(parameters(function) + call.arguments.len()) {
            return errors;
        }
        let mut required = function.required.clone();
        let mut arguments = call.arguments.clone();
        match (&function.pipe, &call.piped) {
            (Some((name, kind)), piped) => {
                // A function taken as a parameter may know its piped argument without a name.
                let unnamed = &**name == PIPED;
                if unnamed && piped.is_none() {
                    errors.push((call.span, TypeError::MissingPipe));
                } else {
                    required.insert(name.clone(), kind.clone());
                }
                if let Some(piped) = piped {
                    arguments.insert(name.clone(), (piped.clone(), call.span));
                }
            }
            (None, Some(_)) => errors.push((call.span, TypeError::MissingPipe)),
            (None, None) => {}
        }
        for (name, (_, span)) in &arguments {
            if !required.contains_key(name) && !function.optional.contains_key(name) {
                let open = required.keys().chain(function.optional.keys());
                let open: Vec<Name> = open
                    .filter(|name| !arguments.contains_key(*name))
                    .cloned()
                    .collect();
                if !self.charge(open.len()) {
                    return errors;
                }
                errors.push((
                    *span,
                    TypeError::ExtraArgument {
                        name: name.clone(),
                        expected: open,
                    },
                ));
            }
        }
        for (name, kind) in required.iter().chain(&function.optional) {
            match arguments.get(name) {
                Some((found, span)) => {
                    let wrong = self.argument(name, kind, found);
                    errors.extend(wrong.into_iter().map(|error| (*span, error)));
                }
                None if required.contains_key(name) => {
                    errors.push((call.span, TypeError::MissingArgument(name.clone())));
                }
                None => {}
            }
        }
        let mut causes = Vec::new();
        self.equal_results(&function.result, &call.result, &mut causes);
        errors.extend(causes.into_iter().map(|error| (call.span, error)));
        errors
    }

    // === kinds ===

    /// Demands that a type is of a kind; a variable remembers it.
    pub(super) fn constrain(&mut self, kind: Kind, found: &Type) -> Result<(), TypeError> {
        let found = self.shallow(found);
        match &found {
            Type::Error | Type::Bound(_) => Ok(()),
            Type::Variable(variable) => {
                self.add_kind(*variable, kind);
                Ok(())
            }
            Type::Basic(basic) if kind.holds(*basic) => Ok(()),
            Type::Dynamic if kind == Kind::Basic => Ok(()),
            Type::Vector(element) => self.constrain_part(kind, element),
            Type::Array(element) | Type::Stream(element) if kind == Kind::Equatable => {
                self.constrain_part(kind, element)
            }
            Type::Record(_) if kind == Kind::Record => Ok(()),
            Type::Record(record) if kind == Kind::Equatable => {
                let record = self.flatten(record);
                for part in record
                    .fields
                    .iter()
                    .map(|(_, part)| part)
                    .chain(&record.tail)
                {
                    self.constrain_part(kind, part)?;
                }
                Ok(())
            }
            _ => Err(TypeError::Unmet { kind, found }),
        }
    }

    fn constrain_part(&mut self, kind: Kind, part: &Type) -> Result<(), TypeError> {
        self.deeper(|this| this.constrain(kind, part))
            .unwrap_or(Ok(()))
    }
}

fn parameters(function: &Function) -> usize {
    function.required.len() + function.optional.len()
}

/// The fields of a record that have no partner yet.
struct Unmatched<'r> {
    record: &'r Record,
    left: Vec<bool>,
    /// Where each label stands, last to first. Made at the first label that is not at its likely place, so that two long
    /// records in different orders are not compared each with each.
    places: Option<HashMap<&'r str, Vec<usize>>>,
}

impl<'r> Unmatched<'r> {
    fn new(record: &'r Record) -> Self {
        Self {
            record,
            left: vec![true; record.fields.len()],
            places: None,
        }
    }

    /// Takes the first field of a label that is left, the one at `hint` if it fits, and returns its place.
    fn take(&mut self, label: &Name, hint: usize) -> Option<usize> {
        let fits = self.left.get(hint) == Some(&true) && self.record.fields[hint].0 == *label;
        let at = if fits { hint } else { self.find(label)? };
        self.left[at] = false;
        Some(at)
    }

    fn find(&mut self, label: &Name) -> Option<usize> {
        let fields = &self.record.fields;
        let places = self.places.get_or_insert_with(|| {
            let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
            for (at, (label, _)) in fields.iter().enumerate().rev() {
                places.entry(label).or_default().push(at);
            }
            places
        });
        let places = places.get_mut(&**label)?;
        loop {
            let at = places.pop()?;
            if self.left[at] {
                return Some(at);
            }
        }
    }
}
