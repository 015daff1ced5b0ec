//! Whole networks on one machine. Needs root, `ip` and `nft`.

mod addresses;
mod blindness;
mod deaf;
mod faults;
mod flood;
mod handover;
mod incidents;
mod names;
mod nat;
mod networks;
mod restored;
mod roaming;
mod row;
mod stage;
mod stalled;
mod steady;
