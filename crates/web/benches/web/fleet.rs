//! The hosts: a day of points a minute, then one a second while is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use watchpost_client::Client;
use watchpost_client::write::{Outcome, Precision};

use super::site::{BUCKET, Site};

const SECOND: i64 = 1_000_000_000;

/// Seconds between the points of the past.
const STEP: i64 = 60;

/// Lines of one write.
const LINES: usize = 5_000;

/// Fields of each host at a time.
const FIELDS: usize = 11;

pub(super) struct Fleet {
    hosts: usize,
    pub(super) values: usize,
}

/// The writing of the present, until it is stopped.
pub(super) struct Writing {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Fleet {
    /// Writes a day, and waits until it is stored.
    pub(super) fn write(site: &Site, hosts: usize) -> Fleet {
        let now = now() / (STEP * SECOND) * (STEP * SECOND);
        let mut values = 0;
        let mut body = String::new();
        let mut lines = 0;
        for ago in (0..24 * 3600 / STEP).rev() {
            for host in 0..hosts {
                lines += point(&mut body, &name(host), host, now - ago * STEP * SECOND);
                values += FIELDS;
            }
            if lines >= LINES || ago == 0 {
                site.block_on(write(&site.client, &body));
                body.clear();
                lines = 0;
            }
        }
        Fleet { hosts, values }
    }

    /// Writes a point of every host a second.
    pub(super) fn go_on(&self, site: &Site) -> Writing {
        let (stop, client, hosts) = (
            Arc::new(AtomicBool::new(false)),
            site.client.clone(),
            self.hosts,
        );
        let stopped = Arc::clone(&stop);
        let task = site.spawn(async move {
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            while !stopped.load(Ordering::Relaxed) {
                seconds.tick().await;
                let mut body = String::new();
                for host in 0..hosts {
                    point(&mut body, &name(host), host, now());
                }
                write(&client, &body).await;
            }
        });
        Writing { stop, task }
    }

    /// Writes one point of a host that nothing else writes; it is the first on the page, for rows that
    /// are not on the screen are not drawn.
    pub(super) async fn write_probe(&self, site: &Site, cpu: f64) {
        let line = format!(
            "system_metrics,host=a-probe,metric_type=cpu cpu_usage_percent={cpu} {}\n",
            now()
        );
        write(&site.client, &line).await;
    }
}

impl Writing {
    pub(super) async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.task.await;
    }
}

fn name(host: usize) -> String {
    format!("host-{}", host + 1)
}

/// Adds the lines of a host at a time; gives their number.
fn point(body: &mut String, name: &str, host: usize, time: i64) -> usize {
    let minutes = time / (60 * SECOND);
    let wave = ((minutes as f64 / 229.0 + host as f64).sin() + 1.0) * 40.0;
    let counter = time / 1_000 + host as i64;
    let tags = format!("environment=production,host={name},region=eu-west-1,service=web");
    body.push_str(&format!(
        "system_metrics,{tags},metric_type=cpu cpu_usage_percent={wave:.2},cpu_user_percent={:.2},cpu_system_percent={:.2},cpu_load_1m={:.2} {time}\n\
         system_metrics,{tags},metric_type=memory memory_usage_percent={:.2},memory_used_bytes={}i {time}\n\
         system_metrics,{tags},metric_type=swap swap_usage_percent=3.5 {time}\n\
         system_metrics,device=sda1,{tags},metric_type=disk,mountpoint=/ disk_usage_percent=41.5,disk_used_bytes=52345678901i {time}\n\
         system_metrics,{tags},metric_type=network network_bytes_recv={counter}i,network_bytes_sent={}i {time}\n",
        wave * 0.7, wave * 0.3, wave / 25.0, 40.0 + wave / 4.0, 8_000_000_000 + counter % 1_000_000, counter / 2,
    ));
    5
}

async fn write(client: &Client, body: &str) {
    let outcome = client
        .write(BUCKET, Precision::Nanoseconds, body.as_bytes())
        .await;
    assert_eq!(outcome, Outcome::Done);
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}
