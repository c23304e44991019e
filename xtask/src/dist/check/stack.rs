//! The images and the compose file: each image is what it says, an agent in a container sees its host, and the stack comes
//! up healthy by each profile whose other images are here.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::super::{Release, images, roles, run_quietly};
use super::Outcome;

/// What runs beside ours, by profile; `None` where there is nothing.
const PROFILES: [(&[&str], Option<&str>); 3] = [
    (&["engine"], None),
    (&["influxdb"], Some("influxdb:2.7.12")),
    (
        &["engine", "victoriametrics"],
        Some("victoriametrics/victoria-metrics:v1.122.0"),
    ),
];

/// Part of every profile, if it is here.
const GRAFANA: &str = "grafana/grafana-oss:11.6.3";

/// How a container is started: with no right that it does not need.
const CLOSED: [&str; 8] = [
    "run",
    "--rm",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pid=host",
    "--network=host",
    "--volume=/:/host:ro",
];

/// Loads the images and runs what can be run here.
pub(super) fn run(release: &Release) -> Result<Outcome> {
    if let Err(error) = docker(&["info"]) {
        let reason = format!("no Docker engine answers here: {error:#}");
        return Ok(Outcome::skipped(reason.lines().next().unwrap_or_default()));
    }
    let mut outcome = Outcome::default();
    for role in roles() {
        let archive = images::file(release, role);
        let step = format!(
            "{} runs closed, as an ordinary user",
            images::tag(release, role)
        );
        let done = load(&archive).and_then(|()| starts(&images::tag(release, role)));
        outcome.lines.push(line(&step, done));
    }
    outcome.lines.push(line(
        "an agent in a container sees its host",
        sees_host(release),
    ));
    let Some(compose) = compose() else {
        let reason = "skipped: the stack: no `docker compose`, and no docker-compose on the PATH";
        outcome.lines.push(reason.to_owned());
        return Ok(outcome);
    };
    for (profiles, image) in PROFILES {
        let step = format!("the stack by {}", profiles.join(" and "));
        outcome.lines.push(match image.filter(|it| !is_here(it)) {
            Some(image) => format!("skipped: {step}: there is no image {image} here"),
            None => line(&step, stack(release, &compose, profiles)),
        });
    }
    if !is_here(GRAFANA) {
        let reason = format!("skipped: Grafana in the stack: there is no image {GRAFANA} here");
        outcome.lines.push(reason);
    }
    Ok(outcome)
}

fn line(step: &str, done: Result<impl std::fmt::Display>) -> String {
    match done {
        Ok(detail) => format!("ok   {step}: {detail}"),
        Err(error) => format!("FAIL {step}: {}", format!("{error:#}").replace('\n', " ")),
    }
}

fn docker(arguments: &[&str]) -> Result<String> {
    run_quietly(Command::new("docker").args(arguments))
}

fn is_here(image: &str) -> bool {
    docker(&["image", "inspect", image]).is_ok()
}

fn load(archive: &Path) -> Result<()> {
    let archive = archive.display().to_string();
    docker(&["load", "--quiet", "--input", &archive])?;
    Ok(())
}

fn starts(image: &str) -> Result<String> {
    let user = docker(&[
        "image",
        "inspect",
        "--format",
        "{{.Config.User}} {{.Size}}",
        image,
    ])?;
    let (user, size) = user.trim().split_once(' ').context("docker gave no user")?;
    ensure!(user == "10001:10001", "it runs as {user:?}");
    let version = docker(&[&CLOSED[..5], &[image, "--version"]].concat())?;
    let megabytes = size.parse::<f64>().unwrap_or_default() / 1e6;
    Ok(format!("{}, {megabytes:.1} MB", version.trim()))
}

/// The disk of the host's root and the number of its processes are those that the host itself counts.
fn sees_host(release: &Release) -> Result<String> {
    let agent = roles().find(|it| it.name == "agent").context("no agent")?;
    let image = images::tag(release, agent);
    let once = ["--env=WATCHPOST_COLLECT__HOST_ROOT=/host", &image, "--once"];
    let lines = docker(&[&CLOSED[..], &once].concat())?;
    let size = run_quietly(Command::new("df").args(["--output=size", "--block-size=1", "/"]))?;
    let size = size.lines().last().unwrap_or_default().trim();
    let root = lines.lines().find(|it| it.contains(",mountpoint=/,"));
    ensure!(
        root.is_some_and(|it| it.contains(&format!("disk_total_bytes={size}i"))),
        "the root's {size} bytes are not in: {}",
        root.unwrap_or("no line of a mountpoint /")
    );
    let count = lines
        .split([',', ' '])
        .filter_map(|it| it.strip_prefix("process_count="))
        .find_map(|it| it.trim_end_matches('i').parse::<usize>().ok());
    let count = count.context("no process_count")?;
    let own = fs::read_dir("/proc")?.flatten().filter(|it| {
        let name = it.file_name();
        name.to_string_lossy().parse::<u32>().is_ok()
    });
    let own = own.count();
    ensure!(
        count.abs_diff(own) <= own / 5 + 10,
        "{count} processes; the host counts {own}"
    );
    Ok(format!("{count} processes, / of {size} bytes"))
}

