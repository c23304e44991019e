//! What a run knows while it runs: the host, the limits, the packages, and what was computed already.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use watchpost_core::regular_expression::{Finder, Regex, RegexError, compiling_bytes};

use super::profile::Profile;
use crate::effects::Effects;
use crate::error::Error;
use crate::interpret::{Package, Scope};
use crate::plan::Node;
use crate::program::{Limits, Run};
use crate::source::Source;
use crate::stdlib;
use crate::table::Table;
use crate::value::Value;
use crate::value::window::Location;

/// The state of a run.
pub struct Context<'a> {
    run: &'a Run<'a>,
    now: i64,
    universe: Scope,
    packages: RefCell<HashMap<Arc<str>, Rc<Package>>>,
    location: RefCell<Location>,
    regexes: RefCell<HashMap<Arc<str>, Arc<Regex>>>,
    depth: Cell<usize>,
    /// Calls of functions so far.
    calls: Cell<usize>,
    /// Bytes that the steps hold now, all together.
    held: Cell<usize>,
    /// The most bytes that were held at once, and all that ever were.
    most: Cell<usize>,
    total: Cell<usize>,
    pub(super) profile: Profile,
    /// Bytes of them that values outside of tables were charged.
    pub(super) charged: Cell<usize>,
    rows: Cell<Option<usize>>,
    lambda: Cell<bool>,
    consumers: RefCell<HashMap<*const Node, usize>>,
    cache: RefCell<HashMap<*const Node, Kept>>,
    explain: RefCell<Vec<String>>,
}

/// A node's tables; the node is held so that its address stays its own.
struct Kept {
    _node: Rc<Node>,
    tables: Rc<Vec<Table>>,
}

/// Calls of functions between two checks whether the run may go on: about a tenth of a millisecond.
const CALLS_A_CHECK: usize = 256;

/// A call in progress; leaving ends it.
pub struct Entered<'a>(&'a Cell<usize>);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// What a step holds of the run's memory; given back when it is dropped.
pub struct Held<'a> {
    all: &'a Cell<usize>,
    most: &'a Cell<usize>,
    total: &'a Cell<usize>,
    limit: usize,
    bytes: usize,
}

impl Held<'_> {
    /// Holds so many bytes more.
    ///
    /// # Errors
    /// The run holds more than its limit.
    pub fn add(&mut self, bytes: usize) -> Result<(), Error> {
        self.set(self.bytes.saturating_add(bytes))
    }

    /// Holds so many bytes.
    ///
    /// # Errors
    /// The run holds more than its limit.
    pub fn set(&mut self, bytes: usize) -> Result<(), Error> {
        let others = self.all.get() - self.bytes;
        let all = others.saturating_add(bytes);
        if all > self.limit {
            return Err(Error::out_of_memory(self.limit, all));
        }
        self.all.set(all);
        self.most.set(self.most.get().max(all));
        let taken = bytes.saturating_sub(self.bytes);
        self.total.set(self.total.get().saturating_add(taken));
        self.bytes = bytes;
        Ok(())
    }

    /// Keeps the bytes until the run ends.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.all.set(self.all.get() - self.bytes);
    }
}

impl<'a> Context<'a> {
    /// A fresh state; the library's names without import are defined.
    ///
    /// # Errors
    /// The library's own text is broken.
    pub fn new(run: &'a Run<'a>, now: i64) -> Result<Self, Error> {
        let context = Self {
            run,
            now,
            universe: Scope::default(),
            packages: RefCell::default(),
            location: RefCell::default(),
            regexes: RefCell::default(),
            depth: Cell::new(0),
            calls: Cell::new(0),
            held: Cell::new(0),
            most: Cell::new(0),
            total: Cell::new(0),
            profile: Profile::default(),
            charged: Cell::new(0),
            rows: Cell::new(None),
            lambda: Cell::new(false),
            consumers: RefCell::default(),
            cache: RefCell::default(),
            explain: RefCell::default(),
        };
        stdlib::define("", &context, &context.universe)?;
        Ok(context)
    }

    /// Stored data.
    pub fn source(&self) -> &dyn Source {
        self.run.source
    }

    /// The world.
    pub fn effects(&self) -> &dyn Effects {
        self.run.effects
    }

    /// What the run may use.
    pub fn limits(&self) -> &Limits {
        &self.run.limits
    }

    /// The names that need no import.
    pub fn universe(&self) -> &Scope {
        &self.universe
    }

    /// The time at which the program was asked, whatever the option `now` says.
    pub fn started(&self) -> i64 {
        self.now
    }

