//! Which Consul, and what it wants to see.

use std::path::PathBuf;

use discovery::consul::{ConsulSettings, ConsulUrl, Token};

use super::usage;
use crate::args::ConsulArgs;

/// Where Consul's own tools look for a token.
const TOKEN: &str = "CONSUL_HTTP_TOKEN";

/// None: no Consul.
pub(crate) fn consul(
    args: ConsulArgs,
    url: Option<ConsulUrl>,
    token_file: Option<PathBuf>,
) -> anyhow::Result<Option<ConsulSettings>> {
    let file = args.consul_token_file.or(token_file);
    let Some(url) = args.consul.or(url) else {
        return match file {
            Some(_) => Err(usage("--consul-token-file belongs to --consul: which agent is it for?".into())),
            None => Ok(None),
        };
    };
    let from_environment = || std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
    let token = match file {
        // Whoever is started by this program may be in another folder.
        Some(file) => Token::File(std::path::absolute(&file).unwrap_or(file)),
        None => from_environment().map_or(Token::None, |token| Token::Plain(token.into())),
    };
    Ok(Some(ConsulSettings { url, token }))
}

/// The options that tell a peer the same.
pub(super) fn options(consul: &ConsulSettings) -> Vec<String> {
    let mut options = vec!["--consul".to_owned(), consul.url.to_string()];
    if let Token::File(file) = &consul.token {
        options.extend(["--consul-token-file".to_owned(), file.display().to_string()]);
    }
    options
}
