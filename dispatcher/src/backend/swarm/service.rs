//! What a peer looks like as a service.

use std::collections::HashMap;

use bollard::models::{
    EndpointSpec, EndpointSpecModeEnum, HealthConfig, Limit, Mount, MountType, MountVolumeOptions,
    NetworkAttachmentConfig, ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated, TaskSpec,
    TaskSpecContainerSpec, TaskSpecContainerSpecPrivileges, TaskSpecPlacement, TaskSpecResources,
    TaskSpecRestartPolicy, TaskSpecRestartPolicyConditionEnum,
};
use identity::NodeId;

use crate::limits::{PEER_CPU_NANOS, PEER_MEMORY_BYTES, PEER_PROCESSES, RESTART_DELAY, STOP_TIMEOUT};

/// The label with the id of the dispatcher whose peer it is.
pub(super) const OWNER: &str = "causeway.dispatcher";
/// The label with the peer's number.
pub(super) const NUMBER: &str = "causeway.number";
/// The label that says whether the peer is to run.
pub(super) const STATE: &str = "causeway.state";
/// Where the page of a peer is. In a container nobody else takes the port.
pub(super) const PAGE_PORT: u16 = 30_003;

/// Where the volume is in the container.
const DATA: &str = "/data";

/// What all peers have in common.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) owner: NodeId,
    pub(super) image: String,
    pub(super) overlay: String,
    pub(super) arguments: Vec<String>,
}

/// As a filter of labels.
pub(super) fn owned_by(owner: NodeId) -> String {
    format!("{OWNER}={owner}")
}

impl Shape {
    /// The name of the service, and of the volume.
    pub(super) fn name(&self, number: u64) -> String {
        format!("causeway-peer-{}-{number}", self.owner.short())
    }

    /// The whole service, with one replica, on the engine of this node id.
    pub(super) fn service(&self, number: u64, engine: &str) -> ServiceSpec {
        let second = 1_000_000_000;
        ServiceSpec {
            name: Some(self.name(number)),
            labels: Some(self.labels(number, "awake")),
            task_template: Some(TaskSpec {
                container_spec: Some(self.container(number)),
                networks: Some(vec![NetworkAttachmentConfig {
                    target: Some(self.overlay.clone()),
                    ..NetworkAttachmentConfig::default()
                }]),
                resources: Some(TaskSpecResources {
                    limits: Some(Limit {
                        nano_cpus: Some(PEER_CPU_NANOS),
                        memory_bytes: Some(PEER_MEMORY_BYTES),
                        pids: Some(PEER_PROCESSES),
                    }),
                    ..TaskSpecResources::default()
                }),
                restart_policy: Some(TaskSpecRestartPolicy {
                    condition: Some(TaskSpecRestartPolicyConditionEnum::ANY),
                    delay: Some(seconds(RESTART_DELAY.as_secs()) * second),
                    ..TaskSpecRestartPolicy::default()
                }),
                placement: Some(TaskSpecPlacement {
                    constraints: Some(vec![format!("node.id=={engine}")]),
                    ..TaskSpecPlacement::default()
                }),
                ..TaskSpec::default()
            }),
            mode: Some(replicas(1)),
            // A virtual address would serve nothing with one task, and needs what not every kernel has.
            endpoint_spec: Some(EndpointSpec { mode: Some(EndpointSpecModeEnum::DNSRR), ports: None }),
            ..ServiceSpec::default()
        }
    }

    fn container(&self, number: u64) -> TaskSpecContainerSpec {
        let second = 1_000_000_000;
        let volume = Mount {
            target: Some(DATA.into()),
            source: Some(self.name(number)),
            typ: Some(MountType::VOLUME),
            volume_options: Some(MountVolumeOptions {
                labels: Some(self.labels(number, "kept")),
                ..MountVolumeOptions::default()
            }),
            ..Mount::default()
        };
        TaskSpecContainerSpec {
            image: Some(self.image.clone()),
            labels: Some(self.labels(number, "awake")),
            args: Some(self.command_line(number)),
            read_only: Some(true),
            mounts: Some(vec![volume]),
            privileges: Some(TaskSpecContainerSpecPrivileges {
                no_new_privileges: Some(true),
                ..TaskSpecContainerSpecPrivileges::default()
            }),
            capability_drop: Some(vec!["ALL".into()]),
            stop_grace_period: Some(seconds(STOP_TIMEOUT.as_secs()) * second),
            // The dispatcher looks itself; a process for each look at each peer would cost more than the peers.
            health_check: Some(HealthConfig { test: Some(vec!["NONE".into()]), ..HealthConfig::default() }),
            ..TaskSpecContainerSpec::default()
        }
    }

    fn command_line(&self, number: u64) -> Vec<String> {
        let page = format!("0.0.0.0:{PAGE_PORT}");
        let name = format!("guest {number}");
        let own = ["peer", "--name", &name, "--data", DATA, "--listen", "0.0.0.0", "--ui", &page];
        own.into_iter().map(String::from).chain(self.arguments.iter().cloned()).collect()
    }

    fn labels(&self, number: u64, state: &str) -> HashMap<String, String> {
        let labels =
            [(OWNER, self.owner.to_string()), (NUMBER, number.to_string()), (STATE, state.to_owned())];
        labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// So many tasks.
pub(super) fn replicas(replicas: i64) -> ServiceSpecMode {
    let replicated = ServiceSpecModeReplicated { replicas: Some(replicas) };
    ServiceSpecMode { replicated: Some(replicated), ..ServiceSpecMode::default() }
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_after_its_dispatcher_and_number_and_is_bounded() {
        let owner = NodeId::from_bytes([7; 32]);
        let shape = Shape {
            owner,
            image: "causeway".into(),
            overlay: "people".into(),
            arguments: vec!["--network".into(), "cloud".into()],
        };
        let service = shape.service(12, "engine");
        let name = service.name.unwrap();
        assert_eq!(name, format!("causeway-peer-{}-12", owner.short()));
        // <https://docs.docker.com/reference/cli/docker/service/create/>: a name is a DNS label.
        assert!(name.len() <= 63 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
        let task = service.task_template.unwrap();
        let limits = task.resources.unwrap().limits.unwrap();
        assert_eq!(limits.memory_bytes, Some(PEER_MEMORY_BYTES));
        assert!(limits.nano_cpus.is_some() && limits.pids.is_some());
        let container = task.container_spec.unwrap();
        assert_eq!(container.read_only, Some(true));
        let line = container.args.unwrap().join(" ");
        assert!(line.starts_with("peer --name guest 12 --data /data "), "{line}");
        assert!(line.ends_with(" --network cloud"), "{line}");
    }
}
