//! Carries a plan out, step by step, each of which can be done again.
//!
//! Nothing is remembered between runs: a run that failed half-way is finished by the next one, whose
//! plan holds just what is left.

mod resource;
mod token;

use std::collections::BTreeMap;

use watchpost_client::management::Labelled;

use crate::error::{Doing, Error, Result};
use crate::observe::Target;
use crate::plan::{Action, Change, Desired, Kind, MANAGED, Observed, Plan};

pub(crate) use self::token::create as create_token;

/// Told before and after each step.
pub trait Progress {
    /// A step begins.
    fn begin(&mut self, change: &Change);
    /// It is done.
    fn done(&mut self, change: &Change);
}

/// Does every step of the plan, in its order.
///
/// # Errors
/// The first step that fails, with what it was; those before it are done.
pub async fn apply(
    target: &Target,
    desired: &Desired<'_>,
    observed: &Observed,
    plan: &Plan,
    progress: &mut dyn Progress,
) -> Result<()> {
    let buckets = observed
        .buckets
        .iter()
        .map(|it| (it.name.clone(), it.id.clone()))
        .collect();
    let mark = observed
        .labels
        .iter()
        .find(|it| it.name == desired.platform.label)
        .map(|it| it.id.clone());
    let mut run = Run {
        target,
        desired,
        buckets,
        mark,
    };
    for change in &plan.changes {
        progress.begin(change);
        run.step(change).await?;
        progress.done(change);
    }
    Ok(())
}

struct Run<'a> {
    target: &'a Target,
    desired: &'a Desired<'a>,
    /// Ids by name, those made in this run included.
    buckets: BTreeMap<String, String>,
    /// Id of our label.
    mark: Option<String>,
}

impl Run<'_> {
    async fn step(&mut self, change: &Change) -> Result<()> {
        if let (Some(id), Some(kind)) = (existing(change), only_adopted(change)) {
            return self.mark(kind, id, &change.name).await;
        }
        match (&change.action, change.kind) {
            (Action::Delete { id }, kind) => self.delete(kind, &change.name, id).await,
            (_, Kind::Label) => self.label(change).await,
            (_, Kind::Bucket) => self.bucket(change).await,
            (_, Kind::Dbrp) => self.dbrp(change).await,
            (_, Kind::Task) => self.task(change).await,
            (_, Kind::Check) => self.check(change).await,
            (_, Kind::Token) => self.token(change).await,
        }
    }

    async fn delete(&self, kind: Kind, name: &str, id: &str) -> Result<()> {
        let client = &self.target.client;
        let result = match kind {
            Kind::Label => client.delete_label(id).await,
            Kind::Bucket => client.delete_bucket(id).await,
            Kind::Dbrp => client.delete_dbrp(&self.target.org.id, id).await,
            Kind::Task => client.delete_task(id).await,
            Kind::Check => client.delete_check(id).await,
            Kind::Token => client.delete_authorization(id).await,
        };
        match result {
            // Somebody was faster; it is gone, as wanted.
            Err(error) if error.is_not_found() => Ok(()),
            other => other.doing(|| format!("deleting the {} {name:?}", kind.name())),
        }
    }

    /// Puts our label on a resource; a second time changes nothing.
    async fn mark(&self, kind: Labelled, id: &str, name: &str) -> Result<()> {
        let Some(mark) = &self.mark else {
            return Err(Error::Request(format!(
                "the label {:?} is not on the server",
                self.desired.platform.label
            )));
        };
        let labels = self
            .target
            .client
            .labels_of(kind, id)
            .await
            .doing(|| format!("reading the labels of {name:?}"))?;
        if labels.iter().any(|it| &it.id == mark) {
            return Ok(());
        }
        self.target
            .client
            .add_label(kind, id, mark)
            .await
            .doing(|| format!("marking {name:?} as ours"))
    }

    fn bucket_id(&self, name: &str) -> Result<String> {
        let found = self.buckets.get(name).cloned();
        found.ok_or_else(|| Error::Request(format!("the server has no bucket {name:?}")))
    }
}

/// What bears labels and differs in nothing but that it does not bear ours yet: it is marked, and
/// otherwise left as it is.
fn only_adopted(change: &Change) -> Option<Labelled> {
    let kind = match change.kind {
        Kind::Bucket => Labelled::Bucket,
        Kind::Task => Labelled::Task,
        Kind::Check => Labelled::Check,
        Kind::Label | Kind::Dbrp | Kind::Token => return None,
    };
    let adopted = change.differences.iter().all(|it| it.field == MANAGED);
    (adopted && !change.differences.is_empty()).then_some(kind)
}

/// The id of what a step changes or replaces.
fn existing(change: &Change) -> Option<&str> {
    match &change.action {
        Action::Update { id } | Action::Replace { id } | Action::Delete { id } => Some(id),
        Action::Create => None,
    }
}

/// The entry of the file that a step is about.
fn named<'a, T>(all: &'a [T], name: &str, name_of: impl Fn(&T) -> &str) -> Result<(usize, &'a T)> {
    let found = all.iter().enumerate().find(|(_, it)| name_of(it) == name);
    found.ok_or_else(|| Error::Request(format!("the file has no entry {name:?}")))
}
