//! The built binary: its first start, its end by kill -9, its lock, and what an operator does to a folder.

use std::path::{Path, PathBuf};

use serde_json::Value;
use watchpost_testkit::temp_folder;

use crate::served::{install_provider, run, serve, text};

#[tokio::test]
async fn what_was_acknowledged_survives_kill_minus_nine() {
    install_provider();
    let folder = temp_folder();
    let mut acknowledged = 0;
    for round in 0..3 {
        let mut served = serve(&folder);
        assert_eq!(served.count().await, acknowledged, "after kill {round}");
        for batch in 0..5 {
            let lines: String = (0..100)
                .map(|row| format!("m,round={round},batch={batch},row={row} v={row}i\n"))
                .collect();
            served.write(lines).await;
            acknowledged += 100;
        }
        served.daemon.kill();
    }
    assert_eq!(serve(&folder).count().await, acknowledged);
}

#[tokio::test]
async fn the_token_file_is_private_and_the_folder_is_locked() {
    use std::os::unix::fs::PermissionsExt;
    install_provider();
    let folder = temp_folder();
    let served = serve(&folder);
    let mode = std::fs::metadata(folder.path().join("secrets/token"))
        .expect("is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let mode = std::fs::metadata(folder.path().join("secrets"))
        .expect("was made")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    let second = run(&folder.path().join("data"), &["--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains("in use by another process"),
        "{}",
        text(&second.stderr)
    );
    assert!(!text(&second.stderr).contains(&served.token));
}

#[test]
fn bad_configuration_ends_with_64_before_a_port_opens() {
    let folder = temp_folder();
    let token = folder.path().join("secrets/token");
    let token = token.to_str().expect("a path");
    let arguments = [
        "--setup-org",
        "o",
        "--setup-bucket",
        "b",
        "--setup-token-file",
        token,
        "--setup-retention",
        "7x",
    ];
    let output = run(&folder.path().join("data"), &arguments);
    assert_eq!(output.status.code(), Some(64), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("--setup-retention"),
        "{}",
        text(&output.stderr)
    );
    assert!(!folder.path().join("data").exists());
}

#[tokio::test]
async fn a_backup_is_restored_into_a_new_folder() {
    install_provider();
    let folder = temp_folder();
    let mut served = serve(&folder);
    served
        .write("m,host=a v=1\nm,host=b v=2\n".to_owned())
        .await;
    assert!(served.daemon.stop().success());
    let data = folder.path().join("data");
    let file = folder.path().join("backup");
    let backup = run(&data, &["backup", file.to_str().expect("a path")]);
    assert!(backup.status.success(), "{}", text(&backup.stderr));
    let again = run(&data, &["backup", file.to_str().expect("a path")]);
    assert!(!again.status.success());
    assert!(
        text(&again.stderr).contains("is there already"),
        "{}",
        text(&again.stderr)
    );
    assert!(!folder.path().join("backup.part").exists());
    let verify = run(&data, &["verify", "--output", "json"]);
    let report: Value = serde_json::from_slice(&verify.stdout).expect("JSON");
    assert!(verify.status.success(), "{report}");
    assert_eq!(report["damages"], serde_json::json!([]));
    let stats = run(&data, &["stats", "--output", "json"]);
    let report: Value = serde_json::from_slice(&stats.stdout).expect("JSON");
    let buckets = report["buckets"].as_array().expect("buckets");
    let metrics = buckets
        .iter()
        .find(|bucket| bucket["bucket"] == "metrics")
        .expect("the bucket");
    assert_eq!(metrics["series"], 2);
    assert_eq!(metrics["measurements"][0]["tags"][0]["values"], 2);

    let other = temp_folder();
    let restored = run(
        &other.path().join("data"),
        &["restore", file.to_str().expect("a path")],
    );
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let again = run(
        &other.path().join("data"),
        &["restore", file.to_str().expect("a path")],
    );
    assert!(
        !again.status.success(),
        "a folder with data is not overwritten"
    );
    std::fs::create_dir(other.path().join("secrets")).expect("made");
    std::fs::copy(
        folder.path().join("secrets/token"),
        other.path().join("secrets/token"),
    )
    .expect("copied");
    assert_eq!(serve(&other).count().await, 2);
    for folder in [folder.path(), other.path()] {
        let open = open_to_others(folder);
        assert!(open.is_empty(), "others may reach {open:?}");
    }
}

/// Files and folders below a folder that others than their owner may do anything with.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let mut open = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let metadata = entry.metadata().expect("is there");
        // What the test itself made is not the server's.
        let is_ours = entry.path().ends_with("secrets");
        if !is_ours && metadata.permissions().mode() & 0o077 != 0 {
            open.push(entry.path());
        }
        if metadata.is_dir() {
            open.extend(open_to_others(&entry.path()));
        }
    }
    open
}

#[test]
fn a_token_file_that_others_may_write_or_that_holds_too_little_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = temp_folder();
    let token = folder.path().join("token");
    let refused = |text_of_file: &str, mode: u32| {
        std::fs::write(&token, text_of_file).expect("written");
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).expect("set");
        let path = token.to_str().expect("a path");
        let arguments = [
            "--setup-org",
            "o",
            "--setup-bucket",
            "b",
            "--setup-token-file",
            path,
        ];
        let output = run(&folder.path().join("data"), &arguments);
        assert_eq!(output.status.code(), Some(64), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let long = "a-token-that-is-long-enough";
    for (content, mode, reason) in [
        (long, 0o666, "may be written by other users"),
        (long, 0o620, "may be written by other users"),
        ("x", 0o600, "at least 16"),
        (" \n", 0o600, "is empty"),
    ] {
        let said = refused(content, mode);
        assert!(said.contains(reason), "{content:?} {mode:o}: {said}");
        assert!(!said.contains(long), "{said}");
    }
    assert!(!folder.path().join("data").exists());
}

#[test]
fn the_reference_of_the_configuration_is_current() {
    let page = watchpost_engine::reference::markdown();
    let path = std::path::Path::new("../../docs/configuration/engine.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &page).expect("written");
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        page,
        "UPDATE_EXPECT=1 cargo test -p watchpost-engine writes it"
    );
}
