//! The faulty twin of a disk, for tests: a real folder whose power can be cut.
//!
//! It keeps what POSIX promises and no more. After a power cut
//!
//! - each creation, removal and renaming within a folder since the folder was last synced is there or not, whatever
//!   became of the others (a renaming from one folder to another is a removal here and a creation there);
//! - each file has the bytes of its last sync, or those after it, or some of them.
//!
//! Before that it can die at any step, be full, lose its writability, or fail a sync.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Faults, Operation, Verdict};

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies: of a write half reaches the file, and nothing is done after it.
    Die,
    /// The step fails with EIO; the following ones do not.
    Fail,
    /// The disk is full from here on.
    Full,
    /// The file system can only be read from here on.
    ReadOnly,
    /// A read fails with EIO. The steps are those of reading, which other faults do not count.
    FailRead,
}

/// A disk with one folder. Everything below the folder has to be done through a [`crate::Disk`] with it.
#[derive(Debug)]
pub struct FaultyDisk {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The first is the root.
    nodes: Vec<Node>,
    steps: usize,
    fault: Option<(usize, Fault)>,
    struck: bool,
}

#[derive(Debug)]
enum Node {
    Folder(Folder),
    File(File),
}

#[derive(Debug, Default)]
struct Folder {
    durable: BTreeMap<OsString, usize>,
    current: BTreeMap<OsString, usize>,
    /// What leads from the durable names to the current ones.
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Add(OsString, usize),
    Remove(OsString),
    /// To another name in the folder, in place of what was there.
    Rename(OsString, OsString),
}

#[derive(Debug, Default)]
struct File {
    synced: Vec<u8>,
    /// What it held when its last name went.
    last: Option<Vec<u8>>,
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<OsString, usize>) {
        match self {
            Change::Add(name, node) => {
                names.insert(name.clone(), *node);
            }
            Change::Remove(name) => {
                names.remove(name);
            }
            Change::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }
}

impl FaultyDisk {
    /// A disk whose folder is as it is now, durably.
    pub fn new(root: &Path) -> Arc<FaultyDisk> {
        let mut state = State {
            nodes: Vec::new(),
            steps: 0,
            fault: None,
            struck: false,
        };
        state.take_over(root);
        Arc::new(FaultyDisk {
            root: root.to_path_buf(),
            state: Mutex::new(state),
        })
    }

    /// Lets a fault happen at a step, counted from 0.
    #[must_use]
    pub fn failing_at(self: Arc<Self>, step: usize, fault: Fault) -> Arc<Self> {
        self.state().fault = Some((step, fault));
        self
    }

    /// Whether the fault has happened.
    pub fn has_failed(&self) -> bool {
        self.state().struck
    }

    /// No fault any more: there is room again, or another disk.
    pub fn heal(&self) {
        self.state().fault = None;
    }

