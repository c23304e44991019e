//! What a generated timeline is made of, and how it is written.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Evaluations are so far apart, in seconds.
pub(super) const STEP: i64 = 10;
/// A value counts for so long (the rule's window), and data is gone after so long.
pub(super) const WINDOW: i64 = 30;
pub(super) const LATE: i64 = 120;
pub(super) const HOSTS: [&str; 2] = ["h1", "h2"];
/// The label `team` of the rule.
pub(super) const TEAMS: [&str; 2] = ["red", "blue"];
/// Each refused message waits; eight of them are through after about so long.
pub(super) const BACKOFF: i64 = 200;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Grouping {
    #[default]
    ByHost,
    ByName,
    /// By all labels, the severity among them.
    All,
}

/// What is for the pager instead of for `ops`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Pager {
    #[default]
    Nothing,
    Critical,
    /// What bears this label.
    Team(usize),
}

/// A rule about hosts that send nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NoData {
    pub(super) after: i64,
    pub(super) forget_after: Option<i64>,
    pub(super) critical: bool,
}

impl NoData {
    /// How far back a host is looked for.
    pub(super) fn looks_back(self) -> i64 {
        const DAY: i64 = 86_400;
        self.forget_after.unwrap_or(DAY)
    }

    fn text(self) -> String {
        let severity = if self.critical { "critical" } else { "warning" };
        let mut text = format!(
            "kind = \"no_data\"\nfield = \"cpu\"\ngroup_by = [\"host\"]\nafter = \"{}s\"\nseverity = \"{severity}\"\n",
            self.after
        );
        if let Some(forget_after) = self.forget_after {
            let _ = writeln!(text, "forget_after = \"{forget_after}s\"");
        }
        text
    }
}

/// A rule file; times in seconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rules {
    /// The rule looks for silence instead of levels.
    pub(super) no_data: Option<NoData>,
    pub(super) warn: i64,
    pub(super) critical: i64,
    pub(super) recover: Option<i64>,
    pub(super) hold: i64,
    pub(super) keep_firing_for: i64,
    pub(super) team: Option<usize>,
    pub(super) leaves_out: Option<usize>,
    pub(super) grouping: Grouping,
    pub(super) group_wait: i64,
    pub(super) group_interval: i64,
    pub(super) repeat_interval: i64,
    pub(super) pager: Pager,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            no_data: None,
            warn: 80,
            critical: 90,
            recover: None,
            hold: 0,
            keep_firing_for: 0,
            team: None,
            leaves_out: None,
            grouping: Grouping::ByHost,
            group_wait: 0,
            group_interval: 60,
            repeat_interval: 14_400,
            pager: Pager::Nothing,
        }
    }
}

impl Rules {
    /// Who hears of it by the routes.
    pub(super) fn receiver(&self, critical: bool) -> &'static str {
        let is_paged = match self.pager {
            Pager::Nothing => false,
            Pager::Critical => critical,
            Pager::Team(team) => self.team == Some(team),
        };
        if is_paged { "pager" } else { "ops" }
    }

    pub(super) fn text(&self) -> String {
        let group_by = match self.grouping {
            Grouping::ByHost => "\"alertname\", \"host\"",
            Grouping::ByName => "\"alertname\"",
            Grouping::All => "\"...\"",
        };
        let pager = |matcher: String| {
            format!("[[route.routes]]\nmatch = ['{matcher}']\nreceiver = \"pager\"\n")
        };
        let pager = match self.pager {
            Pager::Nothing => String::new(),
            Pager::Critical => pager("severity=\"critical\"".to_owned()),
            Pager::Team(team) => pager(format!("team=\"{}\"", TEAMS[team])),
        };
        let mut more = String::new();
        if let Some(team) = self.team {
            let _ = writeln!(more, "labels = {{ team = \"{}\" }}", TEAMS[team]);
        }
        if let Some(host) = self.leaves_out {
            let _ = writeln!(more, "where = ['host!=\"{}\"']", HOSTS[host]);
        }
        let kind = match self.no_data {
            Some(rule) => rule.text(),
            None => self.threshold(),
        };
        format!(
            "[[rule]]\nname = \"cpu\"\n{kind}flap_damping = false\n{more}[route]\nreceiver = \"ops\"\n\
             group_by = [{group_by}]\ngroup_wait = \"{}s\"\ngroup_interval = \"{}s\"\n\
             repeat_interval = \"{}s\"\n{pager}\
             [[receiver]]\nname = \"ops\"\nkind = \"file\"\npath = \"ops.log\"\nrate_limit = 1000\n\
             [[receiver]]\nname = \"pager\"\nkind = \"file\"\npath = \"pager.log\"\nrate_limit = 1000\n",
            self.group_wait, self.group_interval, self.repeat_interval
        )
    }

    fn threshold(&self) -> String {
        let recover = self.recover.map(|at| format!(", recover = {at}"));
        format!(
            "kind = \"threshold\"\nfield = \"cpu\"\naggregate = \"last\"\nwindow = \"{WINDOW}s\"\n\
             above = {{ warn = {}, critical = {}{} }}\nfor = \"{}s\"\nkeep_firing_for = \"{}s\"\n",
            self.warn,
            self.critical,
            recover.unwrap_or_default(),
            self.hold,
            self.keep_firing_for
        )
    }
}

