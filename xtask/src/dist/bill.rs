//! The bill of materials: every crate that is linked into a binary, as CycloneDX 1.5.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Release, roles, run_quietly};

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// Of the registry; our own crates have none.
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    /// Absent, `dev` or `build`.
    kind: Option<String>,
}

/// Writes `watchpost-VERSION.cdx.json`.
pub(super) fn make(release: &Release) -> Result<()> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = run_quietly(
        Command::new(env!("CARGO"))
            .args([
                "metadata",
                "--format-version=1",
                "--locked",
                "--filter-platform",
                &target,
            ])
            .current_dir(&release.root),
    )?;
    let metadata: Metadata = serde_json::from_str(&output).context("cargo metadata")?;
    let checksums = checksums(&fs::read_to_string(release.root.join("Cargo.lock"))?)?;
    let linked = linked(&metadata);
    let mut packages: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|it| linked.contains(&it.id))
        .collect();
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    let components: Vec<Value> = packages
        .iter()
        .map(|it| component(it, &checksums))
        .collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "watchpost",
                "name": "watchpost",
                "version": release.version,
            },
        },
        "components": components,
    });
    let name = format!("watchpost-{}.cdx.json", release.version);
    let text = serde_json::to_string_pretty(&bill)? + "\n";
    fs::write(release.output.join(name), text).context("cannot write the bill of materials")
}

fn component(package: &Package, checksums: &BTreeMap<(String, String), String>) -> Value {
    let url = format!("pkg:cargo/{}@{}", package.name, package.version);
    let mut component = json!({
        "type": "library",
        "bom-ref": url,
        "name": package.name,
        "version": package.version,
    });
    if package.source.is_some() {
        component["purl"] = json!(url);
    }
    if let Some(license) = &package.license {
        // The older way to write a choice.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    let key = (package.name.clone(), package.version.clone());
    if let Some(checksum) = checksums.get(&key) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// The packages that a role links, by what it needs neither for its tests alone nor for its building.
fn linked(metadata: &Metadata) -> BTreeSet<String> {
    let programs: BTreeSet<String> = roles().map(super::contents::Role::program).collect();
    let edges: BTreeMap<&str, &[Edge]> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node.deps.as_slice()))
        .collect();
    let starts = metadata
        .packages
        .iter()
        .filter(|it| programs.contains(&it.name));
    let mut open: Vec<&str> = starts.map(|it| it.id.as_str()).collect();
    let mut linked = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !linked.insert(id.to_owned()) {
            continue;
        }
        let edges = edges.get(id).copied().unwrap_or_default();
        let needed = edges
            .iter()
            .filter(|edge| edge.dep_kinds.iter().any(|it| it.kind.is_none()));
        open.extend(needed.map(|edge| edge.pkg.as_str()));
    }
    linked
}

/// What the registry says a crate's archive hashes to, from the lock file.
fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let lock: Lock = toml::from_str(lock).context("Cargo.lock")?;
    let known = lock.package.into_iter();
    Ok(known
        .filter_map(|it| Some(((it.name, it.version), it.checksum?)))
        .collect())
}
