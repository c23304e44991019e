//! A backup of a running server: taken while it writes, whole, and holding everything acknowledged before it began.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchpost_testkit::{TempFolder, temp_folder};

use crate::running::Running;
use crate::served::{Served, install_provider, run, serve, text};

/// Connections that write while the backup is taken.
const WRITERS: usize = 3;

/// Points of one request.
const BODY_POINTS: usize = 20;

/// Writes `m,writer=W v=0i … n` in order until it is told to stop, counting what was acknowledged.
async fn write_in_order(
    served: Arc<Served>,
    writer: usize,
    acknowledged: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
) {
    let begin = 1_800_000_000_000_000_000_usize;
    while !stop.load(Ordering::SeqCst) {
        let from = acknowledged.load(Ordering::SeqCst);
        let lines = (from..from + BODY_POINTS)
            .map(|number| format!("m,writer={writer} v={number}i {}\n", begin + number))
            .collect();
        served.write(lines).await;
        acknowledged.store(from + BODY_POINTS, Ordering::SeqCst);
    }
}

/// The values of a writer, in the order of their times.
async fn values_of(served: &Served, writer: usize) -> Vec<usize> {
    let flux = format!(
        "from(bucket: \"metrics\") |> range(start: 2027-01-01T00:00:00Z, stop: 2028-01-01T00:00:00Z) \
         |> filter(fn: (r) => r.writer == \"{writer}\") |> keep(columns: [\"_value\"])"
    );
    let (status, body) = served
        .post("/api/v2/query?org=site", "application/vnd.flux", flux)
        .await;
    assert_eq!(status, 200, "{body}");
    let values = body.lines().filter_map(|line| line.rsplit(',').next());
    values.filter_map(|value| value.parse().ok()).collect()
}

fn token_file(folder: &TempFolder) -> String {
    let path = folder.path().join("secrets/token");
    path.to_str().expect("a path").to_owned()
}

