//! Looking back: the same logs give the same answers, whoever holds them and however they came.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod answers;
mod files;
mod histories;
mod orders;
mod renewals;
mod slices;
