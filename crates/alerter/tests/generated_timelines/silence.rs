//! Generated silences: hosts that stop and go on, while queries fail and the alerter is started again. The
//! model knows no exact moment, but the words of the documents: nobody is called silent who spoke within
//! `after`; who is silent for longer than that, and than the time in which no query was answered, is sent;
//! and no end is sent while the silence lasts.

use std::fmt::Write as _;

use super::plan::{HOSTS, STEP};

/// An evaluation may come a step late, and an answer another one.
const SLACK: i64 = 3 * STEP;

#[derive(Debug)]
pub(super) struct Silence {
    after: i64,
    group_interval: i64,
    /// Whether each host sent a point, every [`STEP`].
    points: Vec<Vec<bool>>,
    /// Times in which queries fail, start and end.
    failing: Vec<(i64, i64)>,
    restarts: Vec<i64>,
}

impl Silence {
    pub(super) fn of(seed: u64) -> Silence {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let after = [60, 120, 300][rng.usize(..3)];
        let steps = rng.usize(60..200);
        let hosts = rng.usize(1..=HOSTS.len());
        let points = |rng: &mut fastrand::Rng| {
            let mut points = Vec::new();
            while points.len() < steps {
                let length = rng.usize(1..=2 * after as usize / STEP as usize);
                points.extend(std::iter::repeat_n(rng.bool(), length));
            }
            points
        };
        let points: Vec<_> = (0..hosts).map(|_| points(rng)).collect();
        let end = steps as i64 * STEP;
        let mut failing = Vec::new();
        let mut at = 5 + STEP * rng.i64(0..20);
        // Again and again for a moment, or now and then for long.
        let (pause, length) = [(4, 1), (10, 2), (40, 20), (60, 60)][rng.usize(..4)];
        while rng.u8(..8) > 0 && at < end {
            let until = at + STEP * rng.i64(1..=length);
            failing.push((at, until));
            at = until + STEP * rng.i64(1..=pause);
        }
        let restarts = rng.usize(..4) * rng.usize(..4);
        let restarts = (0..restarts)
            .map(|_| 5 + STEP * rng.i64(0..end / STEP))
            .collect();
        let group_interval = [10, 60][rng.usize(..2)];
        Silence {
            after,
            group_interval,
            points,
            failing,
            restarts,
        }
    }

    fn end(&self) -> i64 {
        let steps = self.points.iter().map(Vec::len).max().unwrap_or(0);
        steps as i64 * STEP
    }

    pub(super) fn rules(&self) -> String {
        format!(
            "[[rule]]\nname = \"gone\"\nkind = \"no_data\"\nfield = \"uptime\"\ngroup_by = [\"host\"]\n\
             after = \"{}s\"\nflap_damping = false\n[route]\nreceiver = \"ops\"\n\
             group_by = [\"alertname\", \"host\"]\ngroup_wait = \"0s\"\ngroup_interval = \"{}s\"\n\
             repeat_interval = \"4h\"\n\
             [[receiver]]\nname = \"ops\"\nkind = \"file\"\npath = \"ops.log\"\nrate_limit = 1000\n",
            self.after, self.group_interval
        )
    }

    pub(super) fn script(&self) -> String {
        let mut script = String::new();
        for (host, points) in HOSTS.iter().zip(&self.points) {
            let words = points.iter().map(|there| if *there { "1" } else { "_" });
            let words = words.collect::<Vec<_>>().join(" ");
            let _ = writeln!(
                script,
                "series uptime{{host=\"{host}\"}} every {STEP}s: {words}"
            );
        }
        for (start, end) in &self.failing {
            let _ = writeln!(script, "{start}s queries fail\n{end}s queries work");
        }
        for at in &self.restarts {
            let _ = writeln!(script, "{at}s restart");
        }
        let _ = writeln!(script, "{}s end", self.end());
        script
    }

