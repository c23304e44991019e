//! Turns of requests that are neither writes nor queries, so that none of them takes all threads that may block: those
//! are what writes and queries run on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::error::{ApiError, Code};
use crate::meta::Id;
use crate::query::share::{Place, Shares};

/// Requests without credentials at once (`/metrics`, the state of set-up, signing out): short ones, that anybody may send.
const OPEN: usize = 4;

/// Management requests at once: a page or a provisioner sends some ten.
const MANAGE: usize = 64;

/// Queries of version 1 that run or wait for their turn among all queries.
const VERSION_ONE: usize = 64;

/// Bodies that are decompressed at once: each keeps a core busy.
const DECOMPRESS: usize = 4;

/// How long one waits for its turn: shorter than clients wait for an answer, so that they hear a reason.
const WAIT: Duration = Duration::from_secs(8);

/// Requests of one token that wait for a turn at most: each holds its body.
const WAITING: usize = 1_024;

/// The turns. There are 512 threads (tokio's default), of which these, writes, queries and checks of passwords never take
/// half together.
#[derive(Debug)]
pub struct Places {
    open: Arc<Semaphore>,
    decompress: Arc<Semaphore>,
    manage: Shared,
    version_one: Shared,
}

/// Turns of which a token gets a part.
#[derive(Debug)]
struct Shared {
    turns: Arc<Semaphore>,
    shares: Shares,
}

/// A turn; given back when dropped.
#[derive(Debug)]
pub struct Turn {
    _turn: OwnedSemaphorePermit,
    _share: Option<(OwnedSemaphorePermit, Place)>,
}

impl Default for Places {
    fn default() -> Self {
        let of = |places| Arc::new(Semaphore::new(places));
        Self {
            open: of(OPEN),
            decompress: of(DECOMPRESS),
            manage: Shared::of(MANAGE),
            version_one: Shared::of(VERSION_ONE),
        }
    }
}

impl Places {
    /// Waits for a turn without credentials.
    ///
    /// # Errors
    /// None was free in time.
    pub async fn open(&self) -> Result<Turn, ApiError> {
        alone(&self.open).await
    }

    /// Waits for a turn to decompress a body.
    ///
    /// # Errors
    /// None was free in time.
    pub async fn decompress(&self) -> Result<Turn, ApiError> {
        alone(&self.decompress).await
    }

    /// Waits for a turn to manage, for a token.
    ///
    /// # Errors
    /// None was free in time, or too many of the token's wait.
    pub async fn manage(&self, holder: Id) -> Result<Turn, ApiError> {
        self.manage.turn(holder).await
    }

    /// Waits for a thread for a query of version 1, for a token.
    ///
    /// # Errors
    /// None was free in time, or too many of the token's wait.
    pub async fn version_one(&self, holder: Id) -> Result<Turn, ApiError> {
        self.version_one.turn(holder).await
    }
}

impl Shared {
    fn of(turns: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            shares: Shares::of(turns, WAITING),
        }
    }

    async fn turn(&self, holder: Id) -> Result<Turn, ApiError> {
        let place = self.shares.join(holder).ok_or_else(|| {
            let message = "too many requests of this token at once; try again later";
            ApiError::new(Code::TooManyRequests, message).retry_after(1)
        })?;
        let own = wait(&place.turns).await?;
        Ok(Turn {
            _turn: wait(&self.turns).await?,
            _share: Some((own, place)),
        })
    }
}

async fn alone(turns: &Arc<Semaphore>) -> Result<Turn, ApiError> {
    Ok(Turn {
        _turn: wait(turns).await?,
        _share: None,
    })
}

async fn wait(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    match tokio::time::timeout(WAIT, Arc::clone(turns).acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => {
            let message = "too many requests at once; try again later";
            Err(ApiError::new(Code::Unavailable, message).retry_after(1))
        }
    }
}
