//! What a client wants to see: matchers (the parameter `filter`, repeated), states, receiver.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::Refusal;
use crate::api::Server;
use crate::api::error::ApiError;
use crate::labels::Labels;
use crate::matcher::{Matcher, Operator, all_match};
use crate::pipeline::Stage;
use crate::pipeline::silence::Silence;

/// The parameters of a list. Those that nobody here knows are ignored, as Alertmanager does.
#[derive(Debug)]
pub(in crate::api) struct Filter {
    matchers: Vec<Matcher>,
    active: bool,
    silenced: bool,
    inhibited: bool,
    muted: bool,
    /// Anchored regular expression of the receiver's name.
    receiver: Option<Matcher>,
}

/// Holds the receiver's name when it is compared.
const RECEIVER: &str = "receiver";

impl FromRequestParts<Server> for Filter {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Filter, Refusal> {
        Ok(parse(parts.uri.query().unwrap_or_default())?)
    }
}

fn parse(query: &str) -> Result<Filter, ApiError> {
    let mut filter = Filter {
        matchers: Vec::new(),
        active: true,
        silenced: true,
        inhibited: true,
        muted: true,
        receiver: None,
    };
    let wrong = |error: crate::matcher::MatcherError| ApiError::BadRequest(error.to_string());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "filter" => filter.matchers.push(value.parse().map_err(wrong)?),
            "active" => filter.active = flag(&value),
            "silenced" => filter.silenced = flag(&value),
            "inhibited" => filter.inhibited = flag(&value),
            "muted" => filter.muted = flag(&value),
            "receiver" if !value.is_empty() => {
                let matcher = Matcher::new(RECEIVER, Operator::Regex, &value);
                filter.receiver = Some(matcher.map_err(wrong)?);
            }
            _ => {}
        }
    }
    Ok(filter)
}

/// Whether a flag is set: an empty one is, as where it is left out, and any word that is no yes is a no. So Alertmanager's
/// server reads them (`ConvertBool` of go-openapi).
fn flag(value: &str) -> bool {
    const YES: [&str; 11] = [
        "", "true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled",
    ];
    YES.iter().any(|yes| yes.eq_ignore_ascii_case(value))
}

impl Filter {
    /// Whether an alert with these labels, kept back by these stages, is wanted.
    pub(super) fn takes_alert(&self, labels: &Labels, kept_back: &[Stage]) -> bool {
        let shown = |wanted: bool, stage: Stage| wanted || !kept_back.contains(&stage);
        all_match(&self.matchers, labels)
            && (self.active || !kept_back.is_empty())
            && shown(self.silenced, Stage::Silence)
            && shown(self.inhibited, Stage::Inhibition)
            && shown(self.muted, Stage::Mute)
    }

    pub(super) fn takes_receiver(&self, name: &str) -> bool {
        let labels = Labels::from([(RECEIVER, name)]);
        let receiver = self.receiver.as_ref();
        receiver.is_none_or(|matcher| matcher.matches(&labels))
    }

    /// Whether the silence's own matchers are as the filter says: `host="a"` finds silences that
    /// have the matcher `host="a"`, not those that would silence host a.
    pub(super) fn takes_silence(&self, silence: &Silence) -> bool {
        let of = |matcher: &Matcher| (matcher.name.clone(), matcher.value.clone());
        let values: Labels = silence.matchers.iter().map(of).collect();
        all_match(&self.matchers, &values)
    }
}
