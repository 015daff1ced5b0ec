//! Logs: to stderr, as text for people or JSON for machines.

use std::{io, sync::Once};

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// A filter that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot understand the log filter `{filter}`: {reason}; write for example `info` or `info,gateway=debug`"
)]
pub struct InvalidFilter {
    filter: String,
    reason: String,
}

/// Starts logging for the process. Later calls change nothing.
///
/// `filter` is a level, or directives as of `tracing_subscriber::EnvFilter`.
///
/// # Errors
/// [`InvalidFilter`].
pub fn init(format: Format, filter: &str) -> Result<(), InvalidFilter> {
    static ONCE: Once = Once::new();
    let parsed = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| InvalidFilter { filter: filter.into(), reason: error.to_string() })?;
    ONCE.call_once(|| {
        let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(io::stderr);
        let outcome = match format {
            Format::Text => builder.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
            Format::Json => builder.json().flatten_event(true).try_init(),
        };
        // Somebody who embeds a node may have a subscriber of their own: theirs counts.
        drop(outcome);
    });
    Ok(())
}
