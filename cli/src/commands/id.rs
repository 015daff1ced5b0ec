//! `causeway id`.

use identity::tls::Identity;

use crate::{args::DataArgs, data, output};

pub(super) fn run(args: &DataArgs) -> anyhow::Result<()> {
    let data = data::of_files(args.data.as_deref())?;
    let identity = Identity::load_or_create(&data)?;
    Ok(output::line(&identity.id().to_string())?)
}
