//! What is asked of Docker.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error,
    models::{Service, ServiceSpec, Task, TaskState},
    query_parameters::{
        InspectContainerOptions, InspectServiceOptions, ListServicesOptionsBuilder, ListTasksOptionsBuilder,
        ListVolumesOptionsBuilder, LogsOptionsBuilder, RemoveVolumeOptions, UpdateServiceOptionsBuilder,
    },
};
use futures_util::StreamExt as _;
use identity::NodeId;
use tokio::sync::OnceCell;

use super::{
    containers::Id,
    service::{NUMBER, OWNER, STATE, Shape, owned_by, replicas},
    trouble::{is_missing, is_outrun, sentence},
};
use crate::limits::{DOCKER_TIMEOUT, MAX_UPDATES, START_TIMEOUT};

const SOCKET: &str = "/var/run/docker.sock";

/// The engine whose socket is there. Connects when it is needed.
#[derive(Debug, Default)]
pub(super) struct Engine(OnceCell<Connected>);

#[derive(Debug)]
struct Connected {
    docker: Docker,
    /// Its id in the swarm.
    node: String,
}

impl Engine {
    pub(super) async fn docker(&self) -> Result<&Docker, String> {
        Ok(&self.connected().await?.docker)
    }

    async fn connected(&self) -> Result<&Connected, String> {
        self.0.get_or_try_init(connect).await
    }

    /// Sees to it that the service is there, with one replica. One that slept wakes as it would be made now: with the image
    /// and the arguments of today.
    pub(super) async fn scale_up(&self, shape: &Shape, number: u64) -> Result<(), String> {
        let Connected { docker, node } = self.connected().await?;
        for _ in 0..MAX_UPDATES {
            let outcome = match self.found(shape, number).await? {
                Some(service) if is_awake(&service) => return Ok(()),
                Some(service) => update(docker, &service, shape.service(number, node)).await,
                None => docker.create_service(shape.service(number, node), None).await.map(drop),
            };
            match outcome {
                Ok(()) => return Ok(()),
                Err(error) if is_outrun(&error) => {}
                Err(error) => return Err(sentence(&error)),
            }
        }
        Err(outrun(shape, number))
    }

    /// Sees to it that the service, if there is one, has no replica.
    pub(super) async fn scale_down(&self, shape: &Shape, number: u64) -> Result<(), String> {
        for _ in 0..MAX_UPDATES {
            let Some(service) = self.found(shape, number).await?.filter(is_awake) else { return Ok(()) };
            let mut spec = service.spec.clone().unwrap_or_default();
            spec.mode = Some(replicas(0));
            spec.labels.get_or_insert_default().insert(STATE.to_owned(), "asleep".into());
            match update(self.docker().await?, &service, spec).await {
                Ok(()) => return Ok(()),
                Err(error) if is_outrun(&error) => {}
                Err(error) => return Err(sentence(&error)),
            }
        }
        Err(outrun(shape, number))
    }

    /// Removes the service, if there is one. False: what has its name is somebody else's.
    pub(super) async fn delete(&self, shape: &Shape, number: u64) -> Result<bool, String> {
        match self.named(&shape.name(number)).await? {
            None => return Ok(true),
            Some(service) if !is_of(shape.owner, &service) => return Ok(false),
            Some(_) => {}
        }
        match self.docker().await?.delete_service(&shape.name(number)).await {
            Err(error) if !is_missing(&error) => Err(sentence(&error)),
            _ => Ok(true),
        }
    }

    /// Removes the volume, if there is one.
    pub(super) async fn remove_volume(&self, name: &str) -> Result<(), String> {
        match self.docker().await?.remove_volume(name, None::<RemoveVolumeOptions>).await {
            Err(error) if !is_missing(&error) => Err(sentence(&error)),
            _ => Ok(()),
        }
    }

    /// The peers that have a service or a volume.
    pub(super) async fn numbers(&self, owner: NodeId) -> Result<Vec<u64>, String> {
        let docker = self.docker().await?;
        let filters = HashMap::from([("label", vec![owned_by(owner)])]);
        let options = ListServicesOptionsBuilder::new().filters(&filters).build();
        let services = docker.list_services(Some(options)).await.map_err(|error| sentence(&error))?;
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let volumes = docker.list_volumes(Some(options)).await.map_err(|error| sentence(&error))?;
        let number = |labels: &HashMap<String, String>| labels.get(NUMBER)?.parse().ok();
        let of_services = services.iter().filter_map(|it| number(it.spec.as_ref()?.labels.as_ref()?));
        let of_volumes = volumes.volumes.iter().flatten().filter_map(|volume| number(&volume.labels));
        let numbers: BTreeSet<u64> = of_services.chain(of_volumes).collect();
        Ok(numbers.into_iter().collect())
    }

    /// The address of a container on the overlay.
    pub(super) async fn address(&self, container: Id, overlay: &str) -> Result<IpAddr, String> {
        let docker = self.docker().await?;
        let inspected =
            docker.inspect_container(&container.to_string(), None::<InspectContainerOptions>).await;
        let networks =
            inspected.map_err(|error| sentence(&error))?.network_settings.and_then(|it| it.networks);
        let mut networks = networks.unwrap_or_default();
        let mut attached = networks.remove(overlay);
        if attached.is_none() {
            // The overlay may have been named by its id.
            attached = networks.into_values().find(|it| it.network_id.as_deref() == Some(overlay));
        }
        let address = attached.and_then(|it| it.ip_address?.parse().ok());
        address.ok_or_else(|| format!("it has no address on the network {overlay}"))
    }

