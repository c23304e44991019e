//! The life of one series under one rule: a pure state machine.
//!
//! `ok → pending (for) → firing → recovering (recovery level, keep_firing_for) → resolved`.
//! Beside the phase stands the feed: data that is late, missing or could not be queried
//! freezes the phase, so that neither a false page nor a false resolve can come of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::flapping::{self, Flapping};
use crate::alert::{Nanos, Severity};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Ok,
    Pending,
    Firing,
    Recovering,
    Resolved,
}

/// Whether the rule can be judged at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    #[default]
    Live,
    /// No value this time, but there was one not long ago.
    Late,
    NoData,
    /// The query failed.
    Error,
}

/// What one evaluation saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Observation {
    /// A value, what its levels say, and whether a firing alert stays for it.
    Value {
        value: f64,
        severity: Option<Severity>,
        holds: bool,
    },
    /// No value for `absent`, as far as anybody could see; `gone` when that is `forget_after`.
    Missing {
        absent: Nanos,
        gone: bool,
    },
    /// Data, but none that can be judged (too few samples, a flat baseline).
    Unjudged,
    Failed,
}

/// The times of a rule that its series live by, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tempo {
    pub hold: Nanos,
    pub keep_firing_for: Nanos,
    /// Without a value for longer than this, data is not late but gone.
    pub late_after: Nanos,
    pub flap_damping: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Life {
    pub phase: Phase,
    pub feed: Feed,
    /// Set while pending, firing or recovering.
    pub severity: Option<Severity>,
    /// When the phase began.
    pub since: Nanos,
    /// When the alert began to fire.
    pub fired_at: Option<Nanos>,
    pub value: Option<f64>,
    /// When a value was seen last.
    pub last_seen: Nanos,
    /// When a value was judged last; 0: unknown. For how long it stood before is not known after a
    /// gap.
    #[serde(default)]
    pub judged_at: Nanos,
    /// Since when the series is there without a hole of a whole window; `None`: not asked for.
    #[serde(default)]
    pub begun_at: Option<Nanos>,
    pub flapping: Flapping,
    /// Why the phase is what it is.
    #[serde(default)]
    pub reason: Reason,
}

/// What the rest of the system must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Fire(Severity),
    Escalate(Severity),
    /// Less bad than before, still firing.
    Lower(Severity),
    Resolve,
    /// The series was gone for so long that it is no longer watched.
    Forget,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    #[default]
    WithinLevels,
    WaitsForHold,
    LevelPassed,
    Worse,
    LessBad,
    NotBackBehindRecovery,
    KeepsFiring,
    Flapping,
    Recovered,
    BadAgain,
    DataLate,
    DataMissing,
    NotJudged,
    QueryFailed,
    Forgotten,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::WithinLevels => "within its levels",
            Reason::WaitsForHold => "past a level, waiting for `for`",
            Reason::LevelPassed => "past a level for long enough",
            Reason::Worse => "past a worse level",
            Reason::LessBad => "back behind the worse level",
            Reason::NotBackBehindRecovery => "not yet back behind the recovery level",
            Reason::KeepsFiring => "recovered, waiting for `keep_firing_for`",
            Reason::Flapping => {
                "flaps: fired three times within an hour; its end is sent after 20 minutes of calm"
            }
            Reason::Recovered => "recovered",
            Reason::BadAgain => "past a level again before it was resolved",
            Reason::DataLate => "its data is late; the state stays",
            Reason::DataMissing => "it has no data; the state stays",
            Reason::NotJudged => "too little or too flat data to judge; the state stays",
            Reason::QueryFailed => "its query failed; the state stays",
            Reason::Forgotten => "without data for so long that it is forgotten",
        })
    }
}

/// The state's name, as users and `alerts_history` see it.
pub fn state_name(life: &Life) -> &'static str {
    match (life.feed, life.phase) {
        (Feed::Late, _) => "late",
        (Feed::NoData, _) => "no_data",
        (Feed::Error, _) => "error",
        (Feed::Live, Phase::Ok) => "ok",
        (Feed::Live, Phase::Pending) => "pending",
        (Feed::Live, Phase::Firing) => "firing",
        (Feed::Live, Phase::Recovering) => "recovering",
        (Feed::Live, Phase::Resolved) => "resolved",
    }
}

impl Life {
    /// Whether an alert exists for the series.
    pub fn is_firing(&self) -> bool {
        matches!(self.phase, Phase::Firing | Phase::Recovering)
    }

