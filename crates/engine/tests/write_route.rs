//! What holds for any bytes sent to the write route: the bounded run in `fuzz.rs` sends them.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;
use watchpost_engine::api::router;
use watchpost_engine::api::setup::{self, Setup};
use watchpost_engine::app::{App, Settings};
use watchpost_engine::clock::ManualClock;
use watchpost_engine::limits::Limits;
use watchpost_service::egress::Egress;
use watchpost_storage::disk::{Disk, Faults, Operation, Verdict};

const TOKEN: &str = "fuzz-token";

/// Precisions, one of them unknown.
const PRECISIONS: [&str; 5] = ["ns", "us", "ms", "s", "h"];

/// Syncs are pretended: an input a millisecond would wait for the disk alone.
struct NoSync;

impl Faults for NoSync {
    fn judge(&self, operation: Operation<'_>, _: &Path) -> Verdict {
        match operation {
            Operation::Sync | Operation::SyncFolder => Verdict::Pretend,
            _ => Verdict::Proceed,
        }
    }
}

/// A server without a port.
pub(crate) struct WriteRoute {
    runtime: Runtime,
    app: Arc<App>,
    router: Router,
    _folder: tempfile::TempDir,
}

impl WriteRoute {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            data_dir: folder.path().to_owned(),
            limits: Limits {
                max_body_bytes: 1 << 20,
                max_line_bytes: 1 << 12,
                max_series_per_bucket: 1_000,
                ..Limits::default()
            },
            catch_up: false,
            disk: Disk::with_faults(Arc::new(NoSync)),
            egress: Egress::default(),
            is_https: false,
        };
        let clock = Arc::new(ManualClock::at(1_700_000_000_000_000_000));
        let app = Arc::new(App::open(&settings, clock).expect("opens"));
        let wanted = Setup {
            username: "admin".to_owned(),
            password: String::new(),
            org: "o".to_owned(),
            bucket: "b".to_owned(),
            retention_seconds: 0,
            token: Some(TOKEN.to_owned()),
        };
        setup::perform(&app, &wanted).expect("sets up");
        Self {
            runtime: Runtime::new().expect("a runtime"),
            router: router(Arc::clone(&app)),
            app,
            _folder: folder,
        }
    }

    fn rows(&self) -> u64 {
        let stats = self.app.storage.stats();
        stats.buckets.iter().map(|bucket| bucket.rows).sum()
    }

    /// The body is stored whole (204), in part (422), or not at all (another 4xx), and what is not stored is told in
    /// InfluxDB's form. The first byte chooses precision and compression.
    pub(crate) fn check(&self, input: &[u8]) {
        let Some((choice, body)) = input.split_first() else {
            return;
        };
        let precision = PRECISIONS[usize::from(choice & 0x0f) % PRECISIONS.len()];
        let mut request = Request::post(format!(
            "/api/v2/write?org=o&bucket=b&precision={precision}"
        ))
        .header("Authorization", format!("Token {TOKEN}"));
        if choice & 0x80 != 0 {
            request = request.header("Content-Encoding", "gzip");
        }
        let request = request.body(Body::from(body.to_vec())).expect("a request");
        let before = self.rows();
        let (status, answer) = self.runtime.block_on(async {
            let answer = self.router.clone().oneshot(request).await.expect("answers");
            let status = answer.status();
            let body = answer.into_body().collect().await.expect("a body");
            (status, body.to_bytes())
        });
        match status {
            StatusCode::NO_CONTENT => assert!(answer.is_empty()),
            _ => {
                assert!(status.is_client_error(), "{status}: {answer:?}");
                let error: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
                assert!(
                    error["code"].is_string() && error["message"].is_string(),
                    "{error}"
                );
                let is_partial = status == StatusCode::UNPROCESSABLE_ENTITY;
                assert!(
                    is_partial || self.rows() == before,
                    "refused, yet stored: {error}"
                );
            }
        }
    }
}