    /// The tasks of a service that Docker could not start, and why.
    pub(super) async fn refusals(&self, service: &str) -> Result<BTreeMap<String, String>, String> {
        let filters = HashMap::from([("service", vec![service])]);
        let options = ListTasksOptionsBuilder::new().filters(&filters).build();
        match self.docker().await?.list_tasks(Some(options)).await {
            Ok(tasks) => Ok(tasks.into_iter().filter_map(refusal).collect()),
            Err(error) if is_missing(&error) => Ok(BTreeMap::new()),
            Err(error) => Err(sentence(&error)),
        }
    }

    /// Why the peer of a service did not become ready in time, as far as it said so itself.
    pub(super) async fn last_words(&self, service: &str) -> String {
        let late = format!("it was not ready within {} s", START_TIMEOUT.as_secs());
        match self.last_line(service).await {
            Some(line) => format!("{late}; the last that it said: {line}"),
            None => format!("{late}; `docker service logs {service}` may tell why"),
        }
    }

    /// What the container that ended last logged last.
    async fn last_line(&self, service: &str) -> Option<String> {
        let docker = self.docker().await.ok()?;
        let filters = HashMap::from([("service", vec![service])]);
        let options = ListTasksOptionsBuilder::new().filters(&filters).build();
        let mut tasks = docker.list_tasks(Some(options)).await.ok()?;
        tasks.retain(|task| task.status.as_ref().and_then(|it| it.state) == Some(TaskState::FAILED));
        // Times of the form of RFC 3339 in one time zone are in order as texts.
        let last = tasks.into_iter().max_by(|one, other| one.created_at.cmp(&other.created_at))?;
        let container = last.status?.container_status?.container_id?;
        let options = LogsOptionsBuilder::new().stderr(true).tail("1").build();
        let said = docker.logs(&container, Some(options)).next().await?.ok()?.to_string();
        let line = said.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    /// The service of a peer, which must be ours.
    async fn found(&self, shape: &Shape, number: u64) -> Result<Option<Service>, String> {
        let name = shape.name(number);
        let service = self.named(&name).await?;
        if service.as_ref().is_none_or(|service| is_of(shape.owner, service)) {
            return Ok(service);
        }
        Err(format!(
            "there is a service {name} that is not this dispatcher's; remove it, or give it another name"
        ))
    }

    async fn named(&self, name: &str) -> Result<Option<Service>, String> {
        match self.docker().await?.inspect_service(name, None::<InspectServiceOptions>).await {
            Ok(service) => Ok(Some(service)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(sentence(&error)),
        }
    }
}

/// Changes a service as it was read; refused if somebody changed it meanwhile.
async fn update(docker: &Docker, service: &Service, spec: ServiceSpec) -> Result<(), Error> {
    let version = service.version.as_ref().and_then(|version| version.index).unwrap_or_default();
    let version = i32::try_from(version).unwrap_or(i32::MAX);
    let options = UpdateServiceOptionsBuilder::new().version(version).build();
    let id = service.id.as_deref().unwrap_or_default();
    docker.update_service(id, spec, options, None).await.map(drop)
}

async fn connect() -> Result<Connected, String> {
    let socket = std::env::var("DOCKER_HOST").ok().filter(|host| host.starts_with("unix://"));
    let socket = socket.unwrap_or_else(|| SOCKET.to_owned());
    let docker = Docker::connect_with_unix(&socket, DOCKER_TIMEOUT.as_secs(), API_DEFAULT_VERSION);
    let docker = docker.map_err(|error| sentence(&error))?;
    let docker = docker.negotiate_version().await.map_err(|error| sentence(&error))?;
    let swarm = docker.info().await.map_err(|error| sentence(&error))?.swarm.unwrap_or_default();
    if swarm.control_available != Some(true) {
        return Err("this Docker is no manager of a swarm; run `docker swarm init` on its machine".into());
    }
    let node = swarm.node_id.unwrap_or_default();
    Ok(Connected { docker, node })
}

fn is_of(owner: NodeId, service: &Service) -> bool {
    let labels = service.spec.as_ref().and_then(|spec| spec.labels.as_ref());
    labels.and_then(|labels| labels.get(OWNER)).is_some_and(|of| *of == owner.to_string())
}

fn is_awake(service: &Service) -> bool {
    let mode = service.spec.as_ref().and_then(|spec| spec.mode.as_ref());
    let replicated = mode.and_then(|mode| mode.replicated.as_ref());
    replicated.and_then(|it| it.replicas).is_some_and(|replicas| replicas > 0)
}

/// A task that was rejected, or that finds no place to run.
fn refusal(task: Task) -> Option<(String, String)> {
    let status = task.status?;
    let why = status.err.filter(|why| !why.is_empty())?;
    let is_refused = matches!(status.state?, TaskState::REJECTED | TaskState::PENDING);
    is_refused.then(|| Some((task.id?, super::trouble::refused(&why))))?
}

fn outrun(shape: &Shape, number: u64) -> String {
    format!("somebody else changes the service {} all the time", shape.name(number))
}