/// A timeline, in seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// In the order in which they come into force: at the start, and with each reload.
    pub(super) files: Vec<Rules>,
    /// The values of each host, the first at time 0.
    pub(super) values: Vec<Vec<Option<i64>>>,
    /// Seconds between the values of each host; [`STEP`] where there is none.
    pub(super) paces: Vec<i64>,
    /// Times in which queries fail, start and end.
    pub(super) failing: Vec<(i64, i64)>,
    pub(super) restarts: Vec<i64>,
    pub(super) reloads: Vec<i64>,
    /// When, and for how long.
    pub(super) sleep: Option<(i64, i64)>,
    pub(super) refused: Option<(i64, u32)>,
    pub(super) killed: Option<i64>,
    /// Host, start and end.
    pub(super) silences: Vec<(usize, i64, i64)>,
    pub(super) acknowledged: Vec<(usize, i64)>,
}

impl Plan {
    pub(super) fn end(&self) -> i64 {
        let lasts = self.values.iter().enumerate();
        let lasts = lasts.map(|(host, values)| (values.len() as i64 - 1) * self.pace(host));
        lasts.max().unwrap_or(0) / STEP * STEP
    }

    fn pace(&self, host: usize) -> i64 {
        self.paces.get(host).copied().unwrap_or(STEP)
    }

    /// The rule file in force.
    pub(super) fn rules(&self, at: i64) -> &Rules {
        let reloads = self.reloads.iter().filter(|it| self.woken(**it) <= at);
        &self.files[reloads.count().min(self.files.len() - 1)]
    }

    /// When another rule file came into force.
    pub(super) fn changes(&self) -> impl Iterator<Item = i64> {
        let times = self.reloads.iter().map(|at| self.woken(*at));
        times.filter(|at| self.rules(*at) != self.rules(*at - 1))
    }

    /// What would happen in a sleep happens when it is over.
    pub(super) fn woken(&self, at: i64) -> i64 {
        match self.sleep {
            Some((start, length)) if self.sleeps(at) => start + length,
            _ => at,
        }
    }

    pub(super) fn sleeps(&self, at: i64) -> bool {
        let sleeps = |(start, length): (i64, i64)| start <= at && at < start + length;
        self.sleep.is_some_and(sleeps)
    }

    pub(super) fn script(&self) -> String {
        let mut script = String::new();
        for (index, values) in self.values.iter().enumerate() {
            let (host, pace) = (HOSTS[index], self.pace(index));
            let words = values.iter().map(|value| match value {
                Some(value) => value.to_string(),
                None => "_".to_owned(),
            });
            let words: Vec<String> = words.collect();
            let _ = writeln!(
                script,
                "series cpu{{host=\"{host}\"}} every {pace}s: {}",
                words.join(" ")
            );
        }
        for (start, end) in &self.failing {
            let _ = writeln!(script, "{start}s queries fail\n{end}s queries work");
        }
        let mut event = |at: i64, text: &str| {
            let _ = writeln!(script, "{at}s {text}");
        };
        self.restarts.iter().for_each(|at| event(*at, "restart"));
        self.reloads.iter().for_each(|at| event(*at, "reload"));
        if let Some((at, length)) = self.sleep {
            event(at, &format!("sleep {length}s"));
        }
        if let Some((at, times)) = self.refused {
            event(at, &format!("fails ops {times}"));
        }
        if let Some(at) = self.killed {
            event(at, "killed sending to ops");
        }
        for (index, (host, start, end)) in self.silences.iter().enumerate() {
            let length = end - start;
            event(
                *start,
                &format!("silence s{index} host=\"{}\" for {length}s", HOSTS[*host]),
            );
        }
        for (host, at) in &self.acknowledged {
            event(*at, &format!("ack host={} by ann", HOSTS[*host]));
        }
        let _ = writeln!(script, "{}s end", self.end());
        script
    }

