//! `plan` and `apply` on InfluxDB 3: a server that answers as a recorded Core 3.6.0 does.

use std::path::Path;

use watchpost_testkit::{Daemon, InfluxDb3, skip};

/// Runs the provisioner: its exit code and what it said.
fn run(url: &str, file: &Path, arguments: &[&str]) -> Option<(i32, String)> {
    let mut command = Daemon::command("watchpost-provisioner")?;
    command
        .arg("--file")
        .arg(file)
        .args(arguments)
        .env("INFLUX_URL", url)
        .env("WATCHPOST_INFLUX__KIND", "influxdb3");
    let output = command.output().unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    Some((
        output.status.code().unwrap(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

#[test]
fn databases_are_made_kept_and_put_back() {
    let server = InfluxDb3::start();
    let url = server.url.clone();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/platform-influxdb3.toml");
    let Some((code, said)) = run(&url, &file, &["plan"]) else {
        return skip("watchpost-provisioner is not built");
    };
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("5 to create"), "{said}");
    assert!(said.contains("72 hours"), "{said}");
    let apply = || run(&url, &file, &["apply", "--yes"]).unwrap();
    let (code, said) = apply();
    assert_eq!(code, 0, "{said}");
    let week = 7 * 86_400 * 1_000_000_000;
    assert_eq!(server.databases(|it| it["system_metrics_raw"]), Some(week));
    assert_eq!(apply().0, 0);
    assert_eq!(run(&url, &file, &["plan"]).unwrap().0, 0);

    server.databases(|it| it.insert("system_metrics_raw".into(), None));
    let (code, said) = run(&url, &file, &["drift"]).unwrap();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("retention: for ever -> 7d"), "{said}");
    assert_eq!(apply().0, 0);
    assert_eq!(server.databases(|it| it["system_metrics_raw"]), Some(week));

    // Of somebody else: with it there would be six.
    server.databases(|it| it.remove("platform_health"));
    server.databases(|it| it.insert("of_others".into(), None));
    let (code, said) = apply();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("keeps 5 databases"), "{said}");
    assert!(server.databases(|it| !it.contains_key("platform_health")));
    let (code, said) = run(&url, &file, &["destroy", "--yes"]).unwrap();
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("this command is for servers of the kind influxdb2"),
        "{said}"
    );
}
