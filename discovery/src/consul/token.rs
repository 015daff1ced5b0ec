//! What the agent wants to see before it does anything: the token of its access control.

use std::{fmt, path::PathBuf, sync::Arc};

use hyper::header::HeaderValue;

use super::ConsulError;
use crate::limits::MAX_CONSUL_TOKEN_BYTES;

/// Where the token comes from. It is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Token {
    /// None: the agent has no access control, or an anonymous token that suffices.
    #[default]
    None,
    /// The token itself, from the environment.
    Plain(Arc<str>),
    /// A file, read anew for each request, so that tokens can be exchanged under running nodes.
    File(PathBuf),
}

impl Token {
    /// As a header. None: there is no token.
    pub(super) async fn header(&self) -> Result<Option<HeaderValue>, ConsulError> {
        let text = match self {
            Self::None => return Ok(None),
            Self::Plain(token) => token.to_string(),
            Self::File(path) => tokio::fs::read_to_string(path)
                .await
                .map_err(|source| ConsulError::TokenFile { path: path.clone(), why: source.to_string() })?,
        };
        let text = text.trim();
        let header = (!text.is_empty() && text.len() <= MAX_CONSUL_TOKEN_BYTES)
            .then(|| HeaderValue::from_str(text).ok())
            .flatten();
        let mut header = header.ok_or_else(|| self.unusable())?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    fn unusable(&self) -> ConsulError {
        match self {
            Self::File(path) => ConsulError::TokenFile {
                path: path.clone(),
                why: "it does not hold one line with a token".into(),
            },
            Self::None | Self::Plain(_) => ConsulError::Token,
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Plain(_) => f.write_str("Plain(..)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_trimmed_and_never_shown() {
        let token = Token::Plain("secret-1\n".into());
        assert_eq!(token.header().await.unwrap().unwrap(), "secret-1");
        assert!(!format!("{token:?} {:?}", token.header().await).contains("secret"));
        assert!(Token::Plain("two\nlines".into()).header().await.is_err());
    }

    #[tokio::test]
    async fn a_file_that_is_missing_is_named() {
        let error = Token::File("/nowhere/token".into()).header().await.unwrap_err().to_string();
        assert!(error.contains("/nowhere/token"), "{error}");
    }
}
