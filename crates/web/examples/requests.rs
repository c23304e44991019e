//! Measures a running web server: time to the last byte of its pages and series, p50 and p99, and
//! requests per second.
//!
//! ```text
//! cargo run --release -p watchpost-web --example requests -- http://127.0.0.1:5000 host-1
//! ```

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};

/// Requests of each measurement.
const REQUESTS: usize = 200;

/// On the way at a time when requests per second are measured.
const AT_ONCE: usize = 8;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(host)) = (arguments.next(), arguments.next()) else {
        return Err("usage: requests URL HOST".into());
    };
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(watchpost_client::tls::no_trust()?)
        .build()?;
    let paths = [
        ("fleet page", "/".to_owned()),
        ("host page", format!("/hosts/{host}")),
        ("hosts", "/api/v1/hosts".to_owned()),
        (
            "24 h series, 1000 points",
            format!(
                "/api/v1/series?metric=cpu_usage_percent&host={host}&range=24h&max_points=1000"
            ),
        ),
        (
            "older tool's average",
            "/metrics/aggregate?metric=cpu_usage_overall".to_owned(),
        ),
    ];
    println!(
        "{:26} {:>9} {:>9} {:>9} {:>10}",
        "", "p50 ms", "p99 ms", "req/s", "bytes"
    );
    for (name, path) in paths {
        let target = format!("{url}{path}");
        let one = || async {
            let begun = Instant::now();
            let body = http
                .get(&target)
                .send()
                .await?
                .error_for_status()?
                .bytes()
                .await?;
            Ok::<(Duration, usize), reqwest::Error>((begun.elapsed(), body.len()))
        };
        let mut times = Vec::with_capacity(REQUESTS);
        let mut bytes = 0;
        for _ in 0..REQUESTS {
            let (time, length) = one().await?;
            times.push(time.as_secs_f64() * 1e3);
            bytes = length;
        }
        times.sort_by(f64::total_cmp);
        let begun = Instant::now();
        let answers: Vec<_> = stream::iter(0..REQUESTS)
            .map(|_| one())
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        let rate = (REQUESTS - failed) as f64 / begun.elapsed().as_secs_f64();
        println!(
            "{name:26} {:9.2} {:9.2} {rate:9.0} {bytes:10}",
            times[REQUESTS / 2],
            times[REQUESTS * 99 / 100]
        );
    }
    Ok(())
}
