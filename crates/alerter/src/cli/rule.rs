//! `rule list` and `rule show`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;
use watchpost_core::duration::Duration;
use watchpost_service::cli::Output;

use super::table::table;
use super::{CommandError, print, rule_file};
use crate::config::AlerterConfig;
use crate::dialect::flux;
use crate::dialect::shape::{Purpose, batches};
use crate::rule_file::mistake::did_you_mean;

#[derive(Debug, Subcommand)]
pub enum RuleCommand {
    /// List the rules of the rule file
    List {
        /// Another rule file than the configuration's
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Show a rule and the Flux that is made of it
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

pub(super) fn run(
    command: &RuleCommand,
    config: &AlerterConfig,
    output: Output,
) -> Result<ExitCode, CommandError> {
    let (RuleCommand::List { file }
    | RuleCommand::Show { file, .. }
    | RuleCommand::Queries { file }) = command;
    let rules = rule_file(config, file.as_ref())?.rules;
    let now = crate::clock::now();
    match command {
        RuleCommand::List { .. } => {
            let every = |nanos| Duration::from_nanos(nanos).to_string();
            let row = |rule: &Arc<crate::rules::definition::Rule>| {
                let field = rule.selector.field.clone();
                vec![
                    rule.name.clone(),
                    rule.kind.name().to_owned(),
                    every(rule.every),
                    field,
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
        RuleCommand::Show { name, .. } => {
            let names = rules.iter().map(|rule| rule.name.as_str());
            let near = did_you_mean(name, names);
            let rule = rules.iter().find(|rule| rule.name == *name);
            let rule = rule
                .ok_or_else(|| format!("there is no rule {name:?}{near}"))?
                .clone();
            let queries = batches(
                std::slice::from_ref(&rule),
                std::slice::from_ref(&rule),
                now,
            );
            let purpose = |purpose| {
                if purpose == Purpose::Baseline {
                    "baseline"
                } else {
                    "values"
                }
            };
            let texts: Vec<(&str, String)> = queries
                .iter()
                .map(|batch| (purpose(batch.members[0].purpose), flux::text(batch)))
                .collect();
            let json = json!({ "name": rule.name, "kind": rule.kind.name(), "queries":
                texts.iter().map(|(purpose, text)| json!({ "purpose": purpose, "flux": text })).collect::<Vec<_>>() });
            print(output, &json, || {
                let queries = texts
                    .iter()
                    .map(|(purpose, text)| format!("\n// {purpose}\n{text}\n"));
                format!("{rule}\n{:#?}\n{}", rule.kind, queries.collect::<String>())
            });
        }
        RuleCommand::Queries { .. } => {
            let texts: Vec<String> = batches(&rules, &[], now).iter().map(flux::text).collect();
            print(output, &json!(texts), || {
                texts.iter().map(|text| format!("{text}\n\n")).collect()
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}