    /// Cuts the power: the folder becomes what a machine may find when it starts again. `keep` is asked for each change
    /// that no sync has fixed.
    pub fn cut_power(&self, keep: &mut dyn FnMut() -> bool) {
        let state = self.state();
        let mut contents = BTreeMap::new();
        state.read_files(0, &self.root, &mut contents);
        clear(&self.root);
        state.materialize(0, &self.root, &contents, keep);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults for FaultyDisk {
    fn judge(&self, operation: Operation<'_>, path: &Path) -> Verdict {
        let mut state = self.state();
        let is_read = matches!(operation, Operation::Read(_));
        if is_read != matches!(state.fault, Some((_, Fault::FailRead))) {
            return state.pass(operation, path, &self.root);
        }
        let step = state.steps;
        state.steps += 1;
        if let Some((at, fault)) = state.fault
            && let Some(verdict) = fault.verdict(at, step, operation)
        {
            state.struck = true;
            return verdict;
        }
        state.pass(operation, path, &self.root)
    }
}

impl Fault {
    fn verdict(self, at: usize, step: usize, operation: Operation<'_>) -> Option<Verdict> {
        let fail = |error: io::Error| {
            let written = match operation {
                Operation::Write(bytes) if step == at => bytes / 2,
                _ => 0,
            };
            Some(Verdict::Fail { written, error })
        };
        let takes_room = matches!(
            operation,
            Operation::Write(_) | Operation::CreateFile | Operation::CreateFolder
        );
        match self {
            Fault::Die if step >= at => fail(io::Error::other("the process died here")),
            // EIO has no kind of its own.
            Fault::Fail | Fault::FailRead if step == at => fail(io::Error::from_raw_os_error(5)),
            Fault::Full if step >= at && takes_room => fail(io::ErrorKind::StorageFull.into()),
            Fault::ReadOnly if step >= at => fail(io::ErrorKind::ReadOnlyFilesystem.into()),
            _ => None,
        }
    }
}

impl State {
    /// Lets a step be done.
    fn pass(&mut self, operation: Operation<'_>, path: &Path, root: &Path) -> Verdict {
        if let Ok(path) = path.strip_prefix(root) {
            let from = match operation {
                Operation::Rename { from } => from.strip_prefix(root).ok(),
                _ => None,
            };
            self.note(operation, path, from, root);
        }
        // Syncing for real would only cost time: this machine keeps its power.
        match operation {
            Operation::Sync | Operation::SyncFolder => Verdict::Pretend,
            _ => Verdict::Proceed,
        }
    }

    /// Takes a folder as durable; gives its node.
    fn take_over(&mut self, path: &Path) -> usize {
        let number = self.nodes.len();
        self.nodes.push(Node::Folder(Folder::default()));
        let mut names = BTreeMap::new();
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            let node = if entry.path().is_dir() {
                self.take_over(&entry.path())
            } else {
                self.add(Node::File(File {
                    synced: std::fs::read(entry.path()).unwrap_or_default(),
                    last: None,
                }))
            };
            names.insert(entry.file_name(), node);
        }
        self.nodes[number] = Node::Folder(Folder {
            current: names.clone(),
            durable: names,
            changes: Vec::new(),
        });
        number
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The node at a path below the root.
    fn find(&self, path: &Path) -> Option<usize> {
        let mut node = 0;
        for part in path.components() {
            let Component::Normal(name) = part else {
                return None;
            };
            let Node::Folder(folder) = &self.nodes[node] else {
                return None;
            };
            node = *folder.current.get(name)?;
        }
        Some(node)
    }

    fn folder(&mut self, number: usize) -> Option<&mut Folder> {
        match &mut self.nodes[number] {
            Node::Folder(folder) => Some(folder),
            Node::File(_) => None,
        }
    }

    /// Changes the names in the folder that holds a path.
    fn change(&mut self, path: &Path, change: impl FnOnce(OsString) -> Change) {
        let parent = path.parent().and_then(|parent| self.find(parent));
        let name = path.file_name().map(OsString::from);
        if let Some((parent, name)) = parent.zip(name)
            && let Some(folder) = self.folder(parent)
        {
            let change = change(name);
            change.apply(&mut folder.current);
            folder.changes.push(change);
        }
    }

    fn note(&mut self, operation: Operation<'_>, path: &Path, from: Option<&Path>, root: &Path) {
        let known = self.find(path);
        match operation {
            Operation::CreateFile if known.is_none() => {
                let node = self.add(Node::File(File::default()));
                self.change(path, |name| Change::Add(name, node));
            }
            Operation::CreateFolder if known.is_none() => {
                let node = self.add(Node::Folder(Folder::default()));
                self.change(path, |name| Change::Add(name, node));
            }
            Operation::Sync => {
                if let Some(Node::File(file)) = known.map(|node| &mut self.nodes[node]) {
                    file.synced = std::fs::read(root.join(path)).unwrap_or_default();
                }
            }
            Operation::SyncFolder => {
                if let Some(folder) = known.and_then(|node| self.folder(node)) {
                    folder.durable = folder.current.clone();
                    folder.changes.clear();
                }
            }
            Operation::Rename { .. } => {
                self.remember(path, root);
                if let Some((from, node)) = from.and_then(|from| Some((from, self.find(from)?))) {
                    if from.parent() == path.parent() {
                        let old = from.file_name().unwrap_or_default().to_owned();
                        self.change(path, |name| Change::Rename(old, name));
                    } else {
                        self.change(from, Change::Remove);
                        self.change(path, |name| Change::Add(name, node));
                    }
                }
            }
            Operation::Remove => {
                self.remember(path, root);
                self.change(path, Change::Remove);
            }
            _ => {}
        }
    }

    /// Keeps what a file holds whose name is about to go.
    fn remember(&mut self, path: &Path, root: &Path) {
        if let Some(Node::File(file)) = self.find(path).map(|node| &mut self.nodes[node]) {
            file.last = std::fs::read(root.join(path)).ok();
        }
    }

    /// The bytes of all files that have a name.
    fn read_files(&self, number: usize, path: &Path, contents: &mut BTreeMap<usize, Vec<u8>>) {
        if let Node::Folder(folder) = &self.nodes[number] {
            for (name, node) in &folder.current {
                self.read_files(*node, &path.join(name), contents);
            }
        } else if let Ok(bytes) = std::fs::read(path) {
            contents.insert(number, bytes);
        }
    }

    fn materialize(
        &self,
        number: usize,
        path: &Path,
        contents: &BTreeMap<usize, Vec<u8>>,
        keep: &mut dyn FnMut() -> bool,
    ) {
        match &self.nodes[number] {
            Node::File(file) => {
                let current = contents.get(&number).or(file.last.as_ref());
                let bytes = match current {
                    Some(current) if *current != file.synced && keep() => {
                        match current.starts_with(&file.synced) && !keep() {
                            // Torn: half of what came after the sync.
                            true => &current[..(file.synced.len() + current.len()) / 2],
                            false => current,
                        }
                    }
                    _ => &file.synced,
                };
                let _ = std::fs::write(path, bytes);
            }
            Node::Folder(folder) => {
                let _ = std::fs::create_dir(path);
                let mut names = folder.durable.clone();
                for change in folder.changes.iter().filter(|_| keep()) {
                    change.apply(&mut names);
                }
                for (name, node) in names {
                    self.materialize(node, &path.join(name), contents, keep);
                }
            }
        }
    }
}

fn clear(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let _ = match path.is_dir() {
            true => std::fs::remove_dir_all(path),
            false => std::fs::remove_file(path),
        };
    }
}