    /// Steps in which queries are answered.
    fn looks(&self) -> impl DoubleEndedIterator<Item = i64> {
        let fails = |at: i64| {
            self.failing
                .iter()
                .any(|(start, end)| *start <= at && at < *end)
        };
        (0..=self.end() / STEP)
            .map(|step| step * STEP)
            .filter(move |at| !fails(*at))
    }

    /// The host's newest point at that time.
    fn newest(&self, host: usize, at: i64) -> Option<i64> {
        let points = &self.points[host];
        let steps = (0..=at / STEP).rev();
        let mut there = steps.filter(|step| points.get(*step as usize) == Some(&true));
        there.next().map(|step| step * STEP)
    }

    /// Whether the host must have been sent as silent by then.
    fn must_fire(&self, host: usize, at: i64) -> bool {
        let Some(mut since) = self.newest(host, at) else {
            return false;
        };
        // After a long time without an answer the count begins anew.
        let ended = self.failing.iter().filter(|(_, end)| *end <= at);
        let long = ended.filter(|(start, end)| end - start + SLACK >= self.after);
        since = long.map(|(_, end)| *end).fold(since, i64::max);
        let overlap =
            |(start, end): &(i64, i64)| (*end.min(&at) - *start.max(&since) + SLACK).max(0);
        let within = self
            .failing
            .iter()
            .filter(|(start, end)| *end > since && *start < at);
        let unseen: i64 = within.map(overlap).sum();
        let restarts = self.restarts.iter().filter(|it| since < **it && **it < at);
        at - since > self.after + unseen + SLACK * (1 + restarts.count() as i64)
    }

    /// The first thing that is not as it must be.
    pub(super) fn fault(&self, outcome: &str) -> Option<String> {
        let messages = messages(outcome);
        for host in 0..self.points.len() {
            let of_host = messages.iter().filter(|(_, of, _)| *of == host);
            let of_host: Vec<(f64, bool)> = of_host.map(|(at, _, fires)| (*at, *fires)).collect();
            for (at, fires) in &of_host {
                let look = self.looks().rfind(|look| *look as f64 <= *at)?;
                let age = look - self.newest(host, look)?;
                if (age > self.after) != *fires {
                    let said = if *fires { "silent" } else { "back" };
                    return Some(format!(
                        "{at}s: {} is sent as {said} {age}s after its point",
                        HOSTS[host]
                    ));
                }
            }
            let fires_at = |time: i64| {
                let last = of_host.iter().rfind(|(at, _)| *at <= time as f64);
                last.is_some_and(|(_, fires)| *fires)
            };
            for look in self.looks() {
                if self.must_fire(host, look) && !fires_at(look + STEP) {
                    return Some(format!(
                        "{look}s: {} is silent, and was not sent",
                        HOSTS[host]
                    ));
                }
            }
            let spoke = |at: i64| {
                self.newest(host, at)
                    .is_some_and(|newest| at - newest <= self.after)
            };
            // The end of what fires waits for the group's interval.
            for look in self.looks() {
                let from = look - self.group_interval - SLACK;
                let looks = self.looks().filter(|it| from <= *it && *it <= look);
                let looks: Vec<i64> = looks.collect();
                let back = looks.len() >= 3 && looks.iter().all(|at| spoke(*at));
                if back && fires_at(look) {
                    return Some(format!("{look}s: {} is back, and fires on", HOSTS[host]));
                }
            }
        }
        None
    }
}

/// Time, host, and whether it fires, of each message about a host.
fn messages(outcome: &str) -> Vec<(f64, usize, bool)> {
    let mut at = 0.0;
    let mut messages = Vec::new();
    for line in outcome.lines() {
        let Some(alert) = line.strip_prefix("       ") else {
            let time = line.split_whitespace().next().unwrap_or_default();
            at = time.trim_end_matches('s').parse().unwrap_or(at);
            continue;
        };
        let host = HOSTS
            .iter()
            .position(|host| alert.contains(&format!("host={host},")));
        messages.extend(host.map(|host| (at, host, alert.starts_with('+'))));
    }
    messages
}
