//! Where a stream goes next, from the table.

use std::{net::IpAddr, time::Instant};

use identity::NodeId;
use proto::bridge::v1::Refusal;
use topology::{NoRoute, Route};

use crate::{
    proxy::{Directory, NextHop},
    table::{Known, Table},
};

impl Directory for Table {
    fn next_hop(&self, destination: NodeId, hops_left: u8) -> Result<NextHop, Refusal> {
        if self.is_draining() {
            return Err(Refusal::Draining);
        }
        let Some(known) = self.peer(&destination) else { return Err(self.why_gone(&destination)) };
        let next = next_hop(&known, hops_left)?;
        // What was refused before is no news once another attempt is under way.
        self.forget_refusal(&destination);
        Ok(next)
    }

    fn second_hop(&self, destination: NodeId, hops_left: u8, first: &NextHop) -> Option<NextHop> {
        let known = self.peer(&destination)?;
        let routes = known.route.as_ref().ok().into_iter().chain(&known.second);
        routes.filter_map(|route| along(route, hops_left).ok()).find(|hop| hop != first)
    }

    fn caller(&self, address: IpAddr) -> Option<NodeId> {
        Self::caller(self, address)
    }

    fn refused(&self, destination: NodeId, refusal: Refusal) {
        self.remember_refusal(destination, refusal, Instant::now());
    }
}

fn next_hop(known: &Known, hops_left: u8) -> Result<NextHop, Refusal> {
    if !known.addresses.is_empty() {
        return Ok(NextHop::Local { addresses: known.addresses.clone() });
    }
    along(known.route.as_ref().map_err(NoRoute::refusal)?, hops_left)
}

fn along(route: &Route, hops_left: u8) -> Result<NextHop, Refusal> {
    let links = route.bridges.len().saturating_sub(1);
    match route.bridges.get(1) {
        Some(_) if links > usize::from(hops_left) => Err(Refusal::Hops),
        Some(next) => Ok(NextHop::Link { bridge: *next }),
        // In the own network, and nowhere heard: nothing is dialled that was not.
        None => Err(Refusal::PeerNotAnswering),
    }
}
