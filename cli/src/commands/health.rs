//! `causeway health`: whether a node answers, for whatever watches over it.

use std::time::Duration;

use tokio::time::timeout;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

use crate::{
    args::DataArgs,
    client::Client,
    exit::{Failure, Fault, sentence},
    output,
};

/// A node that runs answers within milliseconds; one that swaps, or waits for its disk, may take a moment.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) async fn run(args: &DataArgs) -> anyhow::Result<()> {
    let why = match timeout(HEALTH_TIMEOUT, ask(args)).await {
        Ok(Ok(ServingStatus::Serving)) => return Ok(output::line("It answers.")?),
        Ok(Ok(status)) => format!("it says that it is {}", status.as_str_name()),
        Ok(Err(error)) => sentence(&error),
        Err(_) => format!("it did not answer within {} s", HEALTH_TIMEOUT.as_secs()),
    };
    Err(Fault::error(Failure::NotRunning, format!("this node is not well: {why}")))
}

async fn ask(args: &DataArgs) -> anyhow::Result<ServingStatus> {
    let mut health = Client::connect(args.data.as_deref(), None).await?.health();
    // Every node has this service, whatever it is.
    let request = HealthCheckRequest { service: "causeway.control.v1.Node".to_owned() };
    Ok(health.check(request).await?.into_inner().status())
}
