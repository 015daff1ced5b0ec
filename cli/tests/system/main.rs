//! Black-box tests on the built program: its commands, its promises under kill -9, and whole networks of it.
//!
//! One test program for all of it, so that the support is compiled and linked once. `namespaces::` needs root, `ip` and
//! `nft`; without them those tests say so and are skipped, and fail where `CI` is set.

mod namespaces;
mod support;
