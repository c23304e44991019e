//! Commands that compare the file with the server, and those that change the server.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use watchpost_service::config::Interval;
use watchpost_service::shutdown::Shutdown;

use super::{Context, EXIT_DIFFERENT, colour, now, print};
use crate::apply::{self, Progress};
use crate::error::{Error, Result};
use crate::lock::{HELD_FOR, Holder, Lock};
use crate::observe::{Target, observe};
use crate::plan::{self, Action, Change, Desired, Observed, Plan};
use crate::render;
use crate::rotate::{self, Step};

/// `plan`, and `drift`: only what is there and differs from what an apply once made.
pub(super) async fn plan(context: &Context<'_>, drift: bool) -> Result<ExitCode> {
    let desired = context.desired();
    let target = context.target().await?;
    let observed = observe(&target, context.platform).await?;
    let mut plan = plan::plan(&desired, &observed);
    if drift {
        plan.changes.retain(is_drift);
    }
    show(context, &plan);
    Ok(if plan.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_DIFFERENT)
    })
}

/// What was never made, or never ours, is not drift but work that is still to be done.
pub(super) fn is_drift(change: &Change) -> bool {
    let adopted = change
        .differences
        .iter()
        .any(|it| it.field == plan::MANAGED);
    !matches!(change.action, Action::Create) && !adopted
}

pub(super) async fn apply(context: &Context<'_>, yes: bool) -> Result<ExitCode> {
    let desired = context.desired();
    let target = context.target().await?;
    let work = async {
        let observed = observe(&target, context.platform).await?;
        let plan = plan::plan(&desired, &observed);
        carry_out(context, &target, &desired, &observed, &plan, yes).await
    };
    alone(context, &target, HELD_FOR, work).await
}

/// Marks what the file names and the server has as ours; everything else stays as it is.
pub(super) async fn import(context: &Context<'_>) -> Result<ExitCode> {
    let desired = context.desired();
    let target = context.target().await?;
    let work = async {
        let observed = observe(&target, context.platform).await?;
        let plan = plan::plan(&desired, &observed).only_adoptions(&context.platform.label);
        carry_out(context, &target, &desired, &observed, &plan, true).await
    };
    alone(context, &target, HELD_FOR, work).await
}

pub(super) async fn destroy(context: &Context<'_>, yes: bool, with_data: bool) -> Result<ExitCode> {
    let target = context.target().await?;
    let work = async {
        let observed = observe(&target, context.platform).await?;
        let plan = plan::teardown(&context.platform.label, &observed, with_data);
        let desired = Desired {
            platform: context.platform,
            tasks: Vec::new(),
            checks: Vec::new(),
        };
        carry_out(context, &target, &desired, &observed, &plan, yes).await
    };
    alone(context, &target, HELD_FOR, work).await
}

pub(super) async fn rotate(context: &Context<'_>, name: &str, wait: Interval) -> Result<ExitCode> {
    let target = context.target().await?;
    let work = async {
        let observed = observe(&target, context.platform).await?;
        let told = |step| {
            if context.json() {
                return;
            }
            print(match step {
                Step::Written => {
                    "  the new secret is in its file; waiting for its users to read it\n"
                }
                Step::Waited => "  the waiting time is over\n",
                Step::Retired => "  the old token is retired\n",
            });
        };
        let pause = || tokio::time::sleep(wait.get());
        rotate::rotate(&target, context.platform, &observed, name, pause, told).await?;
        if context.json() {
            print(&format!("{}\n", serde_json::json!({ "rotated": name })));
        }
        Ok(ExitCode::SUCCESS)
    };
    alone(context, &target, wait.get() + HELD_FOR, work).await
}

/// Does the work while nobody else changes this server. Who interrupts it does not leave the lock
/// behind; the steps that are done stay, and the next run does the rest.
async fn alone(
    context: &Context<'_>,
    target: &Target,
    length: Duration,
    work: impl Future<Output = Result<ExitCode>>,
) -> Result<ExitCode> {
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals().ok();
    let label = &context.platform.label;
    let lock = Lock::take(target, label, &Holder::current(), now(), length).await?;
    let outcome = shutdown.unless_requested(work).await;
    lock.release(target).await;
    outcome.unwrap_or(Err(Error::Interrupted))
}

async fn carry_out(
    context: &Context<'_>,
    target: &Target,
    desired: &Desired<'_>,
    observed: &Observed,
    plan: &Plan,
    yes: bool,
) -> Result<ExitCode> {
    if !context.json() {
        show(context, plan);
    }
    if !plan.is_empty() {
        if !yes && !confirmed()? {
            print("Nothing was changed.\n");
            return Ok(ExitCode::FAILURE);
        }
        let mut lines = Lines::new(context.json());
        apply::apply(target, desired, observed, plan, &mut lines).await?;
    }
    if context.json() {
        show(context, plan);
    } else if !plan.is_empty() {
        print("Done.\n");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn show(context: &Context<'_>, plan: &Plan) {
    if context.json() {
        print(&format!("{:#}\n", render::json(plan)));
    } else {
        print(&render::human(plan, colour()));
    }
}

/// Asks a person; where there is none, `--yes` must say it.
pub(super) fn confirmed() -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Error::Request(
            "no terminal to ask on; pass --yes to change the server".into(),
        ));
    }
    print("Make these changes? [y/N] ");
    std::io::stdout().flush().ok();
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).ok();
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A line per resource.
pub(super) struct Lines {
    quiet: bool,
    begun: Instant,
}

impl Lines {
    /// None where a script reads.
    pub(super) fn new(quiet: bool) -> Lines {
        Lines {
            quiet,
            begun: Instant::now(),
        }
    }
}

impl Progress for Lines {
    fn begin(&mut self, change: &Change) {
        self.begun = Instant::now();
        if !self.quiet {
            print(&format!("{} ...", render::headline(change, colour())));
            std::io::stdout().flush().ok();
        }
    }

    fn done(&mut self, _change: &Change) {
        if !self.quiet {
            print(&format!(
                " done ({} ms)\n",
                self.begun.elapsed().as_millis()
            ));
        }
    }
}
