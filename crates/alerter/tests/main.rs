//! The alerter's tests, in one binary.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, too")]

mod amtool;
mod answers;
mod answers_of_commands;
mod api_document;
mod binary;
mod chain;
mod charts;
mod command_line;
mod crash;
mod dialect;
mod documents;
mod email;
mod generated_settings;
mod generated_timelines;
mod matchers;
mod message_limits;
mod messages;
mod receivers;
mod rule_files;
mod store;
mod templates;
mod timelines;
mod troubles;
