//! Commands that ask a running alerter through its API.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use watchpost_service::cli::Output;
use watchpost_service::secret::Secret;

use super::consequence::{kept_back, labels, owner_of, windows};
use super::table::{cell, moment, table};
use super::{Command, CommandError, Target, print};
use super::{explanation, status};
use crate::config::AlerterConfig;

const TIMEOUT: Duration = Duration::from_secs(30);

const SILENCE_EXAMPLES: &str = "Examples:
  watchpost-alerter silence add host=web-1 --for 1h --comment 'new disk'
  watchpost-alerter silence add 'alertname=~\"disk.*\"' severity=warning --for 2d --comment 'known, ordered'
  watchpost-alerter silence add job=backup --for 30d --at 22:00-06:00 --location Europe/Berlin --comment 'nightly'";
const ACK_EXAMPLES: &str = "Example:
  watchpost-alerter alerts                            # prints the fingerprint
  watchpost-alerter ack add 2c6560f91f42e4eb --owner ann --for 4h --comment 'looking'
When the acknowledgement ends and the alert still fires, it is repeated and escalates again.";

#[derive(Debug, Args)]
pub struct AlertsArguments {
    /// `firing` or `resolved`
    #[arg(long)]
    state: Option<String>,
    /// Only those that match, such as severity=critical or 'host=~"web.*"' (repeatable)
    #[arg(value_name = "MATCHER")]
    filter: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum SilenceCommand {
    /// Keep matching alerts back for a while
    #[command(after_help = SILENCE_EXAMPLES)]
    Add {
        /// Such as host=web-1 or 'alertname=~"disk.*"'; all must hold
        #[arg(required = true, value_name = "MATCHER")]
        matchers: Vec<String>,
        /// How long
        #[arg(long = "for", default_value = "2h", value_name = "DURATION")]
        length: String,
        /// When it begins (RFC 3339) [default: now]
        #[arg(long, value_name = "TIME")]
        start: Option<String>,
        /// Only at these local times, such as 22:00-06:00 (repeatable)
        #[arg(long = "at", value_name = "TIMES")]
        times: Vec<String>,
        /// Only on these days, such as monday:friday (repeatable)
        #[arg(long = "on", value_name = "DAYS")]
        weekdays: Vec<String>,
        /// Time zone of --at and --on, such as Europe/Berlin
        #[arg(long, default_value = "", value_name = "ZONE")]
        location: String,
        #[arg(long, env = "USER", default_value = "unknown")]
        author: String,
        /// Why
        #[arg(long)]
        comment: String,
    },
    /// List silences
    List {
        /// Also those that have expired
        #[arg(long)]
        expired: bool,
    },
    /// End a silence now
    Expire {
        /// As `silence list` prints it
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum AckCommand {
    /// Acknowledge a firing alert: it is not repeated and does not escalate
    #[command(after_help = ACK_EXAMPLES)]
    Add {
        /// Of the alert, as `alerts` prints it
        fingerprint: String,
        #[arg(long, env = "USER", default_value = "unknown")]
        owner: String,
        /// How long [default: until the alert ends]
        #[arg(long = "for", value_name = "DURATION")]
        length: Option<String>,
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Withdraw an acknowledgement
    Remove {
        /// Of the alert
        fingerprint: String,
    },
}

#[derive(Debug, Args)]
pub struct HistoryArguments {
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[arg(long)]
    rule: Option<String>,
    #[arg(long)]
    host: Option<String>,
    /// transition, notification, failure, dead_letter, silence or acknowledgement
    #[arg(long)]
    event: Option<String>,
}

pub(super) struct Api {
    http: reqwest::Client,
    base: String,
    token: Option<Secret>,
}

impl Api {
    fn new(target: &Target, config: &AlerterConfig) -> Result<Api, CommandError> {
        // A variable that is set to nothing says nothing.
        let named = target.api.clone().filter(|url| !url.trim().is_empty());
        let base = named.unwrap_or_else(|| format!("http://{}", config.api.listen.listen));
        let named = target.token_file.as_ref();
        let named = named.filter(|file| !file.as_os_str().is_empty());
        let file = named.or(config.api.token_file.as_ref());
        let token = file
            .map(|file| Secret::from_file(file))
            .transpose()
            .map_err(|error| error.to_string())?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Api {
            http: crate::receivers::client(None)?,
            base,
            token,
        })
    }

    async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Value, CommandError> {
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.base))
            .map_err(|error| format!("{}: {error}", self.base))?;
        if !query.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(query.iter().map(|(name, value)| (*name, value.as_str())));
        }
        let mut request = self.http.request(method, url).timeout(TIMEOUT);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| {
            format!(
                "no alerter answers at {} ({error}); is it running? --api asks another one",
                self.base
            )
        })?;
        let status = response.status();
        let text = response.text().await.map_err(|error| error.to_string())?;
        let answer: Value =
            serde_json::from_str(&text).unwrap_or_else(|_| json!({ "message": text }));
        if status.is_success() {
            return Ok(answer);
        }
        let advice = match (status, &self.token) {
            (reqwest::StatusCode::UNAUTHORIZED, None) => {
                "; give the token with --token-file FILE or ALERTER_TOKEN_FILE"
            }
            (reqwest::StatusCode::UNAUTHORIZED, Some(_)) => {
                "; the token of --token-file is not that of this alerter"
            }
            _ => "",
        };
        Err(format!("{status}: {}{advice}", cell(&answer, "message")).into())
    }

    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Value, CommandError> {
        self.call(reqwest::Method::GET, path, query, None).await
    }
}

