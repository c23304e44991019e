//! Silences: matchers with an author, a comment, a start, an end, and maybe a recurrence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::mute::TimeWindow;
use super::{Stage, Suppression};
use crate::alert::{Alert, Nanos};
use crate::labels::Labels;
use crate::matcher::{Matcher, Operator, all_match};

/// Most silences kept: each is compared with each alert of a due group.
pub const SILENCES_LIMIT: usize = 10_000;
/// Longest author or comment, in bytes.
pub const TEXT_LENGTH_LIMIT: usize = 4_000;
/// How long an expired silence is still listed.
pub const KEPT_AFTER_EXPIRY: Nanos = 120 * 3_600 * crate::alert::SECOND;

/// Clients of Alertmanager's API keep no finer time, and must say when a silence began to change it.
const MILLISECOND: Nanos = 1_000_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    pub id: String,
    pub matchers: Vec<Matcher>,
    pub starts_at: Nanos,
    pub ends_at: Nanos,
    pub created_by: String,
    pub comment: String,
    pub updated_at: Nanos,
    /// Between start and end the silence holds only inside these windows, when there are any.
    #[serde(default)]
    pub recurring: Vec<TimeWindow>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    Pending,
    Active,
    Expired,
}

#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SilenceError {
    #[error("a silence needs at least one matcher")]
    NoMatcher,
    #[error(
        "a silence needs a matcher that does not match the empty string, or it would silence everything"
    )]
    MatchesEverything,
    #[error("a silence must end after it starts")]
    EndsBeforeStart,
    #[error("a silence must end in the future")]
    EndsInThePast,
    #[error("a silence needs an author and a comment of at most {TEXT_LENGTH_LIMIT} bytes")]
    NoAuthorOrComment,
    #[error("{0}")]
    Recurrence(String),
    #[error("there is no silence {0}")]
    Unknown(String),
    #[error("silence {0} has expired; make a new one")]
    Expired(String),
    #[error("there are {SILENCES_LIMIT} silences already; expire some")]
    TooMany,
}

impl Silence {
    pub fn state(&self, now: Nanos) -> SilenceState {
        if self.ends_at <= now {
            SilenceState::Expired
        } else if self.starts_at > now {
            SilenceState::Pending
        } else {
            SilenceState::Active
        }
    }

    /// Whether it holds at this instant: active, and inside a window if it recurs.
    pub fn holds(&self, now: Nanos) -> bool {
        self.state(now) == SilenceState::Active
            && (self.recurring.is_empty()
                || self.recurring.iter().any(|window| window.contains(now)))
    }

    fn check(&self, now: Nanos) -> Result<(), SilenceError> {
        if self.matchers.is_empty() {
            return Err(SilenceError::NoMatcher);
        }
        if self.matchers.iter().all(matches_absence) {
            return Err(SilenceError::MatchesEverything);
        }
        if self.ends_at <= self.starts_at {
            return Err(SilenceError::EndsBeforeStart);
        }
        if self.ends_at <= now {
            return Err(SilenceError::EndsInThePast);
        }
        let texts = [&self.created_by, &self.comment];
        if texts
            .iter()
            .any(|text| text.trim().is_empty() || text.len() > TEXT_LENGTH_LIMIT)
        {
            return Err(SilenceError::NoAuthorOrComment);
        }
        self.recurring
            .iter()
            .try_for_each(TimeWindow::check)
            .map_err(|error| SilenceError::Recurrence(error.message))?;
        if !self.recurring.is_empty() && self.recurring.iter().all(|window| window.is_over(now)) {
            let over = "the years of its windows are over".to_owned();
            return Err(SilenceError::Recurrence(over));
        }
        Ok(())
    }
}

/// Whether the matcher demands nothing. A negative one names what it leaves out, which is enough.
fn matches_absence(matcher: &Matcher) -> bool {
    matches!(matcher.operator, Operator::Equal | Operator::Regex) && matcher.matches(&Labels::new())
}

#[derive(Debug, Default)]
pub struct Silences(BTreeMap<String, Silence>);

impl Silences {
    /// Makes or changes a silence and returns the ids that changed, the valid one first. As in
    /// Alertmanager a silence is changed in place only if its matchers stay; otherwise the
    /// old one expires and `fresh_id` names the new one. An empty id asks for a new silence.
    pub fn set(
        &mut self,
        mut silence: Silence,
        fresh_id: &str,
        now: Nanos,
    ) -> Result<Vec<String>, SilenceError> {
        silence.updated_at = now;
        let old = match silence.id.as_str() {
            "" => None,
            id => Some(
                self.0
                    .get(id)
                    .ok_or_else(|| SilenceError::Unknown(id.to_owned()))?,
            ),
        };
        let in_place = old.is_some_and(|old| match old.state(now) {
            SilenceState::Active => {
                old.matchers == silence.matchers && old.starts_at == silence.starts_at
            }
            SilenceState::Pending => old.matchers == silence.matchers && silence.starts_at >= now,
            SilenceState::Expired => false,
        });
        if !in_place {
            silence.starts_at = silence.starts_at.max(now) / MILLISECOND * MILLISECOND;
        }
        silence.check(now)?;
        if !in_place && self.0.len() >= SILENCES_LIMIT {
            return Err(SilenceError::TooMany);
        }
        let mut changed = Vec::new();
        if !in_place {
            if !silence.id.is_empty() && self.expire(&silence.id.clone(), now).is_ok() {
                changed.push(silence.id.clone());
            }
            silence.id = fresh_id.to_owned();
        }
        changed.insert(0, silence.id.clone());
        self.0.insert(silence.id.clone(), silence);
        Ok(changed)
    }

    /// Ends a silence now.
    pub fn expire(&mut self, id: &str, now: Nanos) -> Result<(), SilenceError> {
        let silence = self
            .0
            .get_mut(id)
            .ok_or_else(|| SilenceError::Unknown(id.to_owned()))?;
        if silence.state(now) == SilenceState::Expired {
            return Err(SilenceError::Expired(id.to_owned()));
        }
        silence.starts_at = silence.starts_at.min(now);
        silence.ends_at = now;
        silence.updated_at = now;
        Ok(())
    }

    /// Puts a silence back as it was stored.
    pub fn restore(&mut self, silence: Silence) {
        self.0.insert(silence.id.clone(), silence);
    }

    /// Forgets what expired long ago; the ids that are gone.
    pub fn forget_expired(&mut self, now: Nanos) -> Vec<String> {
        let gone = |silence: &Silence| silence.ends_at.saturating_add(KEPT_AFTER_EXPIRY) <= now;
        self.0
            .extract_if(.., |_, silence| gone(silence))
            .map(|(id, _)| id)
            .collect()
    }

    pub fn get(&self, id: &str) -> Option<&Silence> {
        self.0.get(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.0.values()
    }

    /// The silence that holds for the alert now, if any.
    pub fn judge(&self, alert: &Alert, now: Nanos) -> Option<Suppression> {
        let silence = self
            .0
            .values()
            .find(|silence| silence.holds(now) && all_match(&silence.matchers, &alert.labels))?;
        Some(Suppression {
            stage: Stage::Silence,
            by: silence.id.clone(),
            reason: format!("silenced by {}: {}", silence.created_by, silence.comment),
        })
    }
}
