//! Hosts that are gone or have another name.
//!
//! Rules look at recent points: while a host's are there, it is waited for. So a host that is gone is
//! forgotten by removing those of the first bucket, the raw one; the others, whose means are its history,
//! stay unless that is asked for. The running alerter is asked to end what it watches.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use reqwest::Url;
use watchpost_client::flux_text;
use watchpost_client::query::Query;
use watchpost_core::time::format_rfc3339;
use watchpost_service::secret::Secret;

use super::{Context, now, print};
use crate::cli::HostCommand;
use crate::error::{Doing, Error, Result};
use crate::observe::Target;

/// Hosts that were not heard of for longer are not listed.
const LISTED_RANGE: &str = "-30d";
/// A rename reads and writes so much time in one query: bounded, whatever the resolution.
const CHUNK: i64 = 3_600 * 1_000_000_000;
const COARSE_CHUNK: i64 = 30 * 24 * CHUNK;
/// How far back the raw bucket and the others are looked at.
const RAW_CHUNKS: i64 = 24 * 7;
const COARSE_CHUNKS: i64 = 24;
/// A chunk takes seconds; longer is a server in trouble.
const QUERY_TIMEOUT: Duration = Duration::from_secs(600);
/// The alerter answers at once, or is not there.
const ALERTER_TIMEOUT: Duration = Duration::from_secs(10);
/// Buckets about the platform and its people, not about hosts.
const NOT_OF_HOSTS: [&str; 3] = ["alerts_history", "annotations", "platform_health"];

pub(super) async fn run(context: &Context<'_>, command: &HostCommand) -> Result<ExitCode> {
    let target = context.target().await?;
    match command {
        HostCommand::List => list(context, &target).await,
        HostCommand::Forget {
            host,
            with_history,
            yes,
        } => forget(context, &target, host, *with_history, *yes).await,
        HostCommand::Rename { from, to, yes } => rename(context, &target, (from, to), *yes).await,
    }
}

