//! Hosts that are gone or have another name.
//!
//! Rules look at recent points: while a host's are there, it is waited for. So a host that is gone is
//! forgotten by removing those of the first bucket, the raw one; the others, whose means are its history,
//! stay unless that is asked for. The running alerter is asked to end what it watches.

mod rename;

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use reqwest::Url;
use watchpost_client::flux_text;
use watchpost_client::query::Query;
use watchpost_core::time::format_rfc3339;
use watchpost_service::secret::Secret;

use self::rename::Stretch;
use super::{Context, now, print};
use crate::cli::HostCommand;
use crate::error::{Doing, Error, Result};
use crate::observe::Target;
use crate::platform::Bucket;

/// Hosts that were not heard of for longer are not listed.
const LISTED_RANGE: &str = "-30d";
/// Points of hosts whose clocks are ahead are theirs, too: 2100-01-01, which every server takes.
const LATEST: i64 = 4_102_444_800 * 1_000_000_000;
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

/// The buckets with points of hosts, the raw one first.
fn of_hosts<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a Bucket> {
    let buckets = context.platform.buckets.iter();
    buckets.filter(|bucket| !NOT_OF_HOSTS.contains(&&*bucket.name))
}

/// Errors: no bucket has a point of the host, with the hosts that there are. One whose recent points are gone
/// still has its history, and may be left over from a run that was interrupted.
async fn check_known(context: &Context<'_>, target: &Target, host: &str) -> Result<()> {
    for bucket in of_hosts(context) {
        let found = oldest(target, &bucket.name, host, (0, LATEST)).await?;
        if found.is_some() {
            return Ok(());
        }
    }
    let hosts = hosts(context, target).await?;
    let known: Vec<&str> = hosts
        .iter()
        .rev()
        .take(20)
        .map(|(known, _)| known.as_str())
        .collect();
    Err(Error::Request(format!(
        "there are no points of a host {host:?}; hosts of the last 30 days: {}",
        known.join(", ")
    )))
}

/// The time of the host's oldest point in a span, in nanoseconds since 1970.
async fn oldest(
    target: &Target,
    bucket: &str,
    host: &str,
    (start, stop): (i64, i64),
) -> Result<Option<i64>> {
    // Without their values, the points of all fields fit one table.
    let text = format!(
        "from(bucket: {})\n  |> range(start: {}, stop: {})\n  |> filter(fn: (r) => {})\n  |> first()\n  \
         |> keep(columns: [\"_time\"])\n  |> group()\n  |> sort(columns: [\"_time\"])\n  |> limit(n: 1)",
        flux_text::string(bucket),
        flux_text::time(start),
        flux_text::time(stop),
        flux_text::equals("host", host),
    );
    let tables = target.client.query(&Query::new(text)).await;
    let tables = tables.doing(|| format!("looking for {host:?} in {bucket:?}"))?;
    let mut rows = tables.iter().flat_map(|table| table.rows());
    Ok(rows.find_map(|row| row.time("_time")))
}

/// Whether the host has sent since a change of it began.
async fn still_sends(
    context: &Context<'_>,
    target: &Target,
    host: &str,
    began: i64,
) -> Result<bool> {
    let Some(raw) = of_hosts(context).next() else {
        return Ok(false);
    };
    let newer = oldest(target, &raw.name, host, (began, LATEST)).await?;
    Ok(newer.is_some())
}

