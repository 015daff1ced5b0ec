//! Where a stream goes next, from the table.

use std::{net::IpAddr, time::Instant};

use identity::NodeId;
use proto::bridge::v1::Refusal;
use topology::{NoRoute, Route};

use crate::{
    proxy::{Directory, NextHop, Origin},
    table::{Known, Table},
};

impl Directory for Table {
    fn next_hop(&self, destination: NodeId, origin: Origin, hops_left: u8) -> Result<NextHop, Refusal> {
        if self.is_draining() {
            return Err(Refusal::Draining);
        }
        let Some(known) = self.peer(&destination) else { return Err(self.why_gone(&destination)) };
        let next = match origin {
            Origin::Network => for_network(&known, hops_left),
            Origin::Link if self.exports(&destination) => for_others(&known, hops_left),
            Origin::Link => past_here(&known, hops_left),
        }?;
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

/// A local caller's: by import of this bridge, and export of the home.
fn for_network(known: &Known, hops_left: u8) -> Result<NextHop, Refusal> {
    local(known).map_or_else(|| on_route(&known.route, hops_left), Ok)
}

/// What came over a link: import of this bridge is not about it.
fn for_others(known: &Known, hops_left: u8) -> Result<NextHop, Refusal> {
    local(known).map_or_else(|| on_route(known.route_for_others(), hops_left), Ok)
}

/// The same to a peer that this bridge does not export: another home may do so.
fn past_here(known: &Known, hops_left: u8) -> Result<NextHop, Refusal> {
    match known.route_for_others() {
        Ok(route) if route.bridges.len() == 1 => Err(Refusal::Policy),
        Err(_) if local(known).is_some() => Err(Refusal::Policy),
        route => on_route(route, hops_left),
    }
}

fn local(known: &Known) -> Option<NextHop> {
    let heard = !known.addresses.is_empty();
    heard.then(|| NextHop::Local { addresses: known.addresses.clone() })
}

fn on_route(route: &Result<Route, NoRoute>, hops_left: u8) -> Result<NextHop, Refusal> {
    along(route.as_ref().map_err(NoRoute::refusal)?, hops_left)
}

fn along(route: &Route, hops_left: u8) -> Result<NextHop, Refusal> {
    let links = route.bridges.len().saturating_sub(1);
    match route.bridges.get(1) {
        Some(_) if links > usize::from(hops_left) => Err(Refusal::Hops),
        Some(next) => Ok(NextHop::Link { bridge: *next }),
        // In the own network, and nowhere heard: nothing is dialled that was not.
        None => route.asleep.map(|waker| NextHop::Asleep { waker }).ok_or(Refusal::PeerNotAnswering),
    }
}
