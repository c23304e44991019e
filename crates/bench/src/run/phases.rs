//! The phases of a load: writes, queries and alert rules side by side, then the rewrites. For the
//! kind `query` the data is written first and not measured.

use std::sync::Arc;
use std::time::Duration;

use watchpost_service::shutdown::Shutdown;

use super::{fault, saturate};
use crate::data::{Dataset, Ledger};
use crate::load::{self, Ended, Pass, Plan, QueryJob, Recorder, WriteJob};
use crate::progress::Progress;
use crate::query::Mix;
use crate::report::{Load, Run};
use crate::scenario::{Kind, Model, Reads, Scenario};
use crate::target::Target;
use crate::verify::Sent;

/// Everything the phases share.
pub(super) struct Phases {
    pub(super) scenario: Scenario,
    pub(super) target: Arc<Target>,
    pub(super) dataset: Arc<Dataset>,
    sent: Sent,
}

/// A load that runs beside others.
struct Side {
    name: &'static str,
    plan: Plan,
    recorder: Arc<Recorder>,
}

impl Phases {
    /// Lays the data out: up to `now` for a load of so many points, from `now` on for one that
    /// lasts so long.
    pub(super) fn new(scenario: &Scenario, target: &Arc<Target>, now: i64) -> Self {
        let lines = scenario.lines();
        let batch_size = scenario.write.batch_size;
        let shape = &scenario.data;
        let make = |start| Dataset::new(shape, scenario.seed, lines, batch_size, start);
        let interval = make(0).interval();
        let aligned = now - now.rem_euclid(interval.max(1_000_000_000));
        let intervals = lines.div_ceil(shape.hosts.max(1));
        let back = i64::try_from(intervals)
            .unwrap_or(i64::MAX)
            .saturating_mul(interval);
        // What would reach back before 1970 is laid out from there.
        let start = if scenario.kind == Kind::Fleet {
            aligned
        } else {
            aligned.saturating_sub(back).max(0)
        };
        let dataset = make(start).labelled(target.run_label());
        let batches = dataset.batches();
        Self {
            scenario: scenario.clone(),
            target: Arc::clone(target),
            dataset: Arc::new(dataset),
            sent: Sent {
                first: Arc::new(Ledger::new(batches)),
                rewrite: Arc::new(Ledger::new(batches)),
            },
        }
    }

    pub(super) fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    pub(super) fn sent(&self) -> &Sent {
        &self.sent
    }

    /// Loads the server and enters what came of it into the run.
    pub(super) async fn load(&mut self, stop: &Shutdown, run: &mut Run) -> Ended {
        match self.scenario.kind {
            Kind::Saturate => saturate::search(self, stop, run).await,
            Kind::Query => {
                let quiet = Recorder::new(Vec::new());
                let written = self
                    .write(&self.write_plan(None), &Arc::new(quiet), stop)
                    .await;
                if written != Ended::Complete {
                    return written;
                }
                self.side_by_side(false, stop, run).await
            }
            _ => self.side_by_side(true, stop, run).await,
        }
    }

    /// Writes, queries and alert rules at once; faults meanwhile.
    async fn side_by_side(&mut self, writing: bool, stop: &Shutdown, run: &mut Run) -> Ended {
        let together = stop.child();
        let reading = self.readers(&together);
        let mut ended = Ended::Complete;
        if writing {
            let recorder = Arc::new(Recorder::new(Vec::new()));
            let plan = self.write_plan(self.scenario.duration.map(|duration| duration.get()));
            let faults = fault::start(self, &recorder, &together);
            ended = self.write(&plan, &recorder, &together).await;
            if ended == Ended::Complete && self.scenario.data.rewritten > 0.0 {
                ended = self.rewrite(&plan, &together, run).await;
            }
            if let Some(faults) = faults {
                match faults.finish(&recorder, &together).await {
                    Ok(outage) => run.outage = Some(outage),
                    Err(error) => run.problems.push(error.to_string()),
                }
            }
            run.loads.insert("write".into(), finished(&plan, &recorder));
            if matches!(ended, Ended::Failed(_)) {
                together.request();
            }
        }
        for (side, task) in reading {
            match task.await {
                Ok(failed @ Ended::Failed(_)) => ended = failed,
                Ok(_) => {}
                Err(panic) => run.problems.push(panic.to_string()),
            }
            run.loads
                .insert(side.name.to_owned(), finished(&side.plan, &side.recorder));
        }
        match ended {
            Ended::Complete if stop.is_requested() => Ended::Interrupted,
            ended => ended,
        }
    }

