//! InfluxDB 2.7 in a container, set up by the variables of its official image.

use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::SyncRunner;
use testcontainers::{GenericImage, ImageExt};

use super::request::{Request, send};
use super::{BUCKET, ORG};

/// The version whose answers the engine is held to.
const IMAGE: (&str, &str) = ("influxdb", "2.7");
const PORT: u16 = 8086;
/// The container lives as long as a test; nothing else can reach its port.
const TOKEN: &str = "test-token-of-a-container";

#[derive(Debug)]
pub(super) struct Container {
    _running: testcontainers::Container<GenericImage>,
}

impl Container {
    /// The running container, its URL and its operator token.
    ///
    /// # Panics
    /// If no container engine answers or the image cannot be had.
    pub(super) fn start() -> (Container, String, String) {
        // The image sets itself up through a server of its own first; only the second one, which
        // stays, logs that it listens on the outer port.
        let image = GenericImage::new(IMAGE.0, IMAGE.1)
            .with_exposed_port(PORT.tcp())
            .with_wait_for(WaitFor::message_on_either_std("transport=http"));
        let running = image
            .with_env_var("DOCKER_INFLUXDB_INIT_MODE", "setup")
            .with_env_var("DOCKER_INFLUXDB_INIT_USERNAME", "admin")
            .with_env_var("DOCKER_INFLUXDB_INIT_PASSWORD", "test-password")
            .with_env_var("DOCKER_INFLUXDB_INIT_ORG", ORG)
            .with_env_var("DOCKER_INFLUXDB_INIT_BUCKET", BUCKET)
            .with_env_var("DOCKER_INFLUXDB_INIT_ADMIN_TOKEN", TOKEN)
            .start()
            .expect("a container engine starts InfluxDB");
        let port = running
            .get_host_port_ipv4(PORT.tcp())
            .expect("the port is published");
        let url = format!("http://127.0.0.1:{port}");
        wait_until_set_up(&url);
        (Container { _running: running }, url, TOKEN.to_owned())
    }
}

/// Waits until the server that stays answers with our token.
fn wait_until_set_up(url: &str) {
    let path = format!("/api/v2/buckets?name={BUCKET}");
    let request = Request {
        method: "GET",
        url,
        path: &path,
        token: TOKEN,
        body: "",
    };
    crate::wait::until("InfluxDB in its container", || {
        send(&request)
            .filter(|(status, _)| *status == 200)
            .map(drop)
    });
}
