//! From a place to a client of its service, with what the vendor's tools find in the environment.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};

use super::error::{secrets, told};
use super::location::Service;
use super::{Location, RemoteError};

/// How long to wait for a connection, and how long a request may take: none moves more than a part of an object.
const PATIENCE: [(ClientConfigKey, &str); 2] = [
    (ClientConfigKey::ConnectTimeout, "5s"),
    (ClientConfigKey::Timeout, "120s"),
];

/// Variables that Azure's own tools read, and object_store does not.
const AZURE: [(AzureConfigKey, &str); 2] = [
    (AzureConfigKey::AccountName, "AZURE_STORAGE_ACCOUNT"),
    (AzureConfigKey::AccessKey, "AZURE_STORAGE_KEY"),
];

/// How often a request that failed is sent again, and for how long.
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_secs(60);

/// Opens the service of a place. Nothing is asked of it yet.
pub(super) fn open(place: &Location) -> Result<Arc<dyn ObjectStore>, RemoteError> {
    let failed = |error| told(place, &error, &secrets());
    let retry = RetryConfig {
        backoff: BackoffConfig {
            max_backoff: Duration::from_secs(4),
            ..BackoffConfig::default()
        },
        max_retries: RETRIES,
        retry_timeout: RETRY_FOR,
    };
    Ok(match place.service {
        Service::File => {
            let folder = folder(place);
            if !folder.is_dir() {
                return Err(RemoteError::Absent { place: place.clone() });
            }
            Arc::new(LocalFileSystem::new_with_prefix(folder).map_err(failed)?)
        }
        Service::S3 => {
            let mut builder = AmazonS3Builder::from_env();
            for (key, value) in PATIENCE {
                builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
            }
            if is_plain_http() {
                builder = builder.with_allow_http(true);
            }
            let built = builder.with_bucket_name(&place.bucket).with_retry(retry).build();
            Arc::new(built.map_err(failed)?)
        }
        Service::Google => {
            let mut builder = GoogleCloudStorageBuilder::from_env();
            for (key, value) in PATIENCE {
                builder = builder.with_config(GoogleConfigKey::Client(key), value);
            }
            let built = builder.with_bucket_name(&place.bucket).with_retry(retry).build();
            Arc::new(built.map_err(failed)?)
        }
        Service::Azure => {
            let mut builder = MicrosoftAzureBuilder::from_env();
            for (key, name) in AZURE {
                if let (None, Ok(value)) = (builder.get_config_value(&key), std::env::var(name)) {
                    builder = builder.with_config(key, value);
                }
            }
            for (key, value) in PATIENCE {
                builder = builder.with_config(AzureConfigKey::Client(key), value);
            }
            let built = builder.with_container_name(&place.bucket).with_retry(retry).build();
            Arc::new(built.map_err(failed)?)
        }
    })
}

/// The folder that a place is.
pub(super) fn folder(place: &Location) -> PathBuf {
    Path::new("/").join(&place.prefix)
}

/// Whether the user names a server of their own without TLS, as Amazon's tools take it from the same variables.
fn is_plain_http() -> bool {
    let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let named = names.iter().find_map(std::env::var_os);
    named.is_some_and(|value| value.to_string_lossy().starts_with("http://"))
}
