//! `backtest RULE`: what a rule would have sent.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Args;
use watchpost_core::duration::Duration;
use watchpost_core::time::format_rfc3339;
use watchpost_service::cli::Output;

use super::{CommandError, print, rule_file};
use crate::alert::Nanos;
use crate::backtest::{self, Message, Span};
use crate::clock::read_moment;
use crate::config::AlerterConfig;
use crate::rule_file::mistake::did_you_mean;

const EXAMPLES: &str = "Examples:
  watchpost-alerter backtest cpu_high --from -7d
  watchpost-alerter backtest disk_full_soon --from 2026-03-01T00:00:00Z --to 2026-03-08T00:00:00Z --output json
Change the rule in a copy of the file and try again with --set rules.file=COPY until it pages as you want.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BacktestArguments {
    /// A rule of the rule file
    rule: String,
    /// Where to begin: a time, or a duration back from now
    #[arg(
        long,
        default_value = "-30d",
        allow_hyphen_values = true,
        value_name = "TIME"
    )]
    from: String,
    /// Where to end
    #[arg(
        long,
        default_value = "0s",
        allow_hyphen_values = true,
        value_name = "TIME"
    )]
    to: String,
    /// Time between evaluations [default: 1m, or the rule's own or a sixtieth of its window if that is longer];
    /// a forecast takes a multiple of the steps whose means it fits its line through
    #[arg(long, value_name = "DURATION")]
    step: Option<String>,
}

pub(super) async fn run(
    arguments: &BacktestArguments,
    config: &AlerterConfig,
    output: Output,
) -> Result<ExitCode, CommandError> {
    let file = rule_file(config, None)?;
    let near = did_you_mean(
        &arguments.rule,
        file.rules.iter().map(|rule| rule.name.as_str()),
    );
    let rule = file.rules.iter().find(|rule| rule.name == arguments.rule);
    let rule = rule
        .ok_or_else(|| format!("there is no rule {:?}{near}", arguments.rule))?
        .clone();
    let now = crate::clock::now();
    let (start, stop) = (
        read_moment(&arguments.from, now)?,
        read_moment(&arguments.to, now)?,
    );
    if start >= stop {
        return Err("--from must be before --to".to_owned().into());
    }
    let step = arguments.step.as_deref().map(read_duration).transpose()?;
    let span = Span::new(&rule, start, stop, step);
    let client = crate::daemon::client(config).map_err(|error| error.to_string())?;
    let progress = |done: Nanos| {
        if output == Output::Human && std::io::stderr().is_terminal() {
            let percent = (done - start).saturating_mul(100) / (stop - start).max(1);
            watchpost_service::cli::complain(format_args!("\rreading history: {percent} %  "));
        }
    };
    let database = backtest::read(&client, &rule, span, usize::MAX, progress)
        .await
        .map_err(|error| error.to_string())?;
    let result = backtest::replay(&file, &rule, &database, span, || true);
    let json = result.report(&rule.name, span);
    print(output, &json, || {
        let mut text: String = result.messages.iter().map(line).collect();
        let step = Duration::from_nanos(span.step);
        let counts = result.by_receiver().into_iter();
        let counts: Vec<String> = counts
            .map(|(receiver, count)| format!("{count} to {receiver}"))
            .collect();
        let by_receiver = match counts.is_empty() {
            true => String::new(),
            false => format!(" ({})", counts.join(", ")),
        };
        text.push_str(&format!(
            "{} from {} to {} every {step}: {} series, {} messages{by_receiver}, of which {} would have paged\n",
            rule.name,
            format_rfc3339(span.start),
            format_rfc3339(span.stop),
            result.series,
            result.messages.len(),
            result.pages(),
        ));
        text
    });
    Ok(ExitCode::SUCCESS)
}

fn line(message: &Message) -> String {
    let time = format_rfc3339(message.at);
    let alerts = message.alerts.join(" ");
    format!(
        "{time} {} {} {} ({}) {alerts}\n",
        message.receiver, message.status, message.severity, message.reason
    )
}

fn read_duration(text: &str) -> Result<Nanos, String> {
    let parsed = text
        .parse::<Duration>()
        .ok()
        .and_then(Duration::fixed_nanos)
        .filter(|nanos| *nanos > 0);
    parsed.ok_or_else(|| format!("{text:?} is not a duration such as 1m"))
}