    /// The longest interval of groups.
    pub(super) fn group_interval(&self) -> i64 {
        let intervals = self.files.iter().map(|rules| rules.group_interval);
        intervals.max().unwrap_or(0)
    }

    /// Whether an alert of the host need not have been sent at the end: it was acknowledged, or a silence
    /// ended so late that its group was not due again.
    pub(super) fn kept_back_at_the_end(&self, host: usize) -> bool {
        let silenced = self.silences.iter().any(|(of, start, end)| {
            *of == host && self.woken(*start) + (end - start) + self.group_interval() >= self.end()
        });
        let mut acknowledged = self.acknowledged.iter();
        silenced || acknowledged.any(|(of, _)| *of == host)
    }

    /// When rules are evaluated: in step, and at once after a start, a reload and a sleep.
    pub(super) fn evaluations(&self) -> BTreeSet<i64> {
        let steps = (0..=self.end()).step_by(STEP as usize);
        let wakes = self.sleep.iter().map(|(at, length)| at + length);
        let at_once = self.restarts.iter().chain(&self.reloads).copied();
        let all = steps.chain(at_once).chain(wakes);
        all.filter(|at| !self.sleeps(*at)).collect()
    }

    /// Whether queries fail then.
    pub(super) fn fails(&self, at: i64) -> bool {
        let fails = |(start, end): &(i64, i64)| *start <= at && at < *end;
        self.failing.iter().any(fails)
    }

    /// What a query answers then, if it is answered.
    pub(super) fn newest(&self, host: usize, at: i64) -> Option<i64> {
        let (_, value) = self.newest_point(host, at, WINDOW)?;
        Some(value)
    }

    /// Time and value of the newest point of so long that a query finds then, if it is answered.
    pub(super) fn newest_point(&self, host: usize, at: i64, length: i64) -> Option<(i64, i64)> {
        if self.fails(at) {
            return None;
        }
        let (values, pace) = (&self.values[host], self.pace(host));
        let within = |step: &i64| step * pace > at - length;
        let mut steps = (0..=at / pace).rev().take_while(within);
        steps.find_map(|step| Some((step * pace, (*values.get(usize::try_from(step).ok()?)?)?)))
    }
}

pub(super) fn pick<T: Copy>(rng: &mut fastrand::Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())]
}

/// Stretches of good, bad, worse and missing values, and a tail in which nothing changes.
fn values(rng: &mut fastrand::Rng, steps: usize, tail: usize) -> Vec<Option<i64>> {
    let mut values = Vec::new();
    while values.len() < steps {
        let some = [50, 50, 75, 85, 95, 95].map(Some);
        let value = pick(rng, &[&some[..], &[None]].concat());
        let length = if rng.u8(..8) == 0 { 30 } else { 10 };
        values.extend(std::iter::repeat_n(value, rng.usize(1..=length)));
    }
    values.truncate(steps);
    let last = pick(rng, &[Some(50), Some(95)]);
    values.extend(std::iter::repeat_n(last, tail));
    values
}

pub(super) fn rules(rng: &mut fastrand::Rng) -> Rules {
    Rules {
        hold: pick(rng, &[0, 0, 10, 20, 60]),
        recover: pick(rng, &[None, None, Some(70)]),
        keep_firing_for: pick(rng, &[0, 0, 0, 30]),
        team: pick(rng, &[None, None, Some(0)]),
        grouping: pick(
            rng,
            &[
                Grouping::ByHost,
                Grouping::ByHost,
                Grouping::ByName,
                Grouping::ByName,
                Grouping::All,
            ],
        ),
        group_wait: pick(rng, &[0, 0, 10, 30]),
        group_interval: pick(rng, &[10, 30, 60, 300]),
        repeat_interval: pick(rng, &[60, 300, 1_800, 14_400]),
        pager: pick(
            rng,
            &[
                Pager::Nothing,
                Pager::Nothing,
                Pager::Critical,
                Pager::Team(0),
            ],
        ),
        ..Rules::default()
    }
}

