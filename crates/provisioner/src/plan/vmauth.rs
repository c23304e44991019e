//! VictoriaMetrics: a user of vmauth for each token, and a retention that is long enough.
//!
//! The server has neither users nor an API for its retention. The first are a file that vmauth reads; the
//! second is checked.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::json;

use super::bucket::retention;
use super::{Difference, Kind, Plan};
use crate::platform::{Action, Platform, ResourceType, Token};

/// The file that vmauth reads, in the folder of the tokens.
pub const FILE: &str = "vmauth.yml";

/// Questions that the roles and Grafana ask.
const READING: &str =
    r#"["/api/v1/(query|query_range|series|labels|label/[^/]+/values|status/buildinfo)"]"#;
const WRITING: &str = r#"["/api/v2/write", "/write"]"#;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// What a VictoriaMetrics and the folder of the tokens hold.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObservedFlags {
    /// The server's flags by name; none if it does not show them.
    pub flags: Option<BTreeMap<String, String>>,
    /// The secrets of tokens, by name.
    pub secrets: BTreeMap<String, String>,
    /// The file of vmauth; empty if there is none.
    pub users: String,
    pub addresses: Addresses,
}

/// Where vmauth sends what it lets through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Addresses {
    pub read: String,
    pub write: String,
    /// Of a cluster.
    pub tenant: String,
}

/// What must be done so that each token has its user, and what must be changed by hand.
#[must_use]
pub fn plan_users(platform: &Platform, observed: &ObservedFlags) -> Plan {
    let mut plan = Plan::default();
    check_retention(platform, observed, &mut plan);
    for token in platform.tokens.iter().filter(|it| is_user(it)) {
        let Some(secret) = observed.secrets.get(&token.name) else {
            let user = format!("in {FILE}");
            plan.create(Kind::Token, &token.name, &[("user", user)]);
            continue;
        };
        let wanted = user(token, secret, &observed.addresses);
        let there = match observed.users.contains(&wanted) {
            true => "valid",
            false => "missing or different",
        };
        let difference = Difference::of(&format!("user in {FILE}"), there, "valid");
        plan.update(
            Kind::Token,
            &token.name,
            &token.name,
            true,
            difference.into_iter().collect(),
        );
    }
    let whole = users(platform, &observed.secrets, &observed.addresses);
    let is_whole = observed.users.trim() == whole.trim();
    if !is_whole && plan.changes.iter().all(|it| it.kind != Kind::Token) {
        let difference = Difference {
            field: "users".to_owned(),
            from: "others, too".to_owned(),
            to: "those of the tokens".to_owned(),
        };
        plan.update(Kind::Token, FILE, FILE, true, vec![difference]);
    }
    plan.notes.extend(notes(platform, observed));
    plan
}

/// The whole file for vmauth; `secrets` has one for each token that is a user.
#[must_use]
pub fn users(
    platform: &Platform,
    secrets: &BTreeMap<String, String>,
    addresses: &Addresses,
) -> String {
    let mut text =
        "# Made by `watchpost-provisioner apply`. vmauth -auth.config=THIS_FILE reads it again on SIGHUP.\nusers:\n"
            .to_owned();
    for token in platform.tokens.iter().filter(|it| is_user(it)) {
        if let Some(secret) = secrets.get(&token.name) {
            text += &user(token, secret, addresses);
        }
    }
    text
}

/// Whether a token reads or writes points; others have nothing to do there.
#[must_use]
pub fn is_user(token: &Token) -> bool {
    !buckets(token, Action::Read).is_empty() || !buckets(token, Action::Write).is_empty()
}

/// The buckets that a token may read or write.
fn buckets(token: &Token, action: Action) -> Vec<&str> {
    let points = [ResourceType::BUCKETS, ResourceType::POINTS];
    let permissions = token.permissions.iter();
    permissions
        .filter(|it| it.action == action && points.contains(&it.resource))
        .filter_map(|it| it.name.as_deref())
        .collect()
}