/// The plugin, or the program of its own.
fn compose() -> Option<Vec<String>> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let found = [words("docker compose"), words("docker-compose")];
    let mut found = found.into_iter();
    found.find(|it| {
        let mut command = Command::new(&it[0]);
        let output = command.args(&it[1..]).arg("version").output();
        output.is_ok_and(|it| it.status.success())
    })
}

/// Comes up healthy from the images, on ports of its own, with data in it; and goes.
fn stack(release: &Release, compose: &[String], profiles: &[&str]) -> Result<String> {
    let secrets = tempfile::tempdir()?;
    for name in [
        "operator.token",
        "alerter-api.token",
        "influxdb.password",
        "grafana.password",
    ] {
        fs::write(
            secrets.path().join(name),
            format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
        )?;
    }
    let ports = free_ports()?;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&compose[0]);
        command
            .args(&compose[1..])
            .args(["--project-name", "watchpost-check", "--file"])
            .arg(release.root.join("deploy/docker-compose.yml"));
        for profile in profiles {
            command.args(["--profile", profile]);
        }
        command
            .args(arguments)
            .env("WATCHPOST_SECRETS", secrets.path())
            .env("WATCHPOST_ENGINE_PORT", ports[0].to_string())
            .env("WATCHPOST_WEB_PORT", ports[1].to_string())
            .env("WATCHPOST_GRAFANA_PORT", ports[2].to_string())
            .env("WATCHPOST_VICTORIAMETRICS_PORT", ports[3].to_string());
        run_quietly(&mut command)
    };
    let began = Instant::now();
    // By name, for compose fetches the image of a service even where none of it is to run.
    let services = run(&["config", "--services"])?;
    let services = services
        .lines()
        .filter(|it| *it != "grafana" || is_here(GRAFANA));
    let mut up = vec![
        "up",
        "--no-build",
        "--detach",
        "--wait",
        "--wait-timeout",
        "180",
    ];
    up.extend(services);
    let done = run(&up).and_then(|_| {
        let seconds = began.elapsed().as_secs();
        hosts(profiles, ports)?;
        Ok(format!(
            "healthy after {seconds} s, three hosts on the page"
        ))
    });
    let done = done.map_err(|error| {
        let logs = run(&["logs", "--tail", "3", "--no-color"]).unwrap_or_default();
        error.context(logs)
    });
    run(&["down", "--volumes", "--timeout", "10"])?;
    done
}

/// Four that nothing listens on.
fn free_ports() -> Result<[u16; 4]> {
    // All are held until the last is known, so that none is given twice.
    let held = [(); 4].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let mut ports = [0; 4];
    for (port, listener) in ports.iter_mut().zip(held) {
        *port = listener?.local_addr()?.port();
    }
    Ok(ports)
}

/// The page knows the three agents, and VictoriaMetrics the fourth.
fn hosts(profiles: &[&str], ports: [u16; 4]) -> Result<()> {
    let [_, web, _, victoriametrics] = ports;
    let ask =
        |url: &str| -> Result<String> { Ok(ureq::get(url).call()?.body_mut().read_to_string()?) };
    let mut missing = String::new();
    for _ in 0..30 {
        let page = ask(&format!("http://127.0.0.1:{web}/api/v1/hosts"))?;
        let mut known = ["agent-us-east", "agent-us-west", "agent-eu-west"]
            .map(|it| (it, page.contains(it)))
            .to_vec();
        if profiles.contains(&"victoriametrics") {
            let hosts = ask(&format!(
                "http://127.0.0.1:{victoriametrics}/api/v1/label/host/values"
            ))?;
            let name = "agent-victoriametrics";
            known.push((name, hosts.contains(name)));
        }
        match known.iter().find(|(_, is_known)| !is_known) {
            None => return Ok(()),
            Some((name, _)) => missing = (*name).to_owned(),
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    anyhow::bail!("{missing} is not known after 30 s")
}
