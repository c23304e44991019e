//! What types cannot say of a scenario: ranges, and what each kind needs. Every problem is told.

use watchpost_core::line_protocol::Precision;

use super::{Kind, Model, Reads, Scenario};
use crate::{Error, Result, query};

/// Bytes of memory that the states of all batches may take, one byte each.
const BATCH_LIMIT: u64 = 64 * 1024 * 1024;

/// Connections beyond which a client measures its own scheduler.
const CONNECTION_LIMIT: usize = 1_024;

impl Scenario {
    /// Refuses a scenario that cannot run, with every problem.
    pub fn require_valid(&self) -> Result<()> {
        let problems = self.problems();
        if problems.is_empty() {
            return Ok(());
        }
        let name = self.name.clone();
        Err(Error::Scenario { name, problems })
    }

    /// Every problem, as `key: what is wrong`; none for a scenario that can run.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self
            .duration
            .is_some_and(|duration| duration <= self.warmup)
        {
            found.push("warmup: must be shorter than duration, or nothing is measured".into());
        }
        self.check_data(&mut found);
        self.check_write(&mut found);
        for (section, reads) in [("query", &self.query), ("alerts", &self.alerts)] {
            if let Some(reads) = reads {
                self.check_reads(section, reads, &mut found);
            }
        }
        self.check_kind(&mut found);
        found
    }

    fn check_data(&self, found: &mut Vec<String>) {
        let data = &self.data;
        let mut require = |holds: bool, text: &str| {
            if !holds {
                found.push(text.to_owned());
            }
        };
        require(data.hosts > 0, "data.hosts: must be at least 1");
        require(
            (1..=1_000).contains(&data.fields),
            "data.fields: must be from 1 to 1000",
        );
        require(
            data.hosts.saturating_mul(data.fields) <= 100_000_000,
            "data.hosts: hosts × fields must be at most 100000000 series",
        );
        for (key, share) in [
            ("out_of_order", data.out_of_order),
            ("rewritten", data.rewritten),
        ] {
            require(
                (0.0..=1.0).contains(&share),
                &format!("data.{key}: must be from 0 to 1"),
            );
        }
        let interval = data.interval.get().as_nanos();
        let unit = u128::try_from(Precision::from(data.precision).nanoseconds()).unwrap_or(1);
        require(
            interval > 0 && interval.is_multiple_of(unit),
            "data.interval: must be a multiple of data.precision, or times would be rounded",
        );
    }

    fn check_write(&self, found: &mut Vec<String>) {
        let write = &self.write;
        if write.batch_size == 0 {
            found.push("write.batch_size: must be at least 1".into());
        } else if self.lines().div_ceil(write.batch_size) > BATCH_LIMIT {
            found.push(format!(
                "write: more than {BATCH_LIMIT} batches; raise batch_size, or lower points, rate or duration"
            ));
        }
        check_connections("write", write.connections, found);
        let paced = matches!(self.kind, Kind::Fleet | Kind::Saturate);
        match (write.model, write.rate) {
            (_, Some(_)) if paced => found.push(
                "write.rate: follows from data.hosts and data.interval, or from [saturate]; leave it out"
                    .into(),
            ),
            _ if paced => {}
            (Model::Open, rate) if rate.is_none_or(|rate| rate <= 0.0) => {
                found.push("write.rate: the open model needs points a second above zero".into());
            }
            (Model::Closed, Some(_)) => found.push(
                "write.rate: has no meaning in the closed model; set model = \"open\"".into(),
            ),
            _ => {}
        }
        if !paced && write.points.is_none() && self.duration.is_none() {
            found.push("write.points: give a number of points, or a duration".into());
        }
    }

    fn check_reads(&self, section: &str, reads: &Reads, found: &mut Vec<String>) {
        check_connections(section, reads.connections, found);
        if reads.model == Model::Open && reads.rate.is_none_or(|rate| rate <= 0.0) {
            found.push(format!(
                "{section}.rate: the open model needs queries a second above zero"
            ));
        }
        if reads.count.is_none() && self.duration.is_none() {
            found.push(format!(
                "{section}.count: give a number of queries, or a duration"
            ));
        }
        if reads.range.get().is_zero() {
            found.push(format!("{section}.range: must be longer than zero"));
        }
        if reads.mix.values().sum::<u64>() == 0 {
            found.push(format!(
                "{section}.mix: needs a shape with a weight above zero"
            ));
        }
        for name in reads.mix.keys() {
            if query::shape(name).is_none() {
                let known: Vec<&str> = query::shapes().iter().map(|shape| shape.name).collect();
                found.push(format!(
                    "{section}.mix.{name}: no such shape; there are {}",
                    known.join(", ")
                ));
            }
        }
    }

    fn check_kind(&self, found: &mut Vec<String>) {
        let mut need = |holds: bool, text: &str| {
            if !holds {
                found.push(text.to_owned());
            }
        };
        match self.kind {
            Kind::Query => need(self.query.is_some(), "query: this kind needs the section"),
            Kind::Mixed => need(
                self.query.is_some() || self.alerts.is_some(),
                "query: this kind needs [query] or [alerts]",
            ),
            Kind::Churn => need(
                self.data.lifetime.is_some(),
                "data.lifetime: this kind needs it",
            ),
            Kind::Fleet | Kind::Soak => {
                need(self.duration.is_some(), "duration: this kind needs it");
            }
            Kind::Saturate => match &self.saturate {
                None => need(false, "saturate: this kind needs the section"),
                Some(steps) => need(
                    steps.factor > 1.0
                        && steps.first_rate > 0.0
                        && steps.highest_rate >= steps.first_rate
                        && !steps.step.get().is_zero(),
                    "saturate: factor must be above 1, rates above 0, highest_rate not below first_rate, step above 0s",
                ),
            },
            Kind::Outage | Kind::Kill => {
                need(self.fault.is_some(), "fault: this kind needs the section");
                need(self.duration.is_some(), "duration: this kind needs it");
            }
            Kind::Write | Kind::Concurrent => {}
        }
    }
}

fn check_connections(section: &str, connections: usize, found: &mut Vec<String>) {
    if !(1..=CONNECTION_LIMIT).contains(&connections) {
        found.push(format!(
            "{section}.connections: must be from 1 to {CONNECTION_LIMIT}"
        ));
    }
}
