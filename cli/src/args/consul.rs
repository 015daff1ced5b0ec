//! The options about Consul.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use discovery::consul::ConsulUrl;

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct ConsulArgs {
    /// The Consul agent of this machine, such as `http://127.0.0.1:8500`: to be found there, and to find others where
    /// multicast does not work; TLS beyond this machine is the agent's affair
    #[arg(long, env = "CAUSEWAY_CONSUL", value_name = "URL")]
    pub(crate) consul: Option<ConsulUrl>,
    /// A file with the token for Consul, read anew for each request (default: the token in CONSUL_HTTP_TOKEN, if any)
    #[arg(long, env = "CAUSEWAY_CONSUL_TOKEN_FILE", value_name = "FILE")]
    pub(crate) consul_token_file: Option<PathBuf>,
}
