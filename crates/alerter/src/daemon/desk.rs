//! How other tasks ask the loop: a closure is run between two of its steps.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::alert::Nanos;
use crate::alerting::Alerting;
use crate::config::RulesConfig;
use crate::rule_file::RuleFile;

/// What the loop runs; what it gives back is run once the change is durable.
pub(super) type Request =
    Box<dyn FnOnce(&mut Alerting, &FileState, Nanos) -> Box<dyn FnOnce() + Send> + Send>;

/// The loop has ended, or is so far behind that its queue is full.
#[derive(Debug, thiserror::Error)]
#[error("the alerter is stopping or too busy to answer")]
pub struct DeskClosed;

/// The rule file in force, and what became of the last try to read it.
#[derive(Clone, Debug)]
pub struct FileState {
    pub files: RulesConfig,
    pub loaded_at: Nanos,
    /// Why the newest content is not in force.
    pub error: Option<String>,
    pub tried_at: Nanos,
    /// What is in force.
    pub content: Arc<RuleFile>,
}

impl FileState {
    pub(super) fn new(files: RulesConfig, content: RuleFile, now: Nanos) -> FileState {
        FileState {
            files,
            loaded_at: now,
            error: None,
            tried_at: now,
            content: Arc::new(content),
        }
    }

    pub(super) fn loaded(&mut self, content: RuleFile, now: Nanos) {
        self.content = Arc::new(content);
        self.loaded_at = now;
        self.tried_at = now;
        self.error = None;
    }

    pub(super) fn refused(&mut self, error: String, now: Nanos) {
        self.error = Some(error);
        self.tried_at = now;
    }
}

/// A handle to the loop.
#[derive(Clone)]
pub struct Desk(mpsc::Sender<Request>);

impl Desk {
    pub(super) fn new(queue: usize) -> (Desk, mpsc::Receiver<Request>) {
        let (sender, receiver) = mpsc::channel(queue);
        (Desk(sender), receiver)
    }

    /// Runs the closure in the loop. What it changed is durable when this returns.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Alerting, &FileState, Nanos) -> T + Send + 'static,
    ) -> Result<T, DeskClosed> {
        let (reply, answer) = oneshot::channel();
        let request: Request = Box::new(move |alerting, file, now| {
            let result = question(alerting, file, now);
            Box::new(move || drop(reply.send(result)))
        });
        self.0.try_send(request).map_err(|_| DeskClosed)?;
        answer.await.map_err(|_| DeskClosed)
    }
}
