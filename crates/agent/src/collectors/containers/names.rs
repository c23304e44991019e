//! Names and images of containers from the files in which runtimes keep their state: where a runtime's socket
//! may not be asked, and for runtimes that have none.

use serde::Deserialize;

use super::super::host_files::HostFiles;

/// A state file larger than this is none of a container.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Folders of users that are looked into for containers without root.
const MAX_USERS: usize = 64;

/// What a container is called and made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) name: String,
    /// Empty where it is not known.
    pub(super) image: String,
}

/// The name of the container `id`, from the first file that tells it.
pub(super) fn find(files: &mut HostFiles, id: &str) -> Option<Name> {
    if id.len() != 64 {
        return Some(Name {
            name: id.to_owned(),
            image: String::new(),
        });
    }
    docker(files, id)
        .or_else(|| kubernetes(files, id))
        .or_else(|| podman(files, id))
        .or_else(|| containerd(files, id))
}

#[derive(Deserialize)]
struct DockerState {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Config", default)]
    config: DockerConfig,
}

#[derive(Default, Deserialize)]
struct DockerConfig {
    #[serde(rename = "Image", default)]
    image: String,
}

fn docker(files: &mut HostFiles, id: &str) -> Option<Name> {
    let state: DockerState = json(
        files,
        &format!("var/lib/docker/containers/{id}/config.v2.json"),
    )?;
    let name = state.name.trim_start_matches('/').to_owned();
    Some(Name {
        name,
        image: state.config.image,
    })
}

/// The kubelet links each container's log as `POD_NAMESPACE_CONTAINER-ID.log`.
fn kubernetes(files: &HostFiles, id: &str) -> Option<Name> {
    let logs = files.list("var/log/containers");
    let end = format!("-{id}.log");
    let name = logs.iter().find_map(|log| log.strip_suffix(&end))?;
    let mut parts = name.splitn(3, '_');
    let (pod, namespace, container) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Name {
        name: format!("{namespace}/{pod}/{container}"),
        image: String::new(),
    })
}

#[derive(Deserialize)]
struct PodmanContainer {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    /// JSON as text.
    #[serde(default)]
    metadata: String,
}

#[derive(Deserialize)]
struct PodmanMetadata {
    #[serde(rename = "image-name", default)]
    image: String,
}

fn podman(files: &mut HostFiles, id: &str) -> Option<Name> {
    let mut stores = vec!["var/lib/containers/storage".to_owned()];
    let users = files.list("home").into_iter().take(MAX_USERS);
    stores.extend(users.map(|user| format!("home/{user}/.local/share/containers/storage")));
    for store in stores {
        for driver in ["overlay", "vfs", "btrfs", "zfs"] {
            let path = format!("{store}/{driver}-containers/containers.json");
            let known: Option<Vec<PodmanContainer>> = json(files, &path);
            let found = known
                .into_iter()
                .flatten()
                .find(|container| container.id == id);
            let Some(found) = found else { continue };
            let metadata = serde_json::from_str::<PodmanMetadata>(&found.metadata);
            let image = metadata.map(|metadata| metadata.image).unwrap_or_default();
            return Some(Name {
                name: found.names.into_iter().next()?,
                image,
            });
        }
    }
    None
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

fn containerd(files: &mut HostFiles, id: &str) -> Option<Name> {
    let tasks = "run/containerd/io.containerd.runtime.v2.task";
    for namespace in files.list(tasks) {
        let bundle: Option<Bundle> = json(files, &format!("{tasks}/{namespace}/{id}/config.json"));
        let Some(bundle) = bundle else { continue };
        let of = |key: &str| bundle.annotations.get(key).cloned();
        let image = of("io.kubernetes.cri.image-name").unwrap_or_default();
        let in_pod = of("io.kubernetes.cri.container-name").map(|container| {
            let (pod, namespace) = (
                of("io.kubernetes.cri.sandbox-name"),
                of("io.kubernetes.cri.sandbox-namespace"),
            );
            [namespace, pod, Some(container)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("/")
        });
        let name = in_pod.or_else(|| of("nerdctl/name"))?;
        return Some(Name { name, image });
    }
    None
}

/// A file's JSON, if it is there, not too large and as expected.
fn json<T: for<'de> Deserialize<'de>>(files: &mut HostFiles, path: &str) -> Option<T> {
    let text = files.read_optional(path)?;
    (text.len() <= MAX_BYTES).then(|| serde_json::from_str(text).ok())?
}