    /// One evaluation: the next state and what it asks for. The reason is in the state.
    pub fn observe(
        mut self,
        observation: Observation,
        tempo: &Tempo,
        now: Nanos,
    ) -> (Life, Option<Effect>) {
        // The clock may have been set back.
        for time in [&mut self.since, &mut self.last_seen, &mut self.judged_at] {
            *time = (*time).min(now);
        }
        match observation {
            Observation::Value {
                value,
                severity,
                holds,
            } => {
                if self.is_unseen_for(tempo.late_after, now) {
                    self.begin_anew(now);
                }
                self.value = Some(value);
                self.last_seen = now;
                self.judged_at = now;
                self.feed = Feed::Live;
                match severity {
                    Some(severity) => self.bad(severity, tempo, now),
                    None if self.is_firing() && holds => self.held(now),
                    None => self.good(tempo, now),
                }
            }
            Observation::Unjudged => {
                self.last_seen = now;
                self.feed = Feed::Live;
                self.reason = Reason::NotJudged;
                (self, None)
            }
            Observation::Failed => {
                if self.is_unseen_for(tempo.late_after, now) {
                    self.begin_anew(now);
                }
                self.feed = Feed::Error;
                self.reason = Reason::QueryFailed;
                (self, None)
            }
            Observation::Missing { absent, gone } => self.missing(absent, gone, tempo, now),
        }
    }

    fn is_unseen_for(&self, length: Nanos, now: Nanos) -> bool {
        self.judged_at != 0 && now.saturating_sub(self.judged_at) > length
    }

    /// `for`, `keep_firing_for` and the calm after flapping promise that something was seen all the
    /// time; after a gap they are counted from its end.
    fn begin_anew(&mut self, now: Nanos) {
        match self.phase {
            Phase::Pending => {
                self.enter(Phase::Ok, now);
                self.severity = None;
            }
            Phase::Recovering => self.since = now,
            Phase::Ok | Phase::Firing | Phase::Resolved => {}
        }
    }

    fn enter(&mut self, phase: Phase, now: Nanos) {
        if self.phase != phase {
            self.phase = phase;
            self.since = now;
        }
    }

    fn bad(mut self, severity: Severity, tempo: &Tempo, now: Nanos) -> (Life, Option<Effect>) {
        let before = self.severity.replace(severity);
        match self.phase {
            Phase::Ok | Phase::Resolved | Phase::Pending => {
                self.enter(Phase::Pending, now);
                if now.saturating_sub(self.since) < tempo.hold {
                    self.reason = Reason::WaitsForHold;
                    return (self, None);
                }
                self.enter(Phase::Firing, now);
                self.fired_at = Some(now);
                self.reason = if self.flapping.fires(now) && tempo.flap_damping {
                    Reason::Flapping
                } else {
                    Reason::LevelPassed
                };
                (self, Some(Effect::Fire(severity)))
            }
            Phase::Firing | Phase::Recovering => {
                let again = self.phase == Phase::Recovering;
                self.enter(Phase::Firing, now);
                if before < Some(severity) {
                    self.reason = Reason::Worse;
                    (self, Some(Effect::Escalate(severity)))
                } else if before > Some(severity) {
                    self.reason = Reason::LessBad;
                    (self, Some(Effect::Lower(severity)))
                } else {
                    self.reason = if again {
                        Reason::BadAgain
                    } else {
                        Reason::LevelPassed
                    };
                    (self, None)
                }
            }
        }
    }

    /// Firing, no level is passed, but the recovery level is not reached.
    fn held(mut self, now: Nanos) -> (Life, Option<Effect>) {
        self.enter(Phase::Firing, now);
        self.reason = Reason::NotBackBehindRecovery;
        (self, None)
    }

    fn good(mut self, tempo: &Tempo, now: Nanos) -> (Life, Option<Effect>) {
        if !self.is_firing() {
            if self.phase == Phase::Pending {
                self.enter(Phase::Ok, now);
            }
            self.severity = None;
            self.reason = Reason::WithinLevels;
            return (self, None);
        }
        self.enter(Phase::Recovering, now);
        let calm = now.saturating_sub(self.since);
        if self.flapping.active && tempo.flap_damping && calm < flapping::CALM {
            self.reason = Reason::Flapping;
            return (self, None);
        }
        if calm < tempo.keep_firing_for {
            self.reason = Reason::KeepsFiring;
            return (self, None);
        }
        self.enter(Phase::Resolved, now);
        self.flapping.ends();
        self.severity = None;
        self.fired_at = None;
        self.reason = Reason::Recovered;
        (self, Some(Effect::Resolve))
    }

    fn missing(
        mut self,
        absent: Nanos,
        gone: bool,
        tempo: &Tempo,
        now: Nanos,
    ) -> (Life, Option<Effect>) {
        if gone {
            self.reason = Reason::Forgotten;
            self.feed = Feed::NoData;
            return (self, Some(Effect::Forget));
        }
        let (feed, reason) = if absent > tempo.late_after {
            self.begin_anew(now);
            (Feed::NoData, Reason::DataMissing)
        } else {
            (Feed::Late, Reason::DataLate)
        };
        self.feed = feed;
        self.reason = reason;
        (self, None)
    }
}