/// Serves what a backup was restored to.
fn restored(file: &str, from: &TempFolder) -> (TempFolder, Served) {
    let other = temp_folder();
    let output = run(&other.path().join("data"), &["restore", file]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    std::fs::create_dir(other.path().join("secrets")).expect("made");
    std::fs::copy(token_file(from), token_file(&other)).expect("copied");
    let served = serve(&other);
    (other, served)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_holds_what_was_acknowledged_before() {
    install_provider();
    let folder = temp_folder();
    let served = Arc::new(serve(&folder));
    let stop = Arc::new(AtomicBool::new(false));
    let counts: Vec<Arc<AtomicUsize>> = (0..WRITERS).map(|_| Arc::default()).collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (served, count, stop) = (served.clone(), counts[writer].clone(), stop.clone());
            tokio::spawn(write_in_order(served, writer, count, stop))
        })
        .collect();
    let end = Instant::now() + Duration::from_secs(120);
    while counts
        .iter()
        .any(|count| count.load(Ordering::SeqCst) < 200)
    {
        assert!(Instant::now() < end, "nothing is written");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let file = folder.path().join("backup").display().to_string();
    let before: Vec<usize> = counts
        .iter()
        .map(|count| count.load(Ordering::SeqCst))
        .collect();
    let (url, token, data) = (
        served.url.clone(),
        token_file(&folder),
        folder.path().join("data"),
    );
    let (target, ask) = (file.clone(), data.clone());
    let backup = tokio::task::spawn_blocking(move || {
        run(
            &ask,
            &["backup", &target, "--host", &url, "--token-file", &token],
        )
    });
    let backup = backup.await.expect("ends");
    assert!(backup.status.success(), "{}", text(&backup.stderr));
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("ends well");
    }

    let locked = run(&data, &["backup", &format!("{file}-2")]);
    let message = text(&locked.stderr);
    assert!(
        !locked.status.success() && message.contains("--host URL"),
        "{message}"
    );

    let (_folder, copy) = restored(&file, &folder);
    for (writer, before) in before.into_iter().enumerate() {
        let values = values_of(&copy, writer).await;
        let written = counts[writer].load(Ordering::SeqCst);
        assert!(
            (before..=written).contains(&values.len()),
            "writer {writer}: {before} before, {} in the backup, {written} in the end",
            values.len()
        );
        // One moment: no later value without all that came before it.
        assert!(
            values.iter().copied().eq(0..values.len()),
            "writer {writer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_is_checked_and_tells_its_statistics() {
    install_provider();
    let folder = temp_folder();
    let served = serve(&folder);
    served
        .write("m,host=a v=1\nm,host=b v=2\n".to_owned())
        .await;
    let (data, token) = (folder.path().join("data"), token_file(&folder));
    let remote = ["--host", &served.url, "--token-file", &token];
    let json = |command: &str| -> Value {
        let arguments = [&[command, "--output", "json"], &remote[..]].concat();
        let output = run(&data, &arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let report = json("verify");
    assert_eq!(report["damages"], json!([]));
    assert!(report["bytes"].as_u64() > Some(0), "{report}");
    let report = json("stats");
    let buckets = report["buckets"].as_array().expect("buckets").iter();
    let metrics = buckets.clone().find(|bucket| bucket["bucket"] == "metrics");
    assert_eq!(metrics.expect("the bucket")["series"], 2);

    let shown = run(&data, &[&["stats"], &remote[..]].concat());
    assert!(
        text(&shown.stdout).contains("metrics: 2 series"),
        "{}",
        text(&shown.stdout)
    );
    let repair = run(&data, &[&["verify", "--repair"], &remote[..]].concat());
    assert!(
        text(&repair.stderr).contains("stop the server"),
        "{}",
        text(&repair.stderr)
    );
    let alone = run(&data, &["stats", "--host", &served.url]);
    assert!(
        text(&alone.stderr).contains("--token-file"),
        "{}",
        text(&alone.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_operator_may_take_everything() {
    let server = Running::set_up().await;
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let buckets = json!({ "action": "read", "resource": { "type": "buckets", "orgID": org } });
    let request = server
        .request("POST", "/api/v2/authorizations")
        .json(&json!({ "orgID": org, "permissions": [buckets] }));
    let made: Value = request
        .send()
        .await
        .expect("answers")
        .json()
        .await
        .expect("JSON");
    let token = made["token"].as_str().expect("a token");
    for path in ["/watchpost/backup", "/watchpost/verify", "/watchpost/stats"] {
        let request = server.client.get(format!("{}{path}", server.url));
        assert_eq!(
            request.send().await.expect("answers").status(),
            401,
            "{path}"
        );
        let request = server
            .client
            .get(format!("{}{path}", server.url))
            .header("Authorization", format!("Token {token}"));
        let answer = request.send().await.expect("answers");
        assert_eq!(answer.status(), 401, "{path}");
        let body = answer.text().await.expect("a text");
        assert!(body.contains("operator"), "{body}");
    }
    let whole = server
        .request("GET", "/watchpost/backup")
        .send()
        .await
        .expect("answers");
    assert!(
        whole
            .bytes()
            .await
            .expect("the whole")
            .starts_with(b"WPBACKUP1\n")
    );
    let log = std::fs::read_to_string(server.folder().join("audit.log")).expect("the log");
    let taken: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("/watchpost/backup"))
        .collect();
    assert!(
        taken.len() == 2 && taken[1].contains("\"status\":200"),
        "{taken:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn influxdbs_own_backup_routes_say_what_to_use() {
    let server = Running::set_up().await;
    for (method, path) in [
        ("GET", "/api/v2/backup/metadata"),
        ("GET", "/api/v2/backup/kv"),
        ("POST", "/api/v2/restore/kv"),
        ("POST", "/api/v2/restore/shards/1"),
    ] {
        let answer = server.request(method, path).send().await.expect("answers");
        assert_eq!(answer.status(), 422, "{path}");
        let body: Value = answer.json().await.expect("JSON");
        let message = body["message"].as_str().expect("a message");
        assert!(message.contains("watchpost-engine backup"), "{message}");
    }
}