    /// What the option `now` answers.
    ///
    /// # Errors
    /// The program's own function failed or gave no time.
    pub fn now(&self) -> Result<i64, Error> {
        match self.universe.own("now") {
            Some(Value::Function(function)) => match self.call_with(&function, [])? {
                Value::Time(time) => Ok(time),
                other => Err(Error::invalid(format!(
                    "now() must give a time, not {}",
                    other.type_name()
                ))),
            },
            _ => Ok(self.now),
        }
    }

    /// Where days begin unless a call says otherwise (option `location`).
    pub fn location(&self) -> Location {
        self.location.borrow().clone()
    }

    /// Sets the option `location`.
    ///
    /// # Errors
    /// An unknown zone.
    pub fn set_location(&self, value: &Value) -> Result<(), Error> {
        *self.location.borrow_mut() = stdlib::location_of(value)?;
        Ok(())
    }

    /// A package, loaded at its first import.
    ///
    /// # Errors
    /// There is no such package.
    pub fn import(&self, path: &Arc<str>) -> Result<Rc<Package>, Error> {
        if let Some(package) = self.packages.borrow().get(path) {
            return Ok(Rc::clone(package));
        }
        if !stdlib::has_package(path) {
            return Err(Error::invalid(format!(
                "invalid import path {path}: this server has no such package"
            )));
        }
        let scope = self.universe.nested();
        stdlib::define(path, self, &scope)?;
        let package = Rc::new(Package {
            path: Arc::clone(path),
            scope,
        });
        self.packages
            .borrow_mut()
            .insert(Arc::clone(path), Rc::clone(&package));
        Ok(package)
    }

    /// A pattern, compiled once.
    ///
    /// # Errors
    /// It is no pattern, or there is no memory for it.
    pub fn cached_regex(&self, pattern: &Arc<str>) -> Result<Arc<Regex>, Error> {
        if let Some(regex) = self.regexes.borrow().get(pattern) {
            return Ok(Arc::clone(regex));
        }
        let regex = Arc::new(self.compiled(pattern, || Regex::new(pattern))?);
        self.keep_bytes(regex.memory())?;
        self.regexes
            .borrow_mut()
            .insert(Arc::clone(pattern), Arc::clone(&regex));
        Ok(regex)
    }

