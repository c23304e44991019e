//! An hour of 20 hosts, downsampled by the platform's own task: what a backfill does for each window.

use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use watchpost_core::catalogue::{MetricType, metrics_of};

use crate::server::Client;

const HOSTS: usize = 20;

/// Disks, interfaces and the like of a host.
const INSTANCES: usize = 3;

/// Seconds between two rows.
const STEP: usize = 60;

/// Runs of the task; the median counts. The first makes the series of the hours, the others write them again.
const RUNS: usize = 5;

const HOURLY: &str = include_str!("../../../../flux-tasks/downsample_hourly.flux");

/// The time of the first run, which makes new series, and the median of the later ones.
pub(crate) async fn measure(client: &Client) -> (Duration, Duration) {
    client.write(last_hour().into_bytes()).await;
    // One bucket is enough: the measurements differ.
    let task = HOURLY
        .replace("system_metrics_raw", "metrics")
        .replace("system_metrics_1h", "metrics");
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        let answer = client.query(&task).await;
        times.push(start.elapsed());
        assert!(
            answer.len() > 100_000,
            "few hours were written: {answer:.200}"
        );
    }
    let first = times.remove(0);
    times.sort();
    (first, times[times.len() / 2])
}

/// Every metric of the catalogue, of every host, over the last whole hour.
fn last_hour() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let start = (now.as_secs() / 3_600 - 1) * 3_600;
    let mut lines = String::new();
    for second in (0..3_600).step_by(STEP) {
        for host in 0..HOSTS {
            for kind in MetricType::ALL {
                let instances = match metrics_of(kind).any(|one| !one.tags.is_empty()) {
                    true => INSTANCES,
                    false => 1,
                };
                for instance in 0..instances {
                    let name = kind.name();
                    let _ = write!(
                        lines,
                        "system_metrics,host=b{host},region=eu,environment=prod,service=web,metric_type={name},device=d{instance} "
                    );
                    for (number, metric) in metrics_of(kind).enumerate() {
                        let comma = if number == 0 { "" } else { "," };
                        let value = (host * 7 + number * 3 + second % 97) as f64 / 4.0;
                        let _ = write!(lines, "{comma}{}={value}", metric.name);
                    }
                    let _ = writeln!(lines, " {}000000000", start + second as u64);
                }
            }
        }
    }
    lines
}
