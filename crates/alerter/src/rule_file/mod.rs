//! The rule file (`rules.toml`): rules, routes, inhibition, mute windows and receivers.
//!
//! It is read whole: either everything is right, or every mistake is named with its line and
//! column, and nothing of the file is used.
#![warn(clippy::disallowed_methods)]

mod annotations;
pub mod merge;
pub mod mistake;
pub mod reader;
mod receivers;
mod routing;
mod rules;

use std::collections::BTreeMap;
use std::sync::Arc;

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
