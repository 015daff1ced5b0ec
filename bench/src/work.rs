//! Work that is measured in two places: by the criterion benches of its crate, which include these files, and here.

pub(crate) mod appends;
pub(crate) mod replay;