    /// Writes the first pass of a plan.
    pub(super) async fn write(
        &self,
        plan: &Plan,
        recorder: &Arc<Recorder>,
        stop: &Shutdown,
    ) -> Ended {
        let _progress = Progress::follow(self.title("write"), plan, recorder);
        load::run(&self.job(Pass::First), plan, recorder, stop).await
    }

    /// Sends the lines again that are rewritten, once all of them were acknowledged: fewer of them
    /// in a request, as fast as the server takes them.
    async fn rewrite(&self, plan: &Plan, stop: &Shutdown, run: &mut Run) -> Ended {
        let plan = Plan {
            first: 0,
            count: self.sent.first.end(),
            rate: None,
            duration: None,
            warmup: Duration::ZERO,
            ..plan.clone()
        };
        let recorder = Arc::new(Recorder::new(Vec::new()));
        let _progress = Progress::follow(self.title("rewrite"), &plan, &recorder);
        let ended = load::run(&self.job(Pass::Rewrite), &plan, &recorder, stop).await;
        run.loads
            .insert("rewrite".into(), finished(&plan, &recorder));
        ended
    }

    fn job(&self, pass: Pass) -> Arc<WriteJob> {
        let ledger = match pass {
            Pass::First => &self.sent.first,
            Pass::Rewrite => &self.sent.rewrite,
        };
        Arc::new(WriteJob {
            target: Arc::clone(&self.target),
            dataset: Arc::clone(&self.dataset),
            ledger: Arc::clone(ledger),
            pass,
        })
    }

    /// How the scenario writes, for at most `duration`.
    pub(super) fn write_plan(&self, duration: Option<Duration>) -> Plan {
        let write = &self.scenario.write;
        let preload = self.scenario.kind == Kind::Query;
        Plan {
            connections: write.connections,
            first: 0,
            count: self.dataset.batches(),
            rate: self
                .scenario
                .write_rate()
                .filter(|_| !preload)
                .map(|points| points / write.batch_size as f64),
            duration,
            warmup: if preload {
                Duration::ZERO
            } else {
                self.scenario.warmup.get()
            },
            retry_for: write.retry_for.get(),
        }
    }

    /// Starts the queries and the alert rules.
    fn readers(&self, stop: &Shutdown) -> Vec<(Side, tokio::task::JoinHandle<Ended>)> {
        let sections = [
            ("query", &self.scenario.query),
            ("alerts", &self.scenario.alerts),
        ];
        let mut started = Vec::new();
        for (name, reads) in sections {
            let Some(reads) = reads.as_ref().filter(|_| self.target.victoria().is_none()) else {
                continue;
            };
            let mix = Mix::new(reads, self.scenario.seed);
            let recorder = Arc::new(Recorder::new(mix.names()));
            let plan = self.read_plan(reads);
            let job = Arc::new(QueryJob {
                target: Arc::clone(&self.target),
                dataset: Arc::clone(&self.dataset),
                ledger: Arc::clone(&self.sent.first),
                mix,
            });
            // With a write beside it, that one shows the progress.
            let shows = self.scenario.kind == Kind::Query;
            let title = self.title(name);
            let task = tokio::spawn({
                let (plan, recorder, stop) = (plan.clone(), Arc::clone(&recorder), stop.clone());
                async move {
                    let _progress = shows.then(|| Progress::follow(title, &plan, &recorder));
                    load::run(&job, &plan, &recorder, &stop).await
                }
            });
            let side = Side {
                name,
                plan,
                recorder,
            };
            started.push((side, task));
        }
        started
    }

    fn read_plan(&self, reads: &Reads) -> Plan {
        let duration = self.scenario.duration.map(|duration| duration.get());
        let rate = (reads.model == Model::Open).then_some(reads.rate).flatten();
        let by_rate = duration
            .zip(rate)
            .map(|(duration, rate)| (duration.as_secs_f64() * rate).ceil() as u64);
        Plan {
            connections: reads.connections,
            first: 0,
            count: reads.count.or(by_rate).unwrap_or(u64::MAX),
            rate,
            duration,
            warmup: self.scenario.warmup.get(),
            retry_for: self.scenario.write.retry_for.get(),
        }
    }

    pub(super) fn title(&self, what: &str) -> String {
        format!(
            "{} {} on {}",
            self.scenario.name,
            what,
            self.target.description().name
        )
    }
}

/// What a load came to.
pub(super) fn finished(plan: &Plan, recorder: &Recorder) -> Load {
    Load {
        offered: plan.rate,
        connections: plan.connections,
        summary: recorder.summary(),
    }
}
