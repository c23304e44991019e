//! What is asked, whatever the server.

use watchpost_core::time::{NANOS_PER_DAY, NANOS_PER_MILLI};

use crate::{Answer, Matcher, Statistic};

/// One question about one measurement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    pub bucket: String,
    pub measurement: String,
    /// The points that any of these select.
    pub selections: Vec<Selection>,
    pub range: Range,
    pub group: Group,
    pub ask: Ask,
    /// The tags that series are answered with; all, unless these are named. Series that differ in others alone
    /// are answered as one, each with its points.
    pub tags: Option<Vec<String>>,
}

/// Points of some fields whose tags match.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selection {
    /// Empty: every field.
    pub fields: Vec<String>,
    pub matchers: Vec<Matcher>,
}

/// From `start` until before `stop`, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    pub start: i64,
    pub stop: i64,
}

/// Which points are taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Those of a series.
    #[default]
    Series,
    /// Those of a field whose values of these tags are equal. Rates are made of each series and added.
    By(Vec<String>),
}

/// What is computed of the points of a series or group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// One value of the whole range for each statistic.
    Values(Vec<Statistic>),
    /// The newest point, with its time. Of series only.
    Newest,
    /// The oldest point, with its time. Of series only.
    Oldest,
    /// The newest point of each window of this length, with its own time. Of series only.
    NewestOfEach { every: i64 },
    /// One value for each window of this length that has points. A window that an end of the range cuts
    /// stands for what is inside.
    Windows {
        every: i64,
        statistics: Vec<Statistic>,
        label: Label,
    },
    /// One value for each window of length `period` inside the range, of which one begins every `every`;
    /// labelled by its end. Of one that ends exactly with the range it is not defined whether it is whole:
    /// ask for a range longer by a period.
    Sliding {
        every: i64,
        period: i64,
        statistic: Statistic,
    },
    /// The least-squares line through the points: `slope` a second and `at_stop`, its value at the range's
    /// stop.
    Line,
    /// The points themselves; of each series the oldest `limit`, where there is one.
    Rows { limit: Option<usize> },
    /// The values of a tag, of points in the range. One series without labels, in order.
    TagValues { tag: String },
    /// The series whose value is greatest, the greatest first. Of one field.
    Top { statistic: Statistic, count: usize },
}

/// Which of its ends a window is named after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    Start,
    Stop,
}

impl Question {
    /// Of each series that one selection has.
    pub fn new(bucket: &str, measurement: &str, range: Range, ask: Ask) -> Question {
        Question {
            bucket: bucket.to_owned(),
            measurement: measurement.to_owned(),
            selections: Vec::new(),
            range,
            group: Group::Series,
            ask,
            tags: None,
        }
    }

    #[must_use]
    pub fn select<T: Into<String>>(
        mut self,
        fields: impl IntoIterator<Item = T>,
        matchers: Vec<Matcher>,
    ) -> Question {
        self.selections.push(Selection {
            fields: fields.into_iter().map(Into::into).collect(),
            matchers,
        });
        self
    }

    #[must_use]
    pub fn group_by<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Question {
        self.group = Group::By(tags.into_iter().map(Into::into).collect());
        self
    }

    #[must_use]
    pub fn with_tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Question {
        self.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// The answer with the tags that are asked for.
    pub(crate) fn trimmed(&self, answer: Answer) -> Answer {
        match (&self.group, &self.tags, &self.ask) {
            (Group::Series, Some(_), Ask::Line) => {
                let tags = self.tags.iter().flatten().cloned();
                let tags: Vec<String> = tags.chain(["line".to_owned()]).collect();
                answer.with_tags(&tags)
            }
            (Group::Series, Some(tags), _) => answer.with_tags(tags),
            _ => answer,
        }
    }

    /// The points that the question is about, where a language cannot compute what is asked of them.
    pub(crate) fn points(&self) -> Question {
        Question {
            group: Group::Series,
            ask: Ask::Rows { limit: None },
            tags: None,
            ..self.clone()
        }
    }

    /// The statistics that are asked for.
    pub fn statistics(&self) -> &[Statistic] {
        match &self.ask {
            Ask::Values(statistics) | Ask::Windows { statistics, .. } => statistics,
            Ask::Sliding { statistic, .. } | Ask::Top { statistic, .. } => {
                std::slice::from_ref(statistic)
            }
            _ => &[],
        }
    }
}

impl Range {
    pub fn new(start: i64, stop: i64) -> Range {
        Range { start, stop }
    }

    pub fn length(self) -> i64 {
        self.stop.saturating_sub(self.start)
    }

    /// The same hours of the same weekday, so many weeks before (of UTC).
    pub fn weeks_back(self, weeks: u32) -> Range {
        let by = i64::from(weeks) * 7 * NANOS_PER_DAY;
        Range {
            start: self.start - by,
            stop: self.stop - by,
        }
    }

    /// Both ends in whole milliseconds, so that ranges that meet still meet.
    pub(crate) fn in_milliseconds(self) -> (i64, i64) {
        (
            self.start.div_euclid(NANOS_PER_MILLI),
            self.stop.div_euclid(NANOS_PER_MILLI),
        )
    }
}