/// The file after somebody edited it.
fn edited(rng: &mut fastrand::Rng, before: &Rules) -> Rules {
    let mut after = before.clone();
    for _ in 0..rng.usize(1..=2) {
        match rng.u8(..7) {
            0 => after.team = pick(rng, &[None, Some(0), Some(1)]),
            1 => after.leaves_out = pick(rng, &[None, Some(0), Some(1)]),
            2 => {
                after.pager = pick(
                    rng,
                    &[
                        Pager::Nothing,
                        Pager::Critical,
                        Pager::Team(0),
                        Pager::Team(1),
                    ],
                )
            }
            3 => after.grouping = pick(rng, &[Grouping::ByHost, Grouping::ByName, Grouping::All]),
            4 => after.warn = pick(rng, &[80, 88]),
            5 => after.hold = pick(rng, &[0, 20, 60]),
            _ => {
                after.group_wait = pick(rng, &[0, 30]);
                after.group_interval = pick(rng, &[10, 60, 300]);
            }
        }
    }
    after
}

/// The timeline of a seed.
pub(super) fn plan(seed: u64) -> Plan {
    let rng = &mut fastrand::Rng::with_seed(seed);
    let mut plan = Plan {
        files: vec![rules(rng)],
        ..Plan::default()
    };
    let edits = if rng.u8(..3) == 0 {
        rng.usize(1..=3)
    } else {
        0
    };
    for _ in 0..edits {
        let before = plan.files.last().cloned().unwrap_or_default();
        plan.files.push(edited(rng, &before));
    }
    let steps = rng.usize(20..80);
    let holds = plan
        .files
        .iter()
        .map(|rules| rules.hold + rules.keep_firing_for);
    let tail = (2 * plan.group_interval() + holds.max().unwrap_or(0) + 2 * BACKOFF) / STEP;
    let hosts = rng.usize(1..=HOSTS.len());
    for _ in 0..hosts {
        // Points that come less or more often than evaluations, and never with them.
        let pace = pick(rng, &[STEP, STEP, STEP, STEP, 7, 13, 25]);
        let count = |length: i64| (length / pace) as usize;
        let of_host = values(rng, count(steps as i64 * STEP), count(tail * STEP));
        plan.values.push(of_host);
        plan.paces.push(pace);
    }
    disturb(rng, &mut plan, steps as i64 * STEP);
    plan
}

/// Fails, restarts, refuses and silences, within so many seconds.
pub(super) fn disturb(rng: &mut fastrand::Rng, plan: &mut Plan, busy: i64) {
    let (edits, hosts) = (plan.files.len() - 1, plan.values.len());
    // Five seconds after a step, so that what happens at once has one order.
    let time = |rng: &mut fastrand::Rng| rng.i64(0..busy / STEP) * STEP + 5;
    if rng.u8(..4) == 0 {
        let start = time(rng);
        plan.failing.push((start, start + rng.i64(1..30) * STEP));
    }
    if rng.u8(..4) == 0 {
        plan.restarts = (0..rng.usize(1..4)).map(|_| time(rng)).collect();
    }
    let same = usize::from(edits == 0 && rng.u8(..6) == 0);
    plan.reloads = (0..edits + same).map(|_| time(rng)).collect();
    plan.reloads.sort_unstable();
    if rng.u8(..8) == 0 {
        let length = rng.i64(7..40) * STEP;
        // Not at the second of a reload: what that leaves out would be closed, and never evaluated.
        plan.sleep = Some((time(rng) + 1, length));
    }
    // Two at one moment are one: of the file between them nothing is evaluated, and what it leaves out has ended.
    let mut reloads = std::mem::take(&mut plan.reloads);
    reloads.dedup_by_key(|at| plan.woken(*at));
    plan.reloads = reloads;
    if rng.u8(..4) == 0 {
        plan.refused = Some((time(rng), rng.u32(1..8)));
    }
    if rng.u8(..8) == 0 {
        plan.killed = Some(time(rng));
    }
    if rng.u8(..4) == 0 {
        let start = time(rng);
        plan.silences
            .push((rng.usize(..hosts), start, start + rng.i64(1..20) * STEP));
    }
    if rng.u8(..5) == 0 {
        plan.acknowledged.push((rng.usize(..hosts), time(rng)));
    }
}
