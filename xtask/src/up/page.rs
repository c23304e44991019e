//! What answers, and since when the web page has something to show: a person waits for a chart, not for a
//! process.

use std::time::Duration;

use serde_json::Value;

use super::wait_for;

/// A role on this machine that does not answer within this is not ready.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Hosts write every second; a platform without hosts shows none.
const FIRST_CHART_TIMEOUT: Duration = Duration::from_secs(10);
/// The shortest line.
const POINTS_MIN: usize = 2;

/// Whether an address answers 2xx.
pub(super) fn answers(url: &str) -> bool {
    answer(url).is_some()
}

/// What the alerter says does not work, and for how long: the database among it.
pub(super) fn troubles(alerter: &str) -> Vec<String> {
    let document = answer(&format!("{alerter}/api/v1/status"));
    let document = document.and_then(|it| serde_json::from_str::<Value>(&it).ok());
    let troubles = document.as_ref().and_then(|it| it["troubles"].as_array());
    let sentence = |trouble: &Value| {
        let [component, since, reason] =
            ["component", "since", "reason"].map(|name| trouble[name].as_str().unwrap_or_default());
        let since = since.split(['.', 'Z']).next().unwrap_or_default();
        let since = format!("{} UTC", since.replace('T', " "));
        let seconds = trouble["forSeconds"].as_u64().unwrap_or_default();
        match component {
            "database" => {
                format!("The database has not answered for {seconds} s (since {since}): {reason}")
            }
            _ => {
                format!(
                    "The alerter's {component} has failed for {seconds} s (since {since}): {reason}"
                )
            }
        }
    };
    troubles.into_iter().flatten().map(sentence).collect()
}

/// Waits until the chart of a host has a line of the last seconds; false if that takes too long, or
/// `stopped` says so.
pub(super) fn first_chart(web: &str, stopped: impl Fn() -> bool) -> bool {
    let url = format!("{web}/api/v1/series?metric=cpu_usage_percent&range=10s");
    wait_for(FIRST_CHART_TIMEOUT, || stopped() || has_line(&url)) && !stopped()
}

fn has_line(url: &str) -> bool {
    let document = answer(url).and_then(|it| serde_json::from_str::<Value>(&it).ok());
    let series = document.as_ref().and_then(|it| it["series"].as_array());
    series.into_iter().flatten().any(|line| {
        let times = line["time"].as_array();
        times.is_some_and(|it| it.len() >= POINTS_MIN)
    })
}

/// The body of a 2xx answer.
fn answer(url: &str) -> Option<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER_TIMEOUT))
        .build()
        .into();
    agent.get(url).call().ok()?.body_mut().read_to_string().ok()
}
