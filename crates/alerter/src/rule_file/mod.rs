//! The rule file (`rules.toml`): rules, routes, inhibition, mute windows and receivers.
//!
//! It is read whole: either everything is right, or every mistake is named with its line and
//! column, and nothing of the file is used.
#![warn(clippy::disallowed_methods)]

mod annotations;
pub mod merge;
pub mod mistake;
mod reach;
pub mod reader;
mod receivers;
mod routing;
mod rules;
mod selector;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alert::Nanos;
use crate::pipeline::dispatcher::Routing;
use crate::receivers::settings::ReceiverSettings;
use crate::rules::definition::Rule;
use mistake::Mistakes;
use reader::Document;

/// Everything that the file says.
#[derive(Clone, Debug)]
pub struct RuleFile {
    pub rules: Vec<Arc<Rule>>,
    pub routing: Arc<Routing>,
    pub receivers: BTreeMap<String, Arc<ReceiverSettings>>,
}

impl RuleFile {
    /// Names of the windows of routes that never hold again. They are no mistake: a file that was right
    /// does not become wrong at the turn of a year.
    pub fn windows_that_are_over(&self, now: Nanos) -> BTreeSet<&str> {
        let nodes = self.routing.routes.nodes();
        let windows = nodes.flat_map(|(_, node)| node.route.mute.iter().chain(&node.route.active));
        let over = windows.filter(|window| window.windows.iter().all(|part| part.is_over(now)));
        over.map(|window| window.name.as_str()).collect()
    }
}

/// Reads the text of a rule file.
pub fn parse(text: &str) -> Result<RuleFile, Mistakes> {
    let document = Document::parse(text);
    let root = document.root();
    let rules = rules::read(&root);
    let receivers = receivers::read(&root);
    let routing = routing::read(&root, &receivers);
    root.close();
    let shared = |(name, settings)| (name, Arc::new(settings));
    document.finish(RuleFile {
        rules,
        routing: Arc::new(routing),
        receivers: receivers.into_iter().map(shared).collect(),
    })
}
