//! Running a query: compiled, given its world and its limits, its end counted and, when slow, logged.

use std::cell::RefCell;

use watchpost_flux::error::{Error, ErrorKind};
use watchpost_flux::program::TableSink;
use watchpost_flux::syntax::{Diagnostic, ast};
use watchpost_flux::{Limits, Outcome, Program, Run};

use crate::api::error::{ApiError, Code, UNAVAILABLE_SECONDS};
use crate::app::App;
use crate::auth::Permissions;
use crate::meta::Id;
use crate::query::effects::HostEffects;
use crate::query::registry::Ticket;
use crate::query::source::StorageSource;

/// Nested calls of functions: as the language's own default.
const RECURSION: usize = 100;

/// What is to be run, and for whom.
#[derive(Debug, Clone)]
pub struct Request {
    /// The organization whose buckets are meant.
    pub org: Id,
    /// What the caller may do.
    pub permissions: Permissions,
    /// The script.
    pub text: String,
    /// Definitions that come before it.
    pub externals: Option<ast::File>,
    /// What `now()` answers, nanoseconds since 1970.
    pub now: i64,
    /// When the task last succeeded, if the script is a task's.
    pub last_success: Option<i64>,
}

/// Runs one request.
pub struct Runner<'a> {
    /// The server.
    pub app: &'a App,
    /// What to run.
    pub request: &'a Request,
    /// The right to run.
    pub ticket: &'a Ticket,
    /// Whether the one who asked has gone.
    pub abandoned: &'a (dyn Fn() -> bool + Sync),
}

impl Runner<'_> {
    /// Runs the script on this thread, handing tables to the sink as they come.
    ///
    /// # Errors
    /// What is wrong with the script, what went wrong in it, or a limit.
    pub fn run(&self, sink: &mut TableSink<'_>) -> Result<Outcome, ApiError> {
        let outcome = self.evaluate(sink);
        let result = match &outcome {
            Ok(_) => "success",
            Err(error) => error.code.parts().0,
        };
        let explain = outcome
            .as_ref()
            .map(|outcome| outcome.explain.join("; "))
            .unwrap_or_default();
        let ended = Ended {
            result,
            org: self.request.org,
            text: &self.request.text,
            explain: &explain,
        };
        ended.record(self.app, self.ticket);
        outcome
    }

    fn evaluate(&self, sink: &mut TableSink<'_>) -> Result<Outcome, ApiError> {
        let request = self.request;
        self.app.memory.check()?;
        let begun = std::time::Instant::now();
        let program = Program::compile(&request.text, request.externals.clone(), request.now)
            .map_err(|diagnostics| ApiError::invalid(Diagnostic::join(&diagnostics)))?;
        let limits = &self.app.limits;
        let check = || self.check();
        let effects = HostEffects {
            app: self.app,
            org: request.org,
            permissions: &request.permissions,
            last_success: request.last_success,
            check: &check,
            unsynced: RefCell::default(),
            begun,
        };
        let run = Run {
            source: &StorageSource::new(self.app, request.org, &request.permissions, &check),
            effects: &effects,
            limits: Limits {
                memory_bytes: limits.max_query_bytes,
                rows: limits.max_query_rows,
                tables: limits.max_query_tables,
                recursion: RECURSION,
            },
            check: &check,
        };
        let outcome = program.run(&run, sink).map_err(query_error);
        let settled = effects.settle();
        let outcome = outcome?;
        settled.map(|()| outcome)
    }

    fn check(&self) -> Result<(), Error> {
        if (self.abandoned)() {
            return Err(Error::new(ErrorKind::Canceled, "the client went away"));
        }
        may_go_on(self.app, self.ticket)
    }
}

/// Whether a query may go on: it was not killed, has time left, and the server has memory left.
///
/// # Errors
/// Why it may not.
pub fn may_go_on(app: &App, ticket: &Ticket) -> Result<(), Error> {
    if let Some(reason) = ticket.must_end() {
        return Err(Error::new(ErrorKind::Canceled, reason));
    }
    // One after the other gives way: the first that ends may be enough.
    match app.memory.check() {
        Err(full) if ticket.is_newest() => Err(Error::exhausted(full.to_string())),
        _ => Ok(()),
    }
}

/// A query that ended, in either language.
#[derive(Debug)]
pub struct Ended<'a> {
    /// `success`, or the code of its error.
    pub result: &'a str,
    /// Whose it was.
    pub org: Id,
    /// Its text.
    pub text: &'a str,
    /// What storage did of it.
    pub explain: &'a str,
}

impl Ended<'_> {
    /// Counts it, and logs it if it was slow.
    pub fn record(&self, app: &App, ticket: &Ticket) {
        let Ended {
            result,
            org,
            text,
            explain,
        } = self;
        app.metrics.queries.with(&[result]).increment();
        let seconds = ticket.elapsed().as_secs_f64();
        app.metrics.query_seconds.observe(seconds);
        if seconds * 1_000.0 > app.limits.slow_query_milliseconds as f64 {
            tracing::warn!(seconds, result, %org, query = %text, explain, "slow query");
        }
    }
}

/// A failed evaluation as an answer.
pub fn query_error(error: Error) -> ApiError {
    let code = match error.kind {
        ErrorKind::Invalid => Code::Invalid,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Forbidden => Code::Forbidden,
        ErrorKind::Exhausted => Code::Unprocessable,
        ErrorKind::Canceled | ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Internal => Code::Internal,
    };
    let answer = ApiError::new(code, error.message);
    match error.kind {
        ErrorKind::Unavailable => answer.retry_after(UNAVAILABLE_SECONDS),
        _ => answer,
    }
}