    /// What finds the matches of a pattern in a text.
    ///
    /// # Errors
    /// It is too large, or there is no memory for it.
    pub fn finder<'r>(&self, regex: &'r Regex) -> Result<&'r Finder, Error> {
        if !regex.has_finder() {
            self.compiled(regex.as_str(), || regex.finder().map(drop))?;
            self.keep_bytes(regex.finder_memory())?;
        }
        regex.finder().map_err(Error::invalid)
    }

    /// Compiles within the memory of the run, and of the host.
    fn compiled<T>(
        &self,
        pattern: &str,
        compile: impl Fn() -> Result<T, RegexError>,
    ) -> Result<T, Error> {
        let bytes = compiling_bytes(pattern).map_err(Error::invalid)?;
        self.reserve(bytes)?;
        let mut made = None;
        let mut work = || made = Some(compile());
        self.run.effects.with_memory(bytes, &mut work)?;
        let made = made.ok_or_else(|| Error::internal("the pattern was not compiled"))?;
        made.map_err(Error::invalid)
    }

    /// Ends the run if its caller went away or its time is over.
    ///
    /// # Errors
    /// Just that.
    pub fn check(&self) -> Result<(), Error> {
        (self.run.check)()
    }

    /// Begins a call. Whatever goes on for long row by row does so through calls, so this is where it is ended.
    ///
    /// # Errors
    /// Calls are nested too deeply; as [`Context::check`].
    pub fn enter(&self) -> Result<Entered<'_>, Error> {
        let calls = self.calls.get().wrapping_add(1);
        self.calls.set(calls);
        if calls.is_multiple_of(CALLS_A_CHECK) {
            self.check()?;
        }
        let depth = self.depth.get() + 1;
        if depth > self.run.limits.recursion {
            return Err(Error::exhausted(format!(
                "more than {} nested calls of functions",
                self.run.limits.recursion
            )));
        }
        self.depth.set(depth);
        Ok(Entered(&self.depth))
    }

    /// An account of what a step holds: the limit is one for the whole run.
    pub fn hold(&self) -> Held<'_> {
        Held {
            all: &self.held,
            most: &self.most,
            total: &self.total,
            limit: self.run.limits.memory_bytes,
            bytes: 0,
        }
    }

    /// Holds bytes until the run ends.
    fn keep_bytes(&self, bytes: usize) -> Result<(), Error> {
        let mut held = self.hold();
        held.add(bytes)?;
        held.keep();
        Ok(())
    }

    /// Gives bytes back that were kept.
    pub(super) fn release(&self, bytes: usize) {
        self.held.set(self.held.get().saturating_sub(bytes));
    }

    /// The most bytes that were held at once, and all that ever were.
    pub(super) fn allocated(&self) -> (usize, usize) {
        (self.most.get(), self.total.get())
    }

    /// A package that the program imported, or one that it needs.
    pub(super) fn imported(&self, path: &str) -> Option<Rc<Package>> {
        self.packages.borrow().get(path).map(Rc::clone)
    }

    /// The notes so far.
    pub(super) fn shown_notes(&self) -> Vec<String> {
        self.explain.borrow().clone()
    }

    /// Bytes that the run may take in addition to what it holds.
    pub fn free_bytes(&self) -> usize {
        self.run.limits.memory_bytes.saturating_sub(self.held.get())
    }

    /// How many rows the lambda that is being evaluated works on at once; `None` outside of one.
    pub fn lambda_rows(&self) -> Option<usize> {
        self.rows.get()
    }

    /// Whether a table function's lambda is being evaluated.
    pub fn in_lambda(&self) -> bool {
        self.lambda.get()
    }

    /// Evaluates as a part of a table function's lambda.
    pub fn within_lambda<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.lambda.replace(true);
        let result = self.discharged(work);
        self.lambda.set(before);
        result
    }

    /// Evaluates for so many rows at once.
    pub fn for_all_rows<T>(&self, rows: usize, work: impl FnOnce() -> T) -> T {
        let before = self.rows.replace(Some(rows));
        let result = work();
        self.rows.set(before);
        result
    }

    /// Evaluates outside of any lambda's rows.
    pub fn for_one_row<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.rows.replace(None);
        let result = work();
        self.rows.set(before);
        result
    }

    /// Counts who reads each node below these.
    pub fn count_consumers(&self, roots: &[Rc<Node>]) {
        let mut consumers = self.consumers.borrow_mut();
        consumers.clear();
        let mut open: Vec<Rc<Node>> = roots.to_vec();
        for root in roots {
            *consumers.entry(Rc::as_ptr(root)).or_default() += 1;
        }
        let mut seen = std::collections::HashSet::new();
        while let Some(node) = open.pop() {
            if !seen.insert(Rc::as_ptr(&node)) {
                continue;
            }
            for input in &node.inputs {
                *consumers.entry(Rc::as_ptr(input)).or_default() += 1;
                open.push(Rc::clone(input));
            }
        }
    }

    /// How many nodes or results read this node.
    pub fn consumers(&self, node: &Rc<Node>) -> usize {
        self.consumers
            .borrow()
            .get(&Rc::as_ptr(node))
            .copied()
            .unwrap_or(0)
    }

    /// The tables of a node if they were kept.
    pub fn cached(&self, node: &Rc<Node>) -> Option<Rc<Vec<Table>>> {
        self.cache
            .borrow()
            .get(&Rc::as_ptr(node))
            .map(|kept| Rc::clone(&kept.tables))
    }

    /// Keeps a node's tables.
    pub fn cache(&self, node: &Rc<Node>, tables: Rc<Vec<Table>>) {
        self.cache.borrow_mut().insert(
            Rc::as_ptr(node),
            Kept {
                _node: Rc::clone(node),
                tables,
            },
        );
    }

    /// Notes what was pushed down.
    pub fn note(&self, line: String) {
        self.explain.borrow_mut().push(line);
    }

    /// The notes.
    pub fn notes(&self) -> Vec<String> {
        self.explain.take()
    }

    /// Tables of a stream that a function reads at once (`tableFind`), planned by themselves.
    ///
    /// # Errors
    /// As [`Context::execute`].
    pub fn tables_now(&self, node: &Rc<Node>) -> Result<Vec<Table>, Error> {
        let before = self.consumers.take();
        self.count_consumers(std::slice::from_ref(node));
        let mut held = self.hold();
        let tables = self.for_one_row(|| self.tables(node, &mut held));
        // They live in the program's names for as long as it runs.
        held.keep();
        *self.consumers.borrow_mut() = before;
        tables
    }
}

impl Drop for Context<'_> {
    /// Closures hold the scopes that hold them; emptying the scopes lets both go.
    fn drop(&mut self) {
        self.universe.clear();
        for package in self.packages.borrow().values() {
            package.scope.clear();
        }
    }
}
