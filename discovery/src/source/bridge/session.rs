//! One registration while it lasts: register, follow, renew, leave.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use identity::{Description, Network};
use proto::bridge::v1::{
    Draining, FollowEvent, FollowRequest, RegisterRequest, RegisterResponse, control_client::ControlClient,
    follow_event::Kind,
};
use rand::RngExt as _;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tonic::{Status, Streaming, codec::CompressionEncoding, transport::Channel};

use super::{Bridge, Claim, End, connect::Connected, nearby::Nearby, remote};
use crate::{
    BridgeEnd, BridgeState,
    addresses::from_octets,
    limits::{BRIDGE_TIMEOUT, MAX_MESSAGE_BYTES, MAX_REGISTRATION_LEASE, MIN_REGISTRATION_LEASE},
    source::Outlet,
};

/// A drained bridge is waited for at most this long before it is dialled again.
const MAX_DRAIN: Duration = Duration::from_secs(60);

pub(super) struct Session<'a> {
    pub(super) outlet: &'a Outlet,
    pub(super) bridge: &'a mut Bridge,
    pub(super) connected: Connected,
    pub(super) claim: Claim,
    pub(super) nearby: Nearby,
}

type Client = ControlClient<Channel>;

impl Session<'_> {
    /// Runs until the bridge or this node does not want any more.
    pub(super) async fn run(mut self) -> End {
        let announcer = self.outlet.announcer().clone();
        let id = self.connected.id;
        // Registered too when an announcement has no room for one more home: it then counts as heard.
        announcer.add_home(id);
        let end = match self.serve().await {
            Ok(end) => end,
            Err(reason) => End::Lost(reason),
        };
        if !self.claim.is_lost() {
            announcer.remove_home(id);
        }
        self.bridge.status.end = None;
        end
    }

    async fn serve(&mut self) -> Result<End, String> {
        let mut client = ControlClient::new(self.connected.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .accept_compressed(CompressionEncoding::Zstd)
            .accept_compressed(CompressionEncoding::Gzip);
        let mut changes = self.outlet.announcer().changes();
        let mut renew = self.register(&mut client).await?;
        let mut events = self.follow(&mut client).await?;
        self.bridge.backoff.reset();
        self.bridge.tell(self.outlet, BridgeState::Registered).await;
        loop {
            tokio::select! {
                biased;
                () = self.outlet.token().cancelled() => {
                    self.leave(&mut client).await;
                    return Ok(End::Left);
                }
                () = self.claim.lost() => return Ok(End::Claimed),
                event = events.message() => match event.map_err(|status| said(&status))? {
                    Some(FollowEvent { kind: Some(Kind::Draining(draining)) }) => {
                        return Ok(self.drain(draining, events).await);
                    }
                    Some(event) => self.handle(event).await,
                    None => return Err("the bridge ended the connection".into()),
                },
                Ok(()) = changes.changed() => renew = self.register(&mut client).await?,
                () = sleep_until(renew) => {
                    renew = self.register(&mut client).await?;
                    self.nearby.hint_again(self.outlet);
                }
            }
        }
    }

    /// Registers or renews. Gives the time of the next renewal.
    async fn register(&mut self, client: &mut Client) -> Result<Instant, String> {
        let asked = Instant::now();
        let response = self.ask(client, false).await?;
        let lease = Duration::from_millis(response.lease_ms.into())
            .clamp(MIN_REGISTRATION_LEASE, MAX_REGISTRATION_LEASE);
        self.take_in(response)?;
        let share = rand::rng().random_range(0.25..0.33);
        Ok(asked + lease.mul_f64(share))
    }

    async fn ask(&self, client: &mut Client, goodbye: bool) -> Result<RegisterResponse, String> {
        let (description, announcement) = self.outlet.announcer().records();
        let request = RegisterRequest {
            description: Some(description.signed().clone()),
            announcement: Some(announcement.signed().clone()),
            goodbye,
        };
        match timeout(BRIDGE_TIMEOUT, client.register(request)).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(said(&status)),
            Err(_) => Err("the bridge did not answer the registration in time".into()),
        }
    }

    /// Checks what the bridge says of itself.
    fn take_in(&mut self, response: RegisterResponse) -> Result<(), String> {
        let broken = |what: &str| format!("the bridge's answer does not hold: {what}");
        let description = response.description.ok_or_else(|| broken("it has no description"))?;
        let description = Description::verify(description).map_err(|error| broken(&error.to_string()))?;
        if description.id() != self.connected.id {
            return Err(broken("its description is another node's"));
        }
        let network = response.network.ok_or_else(|| broken("it names no network"))?;
        let network = Network::from_proto(&network).map_err(|error| broken(&error.to_string()))?;
        let own = self.outlet.announcer().network();
        if network.name != own.name {
            return Err(format!(
                "this bridge serves the network `{}`, and this node is in `{}`",
                network.name, own.name
            ));
        }
        let end = BridgeEnd {
            id: self.connected.id,
            control: self.connected.control,
            proxy: self.port(response.proxy_port).ok_or_else(|| broken("it has no proxy port"))?,
            greeting: self.port(response.greeting_port).ok_or_else(|| broken("it has no greeting port"))?,
        };
        let status = &mut self.bridge.status;
        if status.end.as_deref() != Some(&end) {
            status.end = Some(Arc::new(end));
        }
        status.observed = from_octets(&response.observed_address);
        (status.network, status.description) = (Some(network), Some(description));
        Ok(())
    }

    fn port(&self, port: u32) -> Option<SocketAddr> {
        let port = u16::try_from(port).ok().filter(|port| *port > 0)?;
        let mut address = self.connected.control;
        address.set_port(port);
        Some(address)
    }

    async fn follow(&self, client: &mut Client) -> Result<Streaming<FollowEvent>, String> {
        match timeout(BRIDGE_TIMEOUT, client.follow(FollowRequest {})).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(said(&status)),
            Err(_) => Err("the bridge did not answer in time".into()),
        }
    }

    async fn handle(&mut self, event: FollowEvent) {
        let Some(end) = &self.bridge.status.end else { return };
        match remote::read(event, end) {
            Ok(Some(report)) => self.nearby.pass_on(report, self.outlet).await,
            Ok(None) => {}
            Err(error) => {
                self.outlet.metrics().dropped("remote_peer");
                tracing::debug!(bridge = %end.id.short(), %error, "the bridge told something that does not hold");
            }
        }
    }

    /// The bridge stops soon: it is no home any more, but the connection stays until it is gone.
    async fn drain(&mut self, draining: Draining, mut events: Streaming<FollowEvent>) -> End {
        self.outlet.announcer().remove_home(self.connected.id);
        self.bridge.tell(self.outlet, BridgeState::Draining).await;
        let grace = Duration::from_millis(draining.grace_ms.into()).min(MAX_DRAIN);
        let until = Instant::now() + grace;
        loop {
            tokio::select! {
                biased;
                () = self.outlet.token().cancelled() => return End::Left,
                event = timeout_at(until, events.message()) => {
                    if !matches!(event, Ok(Ok(Some(_)))) {
                        return End::Lost("the bridge is stopping".into());
                    }
                }
            }
        }
    }

    async fn leave(&self, client: &mut Client) {
        if let Err(reason) = self.ask(client, true).await {
            tracing::debug!(reason, "the bridge did not hear the goodbye");
        }
    }
}

fn said(status: &Status) -> String {
    match status.message() {
        "" => format!("the bridge refused: {}", status.code()),
        message => format!("the bridge said: {message}"),
    }
}
