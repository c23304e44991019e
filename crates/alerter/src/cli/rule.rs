//! `rule list`, `rule show` and `rule queries`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;
use watchpost_core::duration::Duration;
use watchpost_service::cli::Output;

use super::table::table;
use super::{CommandError, print, rule_file, setting};
use crate::config::AlerterConfig;
use watchpost_query::Kind;

use crate::dialect::question;
use crate::dialect::shape::{Batch, Purpose, batches};
use crate::rule_file::mistake::did_you_mean;
use crate::rules::definition::Rule;

#[derive(Debug, Subcommand)]
pub enum RuleCommand {
    /// List the rules of the rule file
    List {
        /// Another rule file than the configuration's
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Show a rule, with what the file leaves out, and the Flux that is made of it
    Show {
        name: String,
        /// Another rule file than the configuration's
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Show the queries of one evaluation of all rules, batched as they are sent
    Queries {
        /// Another rule file than the configuration's
        #[arg(long)]
        file: Option<PathBuf>,
    },
}

impl RuleCommand {
    /// The rule file that stands in for the configuration's.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        let (RuleCommand::List { file }
        | RuleCommand::Show { file, .. }
        | RuleCommand::Queries { file }) = self;
        file.as_ref()
    }
}

pub(super) fn run(
    command: &RuleCommand,
    config: &AlerterConfig,
    output: Output,
) -> Result<ExitCode, CommandError> {
    let rules = rule_file(config, command.file())?.rules;
    match command {
        RuleCommand::List { .. } => list(&rules, output),
        RuleCommand::Show { name, .. } => show(&rules, name, output)?,
        RuleCommand::Queries { .. } => queries(&rules, output),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(rules: &[Arc<Rule>], output: Output) {
    let row = |rule: &Arc<Rule>| {
        vec![
            rule.name.clone(),
            rule.kind.name().to_owned(),
            Duration::from_nanos(rule.every).to_string(),
            rule.selector.field.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = rules.iter().map(row).collect();
    let json = rows
        .iter()
        .map(|r| json!({ "name": r[0], "kind": r[1], "every": r[2], "field": r[3] }));
    print(output, &json.collect(), || {
        table(&["RULE", "KIND", "EVERY", "FIELD"], &rows)
    });
}

/// The rule with everything the file left out, then its queries as of now.
fn show(rules: &[Arc<Rule>], name: &str, output: Output) -> Result<(), CommandError> {
    let near = did_you_mean(name, rules.iter().map(|rule| rule.name.as_str()));
    let found = rules.iter().find(|rule| rule.name == name);
    let rule = found.ok_or_else(|| format!("there is no rule {name:?}{near}"))?;
    let only = std::slice::from_ref(rule);
    let queries = batches(only, only, crate::clock::now());
    let settings = setting::of_rule(rule);
    let mut json: serde_json::Map<String, serde_json::Value> = settings
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.to_json()))
        .collect();
    let query = |batch: &Batch| json!({ "purpose": purpose(batch), "flux": text(batch) });
    json.insert("queries".to_owned(), queries.iter().map(query).collect());
    print(output, &json.into(), || {
        format!(
            "{}\n{}",
            setting::lines(&settings),
            numbered(&queries, purpose)
        )
    });
    Ok(())
}

fn queries(rules: &[Arc<Rule>], output: Output) {
    let queries = batches(rules, &[], crate::clock::now());
    let texts: Vec<String> = queries.iter().map(text).collect();
    let members = |batch: &Batch| {
        let names = batch.members.iter().map(|member| member.rule.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    print(output, &json!(texts), || numbered(&queries, members));
}

/// In the language of rule files' own queries.
fn text(batch: &Batch) -> String {
    question::text(batch, Kind::InfluxDb2)
}

fn purpose(batch: &Batch) -> &'static str {
    match batch.members.first().map(|member| member.purpose) {
        Some(Purpose::Baseline) => "baseline",
        _ => "values",
    }
}

/// Each query under a line that counts it and says what it is for, an empty line between two.
fn numbered<T: std::fmt::Display>(queries: &[Batch], what_for: impl Fn(&Batch) -> T) -> String {
    let count = queries.len();
    let query = |(index, batch): (usize, &Batch)| {
        let (number, title, text) = (index + 1, what_for(batch), text(batch));
        format!("// query {number} of {count}: {title}\n{}\n", text.trim())
    };
    let texts: Vec<String> = queries.iter().enumerate().map(query).collect();
    texts.join("\n")
}