async fn forget(
    context: &Context<'_>,
    target: &Target,
    host: &str,
    with_history: bool,
    yes: bool,
) -> Result<ExitCode> {
    if let Err(unknown) = check_known(context, target, host).await {
        return only_watched(context, host, unknown).await;
    }
    let buckets = of_hosts(context).map(|bucket| bucket.name.as_str());
    let names: Vec<&str> = buckets
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
    let began = now();
    for name in &names {
        remove(target, name, host, (0, LATEST)).await?;
    }
    let history = match with_history {
        true => "its history is gone, too",
        false => "its hourly and daily history stays",
    };
    let sends = still_sends(context, target, host, began).await?;
    let alerter = ask_alerter(context, host).await;
    if context.json() {
        let said = serde_json::json!({
            "forgotten": host, "buckets": names, "still_sends": sends, "alerter": alerter
        });
        print(&format!("{said}\n"));
    } else {
        let sends = match sends {
            true => "Its agent still sends: stop it, then run the same command again.\n",
            false => "",
        };
        print(&format!(
            "Host {host:?} is forgotten; {history}.\n{sends}{alerter}\n"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove(
    target: &Target,
    bucket: &str,
    host: &str,
    (start, stop): (i64, i64),
) -> Result<()> {
    let predicate = format!("host={}", quoted(host));
    let removed = target.client.delete_points(bucket, start, stop, &predicate);
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
    if to.trim().is_empty() || to == from {
        return Err(Error::Request(
            "the new name must differ from the old one".into(),
        ));
    }
    if let Err(unknown) = check_known(context, target, from).await {
        return only_watched(context, from, unknown).await;
    }
    let question = format!("Rename host {from:?} to {to:?} in all its points?");
    if !yes && !confirmed(&question)? {
        print("Nothing was changed.\n");
        return Ok(ExitCode::FAILURE);
    }
    let began = now();
    let mut stretches = Vec::new();
    for bucket in of_hosts(context) {
        let found = target.client.find_bucket(&bucket.name).await;
        let found = found.doing(|| format!("looking for bucket {:?}", bucket.name))?;
        let Some(found) = found else { continue };
        let (raw, kept) = (stretches.is_empty(), found.retention_seconds());
        stretches.push(Stretch::new(&bucket.name, kept, raw, (from, to), began));
    }
    let say = |text: String| {
        if !context.json() {
            print(&format!("  {text}\n"));
        }
    };
    for stretch in &mut stretches {
        stretch.copy(target, say).await?;
    }
    let mut points = BTreeMap::new();
    for stretch in &stretches {
        let found = stretch.verify(target).await?;
        say(format!(
            "{}: {found} points are there as {to:?}",
            stretch.bucket
        ));
        points.insert(stretch.bucket, found);
    }
    for stretch in &stretches {
        stretch.remove(target).await?;
    }
    let sends = still_sends(context, target, from, began).await?;
    let alerter = ask_alerter(context, from).await;
    if context.json() {
        let said = serde_json::json!({
            "renamed": from, "to": to, "points": points, "still_sends": sends, "alerter": alerter
        });
        print(&format!("{said}\n"));
    } else {
        let sends = if sends {
            rename_again(from, to)
        } else {
            String::new()
        };
        print(&format!("Host {from:?} is now {to:?}.\n{sends}{alerter}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn rename_again(from: &str, to: &str) -> String {
    format!(
        "Its agent still sends as {from:?}: set its tag `host` to {to:?}, then run the same command again.\n"
    )
}

/// Asks the alerter to end what it watches of the host; a sentence about what became of that.
async fn ask_alerter(context: &Context<'_>, host: &str) -> String {
    match end_alerts(context, host).await {
        Ok(true) => "The alerter no longer watches it; its alerts are resolved.".to_owned(),
        Ok(false) => "The alerter did not watch it.".to_owned(),
        Err(why) => format!(
            "The alerter was not asked ({why}): what it sends about the host goes on. Run the same command again; \
             --alerter and --alerter-token-file name it."
        ),
    }
}

/// The alerter may still watch a host whose points are gone: an earlier run did not reach it.
async fn only_watched(context: &Context<'_>, host: &str, unknown: Error) -> Result<ExitCode> {
    if end_alerts(context, host).await != Ok(true) {
        return Err(unknown);
    }
    if context.json() {
        print(&format!("{}\n", serde_json::json!({ "unwatched": host })));
    } else {
        print(&format!(
            "Host {host:?} has no points; the alerter no longer watches it, and its alerts are resolved.\n"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// False if it watches no such host.
async fn end_alerts(context: &Context<'_>, host: &str) -> std::result::Result<bool, String> {
    let cli = &context.cli.alerter;
    let (alerter, token_file) = (&cli.alerter, cli.alerter_token_file.clone());
    let token_file = token_file.unwrap_or_else(|| context.cli.tokens_dir.join("alerter-api.token"));
    let token = Secret::from_file(&token_file).map_err(|error| error.to_string())?;
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
            "no terminal to ask on; pass --yes to change the server".into(),
        ));
    }
    print(&format!("{question} [y/N] "));
    std::io::stdout().flush().ok();
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).ok();
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