/// One user. Labels and filters of the address come before those of a request, which are dropped.
fn user(token: &Token, secret: &str, addresses: &Addresses) -> String {
    let mut text = String::new();
    let (name, secret) = (json!(token.name), json!(secret));
    let _ = writeln!(
        text,
        "  - name: {name}\n    bearer_token: {secret}\n    url_map:"
    );
    let mut route = |paths: &str, address: String| {
        let _ = writeln!(
            text,
            "      - src_paths: {paths}\n        url_prefix: {}",
            json!(address)
        );
    };
    let tenant = addresses.tenant.as_str();
    let written = buckets(token, Action::Write);
    if !written.is_empty() {
        let base = match tenant {
            "" => format!("{}/", addresses.write),
            tenant => format!("{}/insert/{tenant}/influx/", addresses.write),
        };
        // One label can be enforced; who may write several buckets names them.
        let label = match written[..] {
            [bucket] => format!("?extra_label=bucket={bucket}"),
            _ => String::new(),
        };
        route(WRITING, base + &label);
    }
    let read = buckets(token, Action::Read);
    if !read.is_empty() {
        let base = match tenant {
            "" => format!("{}/", addresses.read),
            tenant => format!("{}/select/{tenant}/prometheus/", addresses.read),
        };
        let filter = format!("%7Bbucket%3D~%22{}%22%7D", read.join("%7C"));
        // Both names, so that a request can add to neither.
        route(
            READING,
            format!("{base}?extra_filters[]={filter}&extra_filters={filter}"),
        );
    }
    text
}

/// Points go after the server's retention, whatever the buckets want.
fn check_retention(platform: &Platform, observed: &ObservedFlags, plan: &mut Plan) {
    let flags = observed.flags.as_ref();
    let Some(there) = flags.and_then(|flags| flags.get("retentionPeriod")) else {
        return;
    };
    let kept = seconds(there);
    for bucket in &platform.buckets {
        let wanted = bucket.retention.get().as_secs();
        let is_enough = kept.is_some_and(|kept| wanted != 0 && kept >= wanted);
        let difference = (!is_enough).then(|| Difference {
            field: "-retentionPeriod of the server".to_owned(),
            from: there.clone(),
            to: format!("{} or more", retention(wanted)),
        });
        plan.update(
            Kind::Bucket,
            &bucket.name,
            &bucket.name,
            true,
            difference.into_iter().collect(),
        );
    }
}

/// As VictoriaMetrics reads `-retentionPeriod`: hours, days, weeks, years, and months of 31 days without a
/// letter.
fn seconds(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let unit = match unit {
        "" => 31 * DAY,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        "y" => 365 * DAY,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Some((number * unit as f64) as u64)
}

fn notes(platform: &Platform, observed: &ObservedFlags) -> Vec<String> {
    let longest = platform
        .buckets
        .iter()
        .map(|it| it.retention.get().as_secs());
    let longest = retention(longest.max().unwrap_or_default());
    let mut notes = Vec::new();
    let flags = observed.flags.as_ref();
    let has = |name: &str| flags.is_some_and(|flags| flags.contains_key(name));
    if flags.is_none() {
        notes.push(
            "the server does not show its flags (/flags): whether its retention is long enough is not known"
                .to_owned(),
        );
    } else if !has("retentionPeriod") {
        notes.push(format!(
            "a cluster's retention is that of each vmstorage, which is not asked: start each with -retentionPeriod of \
             {longest} or more"
        ));
    }
    let dedup = flags.and_then(|flags| flags.get("dedup.minScrapeInterval"));
    if dedup.is_some_and(|value| matches!(value.as_str(), "0s" | "0" | "")) {
        notes.push(
            "start it with -dedup.minScrapeInterval=1ms: a batch that is sent twice counts twice without"
                .to_owned(),
        );
    }
    if !platform.tasks.is_empty() {
        notes.push(format!(
            "VictoriaMetrics runs no tasks: `rollup --every 1m` makes hours and days (tasks of the file that are left out: {})",
            platform.tasks.len()
        ));
    }
    let others = platform.tokens.iter().filter(|it| !is_user(it));
    let others: Vec<&str> = others.map(|it| it.name.as_str()).collect();
    if !others.is_empty() {
        notes.push(format!(
            "tokens that neither read nor write points have no user: {}",
            others.join(", ")
        ));
    }
    notes
}
