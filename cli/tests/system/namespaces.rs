//! Whole networks on one machine. Needs root, `ip` and `nft`.

mod networks;
