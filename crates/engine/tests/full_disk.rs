//! A full disk as clients see it: writes are refused with a reason, reads go on, and writing resumes when there is room.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use watchpost_engine::app::Settings;
use watchpost_engine::clock::SystemClock;
use watchpost_storage::disk::{Disk, Faults, Operation, Verdict};

use crate::running::{Running, settings};

/// Full or not, as the test says.
#[derive(Default)]
struct Fullness(AtomicBool);

impl Faults for Fullness {
    fn judge(&self, operation: Operation<'_>, _: &Path) -> Verdict {
        let takes_room = matches!(
            operation,
            Operation::Write(_) | Operation::CreateFile | Operation::CreateFolder
        );
        if takes_room && self.0.load(Ordering::SeqCst) {
            let error = io::Error::from(io::ErrorKind::StorageFull);
            return Verdict::Fail { written: 0, error };
        }
        Verdict::Proceed
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_refused_reads_go_on_and_writing_resumes() {
    let folder = tempfile::tempdir().expect("a folder");
    let fullness = Arc::new(Fullness::default());
    let settings = Settings {
        disk: Disk::with_faults(fullness.clone()),
        ..settings(&folder)
    };
    let server = Running::start(folder, settings, Arc::new(SystemClock)).await;
    server.perform_setup().await;
    assert_eq!(server.write("m v=1").await.0, 204);
    fullness.0.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let request = server
            .request("POST", "/api/v2/write?org=myorg&bucket=bench")
            .body("m v=2");
        let answer = request.send().await.expect("answers");
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "60");
        let text = answer.text().await.expect("a text");
        assert!(text.contains("the disk is full"), "{text}");
    }
    let count =
        "from(bucket: \"bench\") |> range(start: -1h) |> count() |> keep(columns: [\"_value\"])";
    let (status, text) = server.query(count).await;
    assert!(status == 200 && text.contains(",1\r\n"), "{status} {text}");
    let (status, text) = server.query(&to_query()).await;
    assert!(
        status == 503 && text.contains("disk is full"),
        "{status} {text}"
    );
    fullness.0.store(false, Ordering::SeqCst);
    assert_eq!(server.write("m v=3").await.0, 204);
    let (status, text) = server.query(count).await;
    assert!(status == 200 && text.contains(",2\r\n"), "{status} {text}");
}

/// A query that writes.
fn to_query() -> String {
    "import \"array\"\narray.from(rows: [{_time: now(), _measurement: \"w\", _field: \"v\", _value: 1.0}]) \
     |> to(bucket: \"bench\")"
        .to_owned()
}