async fn list(context: &Context<'_>, target: &Target) -> Result<ExitCode> {
    let hosts = hosts(context, target).await?;
    if context.json() {
        let hosts = hosts
            .iter()
            .map(|(host, newest)| serde_json::json!({ "host": host, "newest": newest }));
        print(&format!("{}\n", hosts.collect::<serde_json::Value>()));
        return Ok(ExitCode::SUCCESS);
    }
    for (host, newest) in hosts {
        print(&format!("{newest}  {host}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Each host and the time of its newest point, the oldest first.
async fn hosts(context: &Context<'_>, target: &Target) -> Result<Vec<(String, String)>> {
    let Some(raw) = context.platform.buckets.first() else {
        return Ok(Vec::new());
    };
    let text = format!(
        "from(bucket: {}) |> range(start: {LISTED_RANGE})\n\
         |> filter(fn: (r) => r._measurement == \"system_metrics\" and r._field == \"uptime_seconds\")\n\
         |> last() |> group(columns: [\"host\"]) |> sort(columns: [\"_time\"]) |> last()",
        flux_text::string(&raw.name)
    );
    let tables = target.client.query(&Query::new(text)).await;
    let tables = tables.doing(|| "looking for hosts".into())?;
    let rows = tables.iter().flat_map(|table| table.rows());
    let host = |row: watchpost_core::csv::Row<'_>| {
        let newest = format_rfc3339(row.time("_time")?);
        Some((row.str("host")?.to_owned(), newest))
    };
    let mut hosts: Vec<(String, String)> = rows.filter_map(host).collect();
    hosts.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
    Ok(hosts)
}

/// Errors: no such host, with the nearest that there are.
async fn check_known(context: &Context<'_>, target: &Target, host: &str) -> Result<()> {
    let hosts = hosts(context, target).await?;
    if hosts.iter().any(|(known, _)| known == host) {
        return Ok(());
    }
    let known: Vec<&str> = hosts
        .iter()
        .take(20)
        .map(|(known, _)| known.as_str())
        .collect();
    Err(Error::Request(format!(
        "no host {host:?} has sent anything within 30 days; there are: {}",
        known.join(", ")
    )))
}

async fn forget(
    context: &Context<'_>,
    target: &Target,
    host: &str,
    with_history: bool,
    yes: bool,
) -> Result<ExitCode> {
    check_known(context, target, host).await?;
    let buckets = &context.platform.buckets;
    let names = buckets.iter().map(|bucket| bucket.name.as_str());
    let names: Vec<&str> = names
        .filter(|name| !NOT_OF_HOSTS.contains(name))
        .take(if with_history { usize::MAX } else { 1 })
        .collect();
    let question = format!(
        "Remove the points of host {host:?} from {}?",
        names.join(", ")
    );
    if !yes && !confirmed(&question)? {
        print("Nothing was changed.\n");
        return Ok(ExitCode::FAILURE);
    }
    for name in &names {
        remove(target, name, host).await?;
    }
    let history = match with_history {
        true => "its history is gone, too",
        false => "its hourly and daily history stays",
    };
    let alerter = ask_alerter(context, host).await;
    if context.json() {
        let said = serde_json::json!({ "forgotten": host, "buckets": names, "alerter": alerter });
        print(&format!("{said}\n"));
    } else {
        print(&format!(
            "Host {host:?} is forgotten; {history}.\n{alerter}\n"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove(target: &Target, bucket: &str, host: &str) -> Result<()> {
    let predicate = format!("host={}", quoted(host));
    let removed = target.client.delete_points(bucket, 0, now(), &predicate);
    removed
        .await
        .doing(|| format!("removing the points of {host:?} from {bucket:?}"))
}

/// A text of a predicate.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

async fn rename(
    context: &Context<'_>,
    target: &Target,
    (from, to): (&str, &str),
    yes: bool,
) -> Result<ExitCode> {
    check_known(context, target, from).await?;
    if to.trim().is_empty() || to == from {
        return Err(Error::Request("the new name must be another one".into()));
    }
    let question = format!("Give all points of host {from:?} the host {to:?}?");
    if !yes && !confirmed(&question)? {
        print("Nothing was changed.\n");
        return Ok(ExitCode::FAILURE);
    }
    let buckets = context.platform.buckets.iter().enumerate();
    let buckets = buckets.filter(|(_, bucket)| !NOT_OF_HOSTS.contains(&&*bucket.name));
    for (index, bucket) in buckets {
        let (chunk, count) = match index {
            0 => (CHUNK, RAW_CHUNKS),
            _ => (COARSE_CHUNK, COARSE_CHUNKS),
        };
        let end = now();
        for back in (0..count).rev() {
            let (start, stop) = (end - (back + 1) * chunk, end - back * chunk);
            copy(target, &bucket.name, (from, to), (start, stop)).await?;
        }
        remove(target, &bucket.name, from).await?;
        if !context.json() {
            print(&format!("  {} done\n", bucket.name));
        }
    }
    let alerter = ask_alerter(context, from).await;
    if context.json() {
        let said = serde_json::json!({ "renamed": from, "to": to, "alerter": alerter });
        print(&format!("{said}\n"));
    } else {
        print(&format!("Host {from:?} is now {to:?}.\n{alerter}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a stretch of the host's points again under its new name.
async fn copy(
    target: &Target,
    bucket: &str,
    (from, to): (&str, &str),
    (start, stop): (i64, i64),
) -> Result<()> {
    let name = flux_text::string(bucket);
    let text = format!(
        "from(bucket: {name})\n  |> range(start: {}, stop: {})\n  |> filter(fn: (r) => {})\n  \
         |> set(key: \"host\", value: {})\n  |> to(bucket: {name})\n  |> limit(n: 1)",
        flux_text::time(start),
        flux_text::time(stop),
        flux_text::equals("host", from),
        flux_text::string(to),
    );
    let query = Query::new(text).timeout(QUERY_TIMEOUT);
    let copied = target.client.query(&query).await;
    copied
        .map(drop)
        .doing(|| format!("renaming {from:?} in {bucket:?}"))
}

/// Asks the alerter to end what it watches of the host; a sentence about what became of that. The alerts end
/// by themselves after a day, too.
async fn ask_alerter(context: &Context<'_>, host: &str) -> String {
    let cli = &context.cli.alerter;
    let file = cli.alerter_token_file.clone();
    let file = file.unwrap_or_else(|| context.cli.tokens_dir.join("alerter-api.token"));
    match end_alerts(&cli.alerter, &file, host).await {
        Ok(true) => "The alerter watches it no longer; its alerts have ended.".to_owned(),
        Ok(false) => "The alerter did not watch it.".to_owned(),
        Err(why) => format!(
            "The alerter was not asked ({why}): its alerts end after `forget_after`, a day. \
             --alerter and --alerter-token-file name it."
        ),
    }
}

/// False if it watches no such host.
async fn end_alerts(
    alerter: &str,
    token_file: &Path,
    host: &str,
) -> std::result::Result<bool, String> {
    let token = Secret::from_file(token_file).map_err(|error| error.to_string())?;
    let mut url = Url::parse(alerter).map_err(|error| format!("{alerter}: {error}"))?;
    let segments = ["api", "v1", "hosts", host];
    url.path_segments_mut()
        .map_err(|()| format!("{alerter} is not an address"))?
        .pop_if_empty()
        .extend(segments);
    let tls =
        watchpost_client::tls::client_config(None).or_else(|_| watchpost_client::tls::no_trust());
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.map_err(|error| error.to_string())?)
        .timeout(ALERTER_TIMEOUT)
        .build()
        .map_err(|error| error.to_string())?;
    let answer = client.delete(url).bearer_auth(token.reveal()).send().await;
    match answer
        .map_err(|_| format!("nothing answers at {alerter}"))?
        .status()
    {
        status if status.is_success() => Ok(true),
        reqwest::StatusCode::NOT_FOUND => Ok(false),
        status => Err(format!("{alerter} answered {status}")),
    }
}

/// Asks a person; where there is none, `--yes` must say it.
fn confirmed(question: &str) -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Error::Request(
            "nobody can be asked here; pass --yes to change the server".into(),
        ));
    }
    print(&format!("{question} [y/N] "));
    std::io::stdout().flush().ok();
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).ok();
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
