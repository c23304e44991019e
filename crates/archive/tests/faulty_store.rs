//! An object store in memory that fails on purpose: before an operation, after it (the answer got lost), or by damaging
//! what it keeps.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use watchpost_archive::vault::{Limiter, Vault};

/// A store that may be told to fail.
#[derive(Clone)]
pub(crate) struct FaultyStore {
    pub(crate) kept: Arc<InMemory>,
    plan: Arc<Mutex<Plan>>,
}

/// When it fails.
#[derive(Default)]
pub(crate) struct Plan {
    /// Random failures: of a thousand operations so many before, so many after.
    pub(crate) before: u32,
    pub(crate) after: u32,
    random: fastrand::Rng,
    /// Everything fails: no network, no credentials, no bucket.
    pub(crate) away: bool,
    /// Removal is forbidden: object lock.
    pub(crate) locked: bool,
    /// Puts fail: it is full, or the key may only read.
    pub(crate) full: bool,
}

impl FaultyStore {
    pub(crate) fn new(seed: u64) -> Self {
        let plan = Plan {
            random: fastrand::Rng::with_seed(seed),
            ..Plan::default()
        };
        Self {
            kept: Arc::new(InMemory::new()),
            plan: Arc::new(Mutex::new(plan)),
        }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.plan.lock().expect("no panic"));
    }

    pub(crate) fn vault(&self) -> Vault {
        let store = Arc::new(self.clone());
        Vault::new(
            store,
            Path::from("site/a"),
            "s3://test/site/a",
            Limiter::new(0),
        )
    }

    fn ask(&self, of: impl Fn(&mut Plan) -> bool, message: &'static str) -> Result<()> {
        let mut plan = self.plan.lock().expect("no panic");
        match plan.away || of(&mut plan) {
            true => Err(object_store::Error::Generic {
                store: "faulty",
                source: message.into(),
            }),
            false => Ok(()),
        }
    }

    fn before(&self) -> Result<()> {
        self.ask(
            |plan| plan.random.u32(..1_000) < plan.before,
            "503 Slow Down",
        )
    }

    fn after(&self) -> Result<()> {
        self.ask(
            |plan| plan.random.u32(..1_000) < plan.after,
            "connection reset",
        )
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyStore")
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyStore")
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        path: &Path,
        bytes: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.before()?;
        self.ask(|plan| plan.full, "507 Insufficient Storage")?;
        let put = self.kept.put_opts(path, bytes, options).await?;
        self.after()?;
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.before()?;
        self.kept.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.before()?;
        self.kept.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let removed = paths.then(move |path| {
            let store = store.clone();
            async move {
                let path = path?;
                store.before()?;
                store.ask(|plan| plan.locked, "403 AccessDenied: object lock")?;
                store.kept.delete(&path).await?;
                Ok(path)
            }
        });
        removed.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.before() {
            Ok(()) => self.kept.list(prefix),
            Err(error) => futures_util::stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.before()?;
        self.kept.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.kept.copy_opts(from, to, options).await
    }
}
