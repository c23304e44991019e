//! The types of the packages of the standard library, read when first asked for.
//!
//! One data file a package under `signatures/`, a line an export: `name : type`, with `option` before what a
//! program may set.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::monotype::Scheme;
use super::notation::parse_scheme;

mod registry;

use registry::PACKAGES;

/// The exports of one package.
#[derive(Debug)]
pub struct Package {
    pub path: &'static str,
    /// The name under which an import without an alias makes it known.
    pub name: &'static str,
    exports: HashMap<&'static str, Export>,
}

#[derive(Debug)]
pub struct Export {
    pub scheme: Scheme,
    /// Whether a program may set it: `option package.name = value`.
    pub option: bool,
}

impl Package {
    /// The package of a path, if there is one.
    pub fn find(path: &str) -> Option<&'static Package> {
        static READ: OnceLock<HashMap<&'static str, (usize, OnceLock<Package>)>> = OnceLock::new();
        let places = READ.get_or_init(|| {
            let places = PACKAGES.iter().enumerate();
            places
                .map(|(index, (path, _))| (*path, (index, OnceLock::new())))
                .collect()
        });
        let (index, package) = places.get(path)?;
        Some(package.get_or_init(|| {
            let (path, text) = PACKAGES[*index];
            Package::read(path, text)
        }))
    }

    /// What every program knows without an import.
    pub fn universe() -> &'static Package {
        Self::find("universe").expect("the registry lists the universe")
    }

    /// The paths of all packages, sorted.
    pub fn paths() -> impl Iterator<Item = &'static str> {
        PACKAGES.iter().map(|(path, _)| *path)
    }

    pub fn export(&self, name: &str) -> Option<&Export> {
        self.exports.get(name)
    }

    /// The names of all exports, in no order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.exports.keys().copied()
    }

    fn read(path: &'static str, text: &'static str) -> Package {
        let name = path.rsplit('/').next().unwrap_or(path);
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let exports = lines.map(|line| {
            let (option, line) = line
                .strip_prefix("option ")
                .map_or((false, line), |rest| (true, rest));
            let (export, signature) = line
                .split_once(" : ")
                .expect("a test reads every line of every package");
            let scheme = parse_scheme(signature).expect("a test reads every line of every package");
            (export, Export { scheme, option })
        });
        Package {
            path,
            name,
            exports: exports.collect(),
        }
    }
}
