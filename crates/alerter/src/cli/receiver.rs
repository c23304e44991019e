//! `receiver list`, `receiver test` and `receiver preview`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;
use watchpost_service::cli::Output;

use super::table::table;
use super::{CommandError, print, rule_file};
use crate::config::AlerterConfig;
use crate::pipeline::delivery::Failure;
use crate::receivers::{self, Delivered, Surroundings};
use crate::rule_file::mistake::did_you_mean;

#[derive(Debug, Subcommand)]
pub enum ReceiverCommand {
    /// List the receivers of the rule file
    List,
    /// Send a test message and print the receiver's answer
    Test { name: String },
    /// Print what a test message would look like, without sending it
    Preview { name: String },
}

pub(super) async fn run(
    command: &ReceiverCommand,
    config: &AlerterConfig,
    environment: BTreeMap<String, String>,
    output: Output,
) -> Result<ExitCode, CommandError> {
    let file = rule_file(config, None)?;
    let now = crate::clock::now();
    let find = |name: &String| {
        let near = did_you_mean(name, file.receivers.keys().map(String::as_str));
        file.receivers
            .get(name)
            .ok_or_else(|| format!("there is no receiver {name:?}{near}"))
    };
    match command {
        ReceiverCommand::List => {
            let rows: Vec<Vec<String>> = file
                .receivers
                .values()
                .map(|settings| vec![settings.name.clone(), settings.channel.kind().to_owned()])
                .collect();
            let json = rows
                .iter()
                .map(|row| json!({ "name": row[0], "kind": row[1] }))
                .collect();
            print(output, &json, || table(&["RECEIVER", "KIND"], &rows));
        }
        ReceiverCommand::Test { name } => {
            let settings = find(name)?;
            let folder = std::path::absolute(&config.store.folder)?;
            let surroundings = Surroundings {
                http: receivers::client(None)?,
                folder,
                environment,
                history: None,
                posted: receivers::PostedMessages::default(),
                partly: receivers::PartlyTaken::default(),
                presentation: config.messages.presentation(),
            };
            let message = receivers::test_message(name, now);
            let result = receivers::send(settings, &message, &surroundings).await;
            return Ok(show_result(&result, output));
        }
        ReceiverCommand::Preview { name } => {
            let settings = find(name)?;
            let text = receivers::preview(
                settings,
                &receivers::test_message(name, now),
                &config.messages.presentation(),
            )?;
            print(output, &json!({ "preview": text }), || format!("{text}\n"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What became of a test message; the exit code says whether it arrived.
fn show_result(result: &Result<Delivered, Failure>, output: Output) -> ExitCode {
    let (delivered, answer, failed) = match result {
        Ok(taken) => (true, &taken.answer, taken.failed.as_slice()),
        Err(failure) => (false, &failure.reason, [].as_slice()),
    };
    let json = json!({ "delivered": delivered, "answer": answer, "failed": failed });
    print(output, &json, || {
        let word = if delivered {
            "delivered"
        } else {
            "not delivered"
        };
        let parts = failed.iter().map(|part| format!("but not whole: {part}\n"));
        format!("{word}: {answer}\n{}", parts.collect::<String>())
    });
    match delivered {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
