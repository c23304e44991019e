//! From the text that names a place to the store behind it.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use watchpost_service::secret::Secret;

use super::{Limiter, Vault};
use crate::error::{Error, Result};

/// How often the store is asked again by itself, and for how long: what fails longer is said, and tried again after.
const RETRIES: usize = 3;
const RETRY_TIME: Duration = Duration::from_secs(15);

/// How one gets into a store, beside what the environment says (`AWS_…`, `GOOGLE_…`, `AZURE_…`).
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// URL of a store that speaks S3 and is not Amazon's.
    pub endpoint: Option<String>,
    /// Region of the bucket.
    pub region: Option<String>,
    /// Id of the key.
    pub key_id: Option<String>,
    /// The key.
    pub secret: Option<Secret>,
}

/// Opens a place: `s3://`, `gs://`, `az://`, or a folder, which is made.
///
/// # Errors
/// The text is none, or the store's settings contradict each other.
pub fn open(to: &str, access: &Access, bytes_per_second: u64) -> Result<Vault> {
    let (store, prefix) = match to.split_once("://") {
        Some(("file", folder)) => folder_at(folder)?,
        Some((scheme, rest)) => {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                return Err(Error::Place(to.to_owned()));
            }
            let prefix = Path::parse(prefix).map_err(|_| Error::Place(to.to_owned()))?;
            (remote(scheme, bucket, to, access)?, prefix)
        }
        None if !to.is_empty() => folder_at(to)?,
        None => return Err(Error::Place(to.to_owned())),
    };
    let name = to.trim_end_matches('/');
    Ok(Vault::new(
        store,
        prefix,
        name,
        Limiter::new(bytes_per_second),
    ))
}

fn folder_at(folder: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let path = FilePath::new(folder);
    std::fs::create_dir_all(path).map_err(|error| Error::file(path, error))?;
    let store = LocalFileSystem::new_with_prefix(path).map_err(|error| Error::Store {
        to: folder.to_owned(),
        message: error.to_string(),
    })?;
    // A copy that a power cut takes was none.
    Ok((Arc::new(store.with_fsync(true)), Path::default()))
}

fn remote(scheme: &str, bucket: &str, to: &str, access: &Access) -> Result<Arc<dyn ObjectStore>> {
    let retry = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: RETRY_TIME,
        ..RetryConfig::default()
    };
    let made: object_store::Result<Arc<dyn ObjectStore>> = match scheme {
        "s3" | "s3a" => s3(bucket, access, retry)
            .build()
            .map(|it| Arc::new(it) as _),
        "gs" => GoogleCloudStorageBuilder::from_env()
            .with_bucket_name(bucket)
            .with_retry(retry)
            .build()
            .map(|it| Arc::new(it) as _),
        "az" => MicrosoftAzureBuilder::from_env()
            .with_container_name(bucket)
            .with_retry(retry)
            .build()
            .map(|it| Arc::new(it) as _),
        _ => return Err(Error::Place(to.to_owned())),
    };
    made.map_err(|error| Error::Store {
        to: to.to_owned(),
        message: error.to_string(),
    })
}

fn s3(bucket: &str, access: &Access, retry: RetryConfig) -> AmazonS3Builder {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_retry(retry);
    if let Some(endpoint) = &access.endpoint {
        let is_open = endpoint.starts_with("http://");
        builder = builder
            .with_endpoint(endpoint)
            .with_client_options(ClientOptions::new().with_allow_http(is_open));
    }
    if let Some(region) = &access.region {
        builder = builder.with_region(region);
    }
    if let (Some(id), Some(secret)) = (&access.key_id, &access.secret) {
        builder = builder
            .with_access_key_id(id)
            .with_secret_access_key(secret.reveal());
    }
    builder
}