/// Runs one of the commands of this file.
pub(super) async fn run(
    command: &Command,
    target: &Target,
    config: &AlerterConfig,
    output: Output,
) -> Result<ExitCode, CommandError> {
    let api = Api::new(target, config)?;
    match command {
        Command::Alerts(arguments) => alerts(&api, arguments, output).await?,
        Command::Silence(command) => silence(&api, command, output).await?,
        Command::Ack(command) => acknowledge(&api, command, output).await?,
        Command::Explain { fingerprint } => {
            let answer = api
                .get(&format!("/api/v1/explain/{fingerprint}"), &[])
                .await?;
            print(output, &answer, || explanation::text(&answer));
        }
        Command::History(arguments) => history(&api, arguments, output).await?,
        _ => {
            let answer = api.get("/api/v1/status", &[]).await?;
            print(output, &answer, || status::text(&answer));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn alerts(
    api: &Api,
    arguments: &AlertsArguments,
    output: Output,
) -> Result<(), CommandError> {
    let mut query: Vec<(&str, String)> = Vec::new();
    query.extend(arguments.state.clone().map(|state| ("state", state)));
    if !arguments.filter.is_empty() {
        query.push(("filter", arguments.filter.join(",")));
    }
    let answer = api.get("/api/v1/alerts", &query).await?;
    print(output, &answer, || {
        let row = |alert: &Value| {
            let owner = cell(&alert["acknowledgement"], "owner");
            let suppressed = alert["suppressedBy"]
                .as_array()
                .is_some_and(|list| !list.is_empty());
            let note = if owner.is_empty() {
                String::new()
            } else {
                format!("acknowledged by {owner}")
            };
            let state = if suppressed && owner.is_empty() {
                "suppressed".to_owned()
            } else {
                cell(alert, "state")
            };
            let summary = cell(&alert["annotations"], "summary");
            let summary = if summary.is_empty() {
                labels(alert)
            } else {
                summary
            };
            ["fingerprint", "name", "severity"]
                .map(|name| cell(alert, name))
                .into_iter()
                .chain([
                    state,
                    cell(alert, "value"),
                    moment(alert, "startsAt"),
                    note,
                    summary,
                ])
                .collect()
        };
        list(
            &answer["alerts"],
            "no alerts",
            |rows| {
                table(
                    &[
                        "FINGERPRINT",
                        "RULE",
                        "SEVERITY",
                        "STATE",
                        "VALUE",
                        "SINCE",
                        "NOTE",
                        "SUMMARY",
                    ],
                    rows,
                )
            },
            row,
        )
    });
    Ok(())
}

fn list(
    values: &Value,
    nothing: &str,
    show: impl Fn(&[Vec<String>]) -> String,
    row: impl Fn(&Value) -> Vec<String>,
) -> String {
    let rows: Vec<Vec<String>> = values.as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        format!("{nothing}\n")
    } else {
        show(&rows)
    }
}

async fn silence(api: &Api, command: &SilenceCommand, output: Output) -> Result<(), CommandError> {
    match command {
        SilenceCommand::Add {
            matchers,
            length,
            start,
            times,
            weekdays,
            location,
            author,
            comment,
        } => {
            let recurs = !times.is_empty() || !weekdays.is_empty();
            let window = json!({ "times": times, "weekdays": weekdays, "location": location });
            let body = json!({
                "matchers": matchers, "for": length, "startsAt": start, "createdBy": author,
                "comment": comment, "recurring": if recurs { vec![window] } else { Vec::new() },
            });
            let answer = api
                .call(reqwest::Method::POST, "/api/v1/silences", &[], Some(&body))
                .await?;
            let kept = kept_back(api, &cell(&answer, "id")).await;
            print(output, &answer, || {
                format!("{}\n{kept}", cell(&answer, "id"))
            });
        }
        SilenceCommand::List { expired } => {
            let answer = api
                .get("/api/v1/silences", &[("expired", expired.to_string())])
                .await?;
            print(output, &answer, || {
                let row = |silence: &Value| {
                    let matchers = silence["matchers"].as_array().into_iter().flatten();
                    let matchers: Vec<&str> = matchers.filter_map(Value::as_str).collect();
                    let sleeps =
                        silence["state"] == json!("active") && silence["holds"] == json!(false);
                    let state = match sleeps {
                        true => "not now".to_owned(),
                        false => cell(silence, "state"),
                    };
                    vec![
                        cell(silence, "id"),
                        state,
                        moment(silence, "endsAt"),
                        windows(silence),
                        cell(silence, "createdBy"),
                        matchers.join(" "),
                        cell(silence, "comment"),
                    ]
                };
                list(
                    &answer["silences"],
                    "no silences",
                    |rows| {
                        let heads = ["ID", "STATE", "UNTIL", "ONLY", "BY", "MATCHERS", "COMMENT"];
                        table(&heads, rows)
                    },
                    row,
                )
            });
        }
        SilenceCommand::Expire { id } => {
            let path = format!("/api/v1/silences/{id}");
            let answer = api.call(reqwest::Method::DELETE, &path, &[], None).await?;
            print(output, &answer, || format!("silence {id} is expired\n"));
        }
    }
    Ok(())
}

async fn acknowledge(api: &Api, command: &AckCommand, output: Output) -> Result<(), CommandError> {
    let path = |fingerprint: &str| format!("/api/v1/alerts/{fingerprint}/acknowledgement");
    match command {
        AckCommand::Add {
            fingerprint,
            owner,
            length,
            comment,
        } => {
            let body = json!({ "owner": owner, "comment": comment, "for": length });
            let before = owner_of(api, fingerprint).await;
            let answer = api
                .call(reqwest::Method::POST, &path(fingerprint), &[], Some(&body))
                .await?;
            print(output, &answer, || {
                let until = match moment(&answer, "expiresAt") {
                    end if end.is_empty() => "it is resolved".to_owned(),
                    end => end,
                };
                let before =
                    before.map(|before| format!("; before, it was acknowledged by {before}"));
                let before = before.unwrap_or_default();
                format!("{fingerprint} is acknowledged by {owner} until {until}{before}\n")
            });
        }
        AckCommand::Remove { fingerprint } => {
            let before = owner_of(api, fingerprint).await;
            let answer = api
                .call(reqwest::Method::DELETE, &path(fingerprint), &[], None)
                .await?;
            print(output, &answer, || {
                let before = before.map(|before| format!("; it was acknowledged by {before}"));
                let before = before.unwrap_or_default();
                format!("{fingerprint} is no longer acknowledged{before}\n")
            });
        }
    }
    Ok(())
}

async fn history(
    api: &Api,
    arguments: &HistoryArguments,
    output: Output,
) -> Result<(), CommandError> {
    let mut query = vec![("limit", arguments.limit.to_string())];
    let filters = [
        ("rule", &arguments.rule),
        ("host", &arguments.host),
        ("event", &arguments.event),
    ];
    query.extend(
        filters
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?))),
    );
    let answer = api.get("/api/v1/history", &query).await?;
    print(output, &answer, || {
        let names = [
            "event",
            "state",
            "severity",
            "receiver",
            "fingerprint",
            "message",
            "reason",
        ];
        let heads = [
            "TIME",
            "EVENT",
            "STATE",
            "SEVERITY",
            "RECEIVER",
            "FINGERPRINT",
            "WHAT",
            "WHY",
        ];
        let row = |event: &Value| {
            let cells = names.map(|name| cell(event, name)).into_iter();
            [moment(event, "at")].into_iter().chain(cells).collect()
        };
        list(
            &answer["events"],
            "no events yet",
            |rows| table(&heads, rows),
            row,
        )
    });
    Ok(())
}
