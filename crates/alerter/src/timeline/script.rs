//! The script of a timeline.

use watchpost_core::duration::Duration;

use super::CaseError;
use super::series::{VirtualSeries, parse_series};
use crate::alert::{Nanos, SECOND};
use crate::labels::Labels;
use crate::matcher::Matcher;
use crate::pipeline::mute::{TimeRange, TimeWindow};

/// Second 0 unless the script says otherwise: 2026-01-01T00:00:00Z, a Thursday.
const DEFAULT_START: Nanos = 1_767_225_600 * SECOND;

#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) start: Nanos,
    pub(super) end: Nanos,
    pub(super) show_transitions: bool,
    pub(super) series: Vec<VirtualSeries>,
    /// By time; those of one instant in the order of the script.
    pub(super) events: Vec<(Nanos, Event)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    Fire {
        labels: Labels,
        ends_after: Option<Nanos>,
        since: Option<Nanos>,
    },
    Resolve {
        labels: Labels,
    },
    Silence {
        name: String,
        matchers: Vec<Matcher>,
        length: Nanos,
        recurring: Vec<TimeWindow>,
    },
    Expire {
        name: String,
    },
    Acknowledge {
        labels: Labels,
        owner: String,
        length: Option<Nanos>,
    },
    ReceiverFails {
        receiver: String,
        times: u32,
    },
    QueriesFail(bool),
    /// No receiver but files and commands is reached.
    NetworkFails(bool),
    Restart,
    /// The machine sleeps, or the alerter stalls.
    Sleep(Nanos),
    KilledSending {
        receiver: String,
    },
    Reload,
}

pub(super) fn parse(text: &str) -> Result<Script, CaseError> {
    let mut script = Script {
        start: DEFAULT_START,
        ..Script::default()
    };
    let mut end = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let result = parse_line(line, &mut script, &mut end);
        result.map_err(|message| CaseError::Script {
            line: index + 1,
            message,
        })?;
    }
    script.events.sort_by_key(|(at, _)| *at);
    let last = script.events.last().map_or(script.start, |(at, _)| *at);
    let newest = script
        .series
        .iter()
        .filter_map(|series| series.samples.last())
        .map(|s| s.time)
        .max();
    script.end = end.unwrap_or_else(|| last.max(newest.unwrap_or(last)));
    Ok(script)
}

fn parse_line(line: &str, script: &mut Script, end: &mut Option<Nanos>) -> Result<(), String> {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match first {
        "start" => {
            script.start =
                watchpost_core::time::parse_rfc3339(rest).map_err(|error| error.to_string())?;
        }
        "show" if rest == "transitions" => script.show_transitions = true,
        "series" => script.series.push(series(rest, script.start)?),
        _ => {
            let at = script.start + duration(first)?;
            if rest == "end" {
                *end = Some(at);
            } else {
                script.events.push((at, event(rest)?));
            }
        }
    }
    Ok(())
}

/// `name every 10s [from 1m]: values`
fn series(text: &str, start: Nanos) -> Result<VirtualSeries, String> {
    let wrong = || "a series is: series NAME every 10s: VALUES".to_owned();
    let (head, values) = text.rsplit_once(':').ok_or_else(wrong)?;
    let (name, times) = head.rsplit_once(" every ").ok_or_else(wrong)?;
    let (step, from) = match times.split_once(" from ") {
        Some((step, from)) => (step, duration(from)?),
        None => (times, 0),
    };
    parse_series(name, values, start + from, duration(step)?.max(1))
        .map_err(|error| error.to_string())
}

fn event(text: &str) -> Result<Event, String> {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut words = Words::new(rest);
    let event = match verb {
        "fire" => {
            let (ends_after, since) = (words.duration("for")?, words.duration("since")?);
            Event::Fire {
                labels: words.labels()?,
                ends_after,
                since,
            }
        }
        "resolve" => Event::Resolve {
            labels: words.labels()?,
        },
        "silence" => silence(words)?,
        "expire" => Event::Expire {
            name: words.next()?,
        },
        "ack" => {
            let (owner, length) = (
                words.value("by").unwrap_or("someone").to_owned(),
                words.duration("for")?,
            );
            Event::Acknowledge {
                labels: words.labels()?,
                owner,
                length,
            }
        }
        "fails" => {
            let receiver = words.next()?;
            let times = words
                .next()?
                .parse()
                .map_err(|_| "write `fails RECEIVER TIMES`".to_owned())?;
            Event::ReceiverFails { receiver, times }
        }
        "queries" if rest == "fail" => Event::QueriesFail(true),
        "queries" if rest == "work" => Event::QueriesFail(false),
        "network" if rest == "fails" => Event::NetworkFails(true),
        "network" if rest == "works" => Event::NetworkFails(false),
        "restart" => Event::Restart,
        "sleep" => Event::Sleep(duration(rest)?),
        "killed" => Event::KilledSending {
            receiver: rest
                .strip_prefix("sending to ")
                .ok_or("write `killed sending to RECEIVER`")?
                .to_owned(),
        },
        "reload" => Event::Reload,
        other => {
            return Err(format!(
                "{other:?} is not an event: fire, resolve, silence, expire, ack, fails, queries, network, restart, sleep, killed, reload, end"
            ));
        }
    };
    Ok(event)
}

fn silence(mut words: Words<'_>) -> Result<Event, String> {
    let length = words.duration("for")?.ok_or("a silence needs `for`")?;
    let times = words
        .value("at")
        .map(|text| text.parse::<TimeRange>())
        .transpose()?;
    let location = words.value("in").unwrap_or_default().to_owned();
    let window = |range| TimeWindow {
        times: vec![range],
        location: location.clone(),
        ..TimeWindow::default()
    };
    Ok(Event::Silence {
        name: words.next()?,
        matchers: words.matchers()?,
        length,
        recurring: times.map(window).into_iter().collect(),
    })
}

/// The words of an event; pairs such as `for 5s` are taken out by name.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Words<'a> {
        Words(text.split_whitespace().collect())
    }

    fn value(&mut self, name: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|word| *word == name)?;
        if at + 1 >= self.0.len() {
            return None;
        }
        let value = self.0.remove(at + 1);
        self.0.remove(at);
        Some(value)
    }

    fn duration(&mut self, name: &str) -> Result<Option<Nanos>, String> {
        self.value(name).map(duration).transpose()
    }

    fn next(&mut self) -> Result<String, String> {
        if self.0.is_empty() {
            Err("a word is missing".to_owned())
        } else {
            Ok(self.0.remove(0).to_owned())
        }
    }

    fn labels(&self) -> Result<Labels, String> {
        let pair = |word: &&str| {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| format!("{word:?} is not name=value"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        self.0.iter().map(pair).collect()
    }

    fn matchers(&self) -> Result<Vec<Matcher>, String> {
        let lists = self.0.iter().map(|word| Matcher::list(word));
        let lists = lists.collect::<Result<Vec<_>, _>>();
        lists
            .map(|lists| lists.concat())
            .map_err(|error| error.to_string())
    }
}

fn duration(text: &str) -> Result<Nanos, String> {
    let parsed = text
        .trim()
        .parse::<Duration>()
        .ok()
        .and_then(Duration::fixed_nanos);
    parsed.ok_or_else(|| format!("{text:?} is not a duration such as 90s or 5m"))
}
