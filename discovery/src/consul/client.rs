//! One request, one answer.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    client::conn::http1,
    header::{CONNECTION, CONTENT_TYPE, HOST, HeaderName},
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use super::{ConsulError, ConsulSettings};
use crate::limits::{CONSUL_TIMEOUT, MAX_CONSUL_BODY_BYTES};

/// The header of the token.
const TOKEN: HeaderName = HeaderName::from_static("x-consul-token");
/// So much of what an agent says about an error is told.
const TOLD_BYTES: usize = 200;

/// Asks an agent. Each request has a connection of its own, so that nothing is held open between them: an agent takes
/// 200 connections of one address unless it is told otherwise.
#[derive(Debug, Clone)]
pub struct Client {
    settings: ConsulSettings,
}

/// A request.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// The path, and what follows it; encoded.
    pub(super) path: &'a str,
    pub(super) body: Bytes,
    /// How long the agent may take beyond [`CONSUL_TIMEOUT`].
    pub(super) patience: Duration,
}

/// An answer of status 200.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Client {
    /// Asks the agent at that address.
    pub const fn new(settings: ConsulSettings) -> Self {
        Self { settings }
    }

    /// Where it asks.
    pub const fn settings(&self) -> &ConsulSettings {
        &self.settings
    }

    /// This node's own address on the way to the agent.
    ///
    /// # Errors
    /// [`ConsulError::Unreachable`].
    pub async fn own_address(&self) -> Result<std::net::IpAddr, ConsulError> {
        let stream = within(CONSUL_TIMEOUT, &self.at(), self.connect()).await?;
        let address = stream.local_addr().map_err(|error| self.unreachable(&error))?;
        Ok(address.ip().to_canonical())
    }

    /// The leader of Consul's servers, `HOST:PORT`. To be asked whether Consul works.
    ///
    /// # Errors
    /// [`ConsulError`]; [`ConsulError::Failing`] when there is no leader.
    pub async fn leader(&self) -> Result<String, ConsulError> {
        let leader: String = self.get("/v1/status/leader").await?;
        if leader.is_empty() {
            return Err(ConsulError::Failing {
                status: StatusCode::SERVICE_UNAVAILABLE,
                said: "it has no leader".into(),
            });
        }
        Ok(leader)
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ConsulError> {
        let ask = Ask { method: Method::GET, path, body: Bytes::new(), patience: Duration::ZERO };
        self.read(&self.ask(ask).await?.body)
    }

    pub(super) async fn put(&self, path: &str, body: impl Into<Bytes>) -> Result<Answer, ConsulError> {
        self.ask(Ask { method: Method::PUT, path, body: body.into(), patience: Duration::ZERO }).await
    }

    pub(super) async fn put_json(&self, path: &str, body: &Value) -> Result<Answer, ConsulError> {
        self.put(path, body.to_string()).await
    }

    pub(super) fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ConsulError> {
        serde_json::from_slice(body).map_err(|error| self.garbled(&error))
    }

    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, ConsulError> {
        within(CONSUL_TIMEOUT + ask.patience, &self.at(), self.exchange(ask)).await
    }

    async fn exchange(&self, ask: Ask<'_>) -> Result<Answer, ConsulError> {
        let what = format!("{} {}", ask.method, ask.path.split('?').next().unwrap_or_default());
        let request = self.request(ask).await?;
        let stream = self.connect().await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.unreachable(&error))?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|error| self.cut(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_CONSUL_BODY_BYTES).collect().await;
            let body = body.map_err(|error| self.garbled(&*error))?.to_bytes();
            Ok((head, body))
        };
        // The connection makes progress only while somebody polls it; it ends with the answer.
        let connection = async {
            let _ = connection.await;
            std::future::pending::<()>().await;
        };
        let (head, body) = tokio::select! {
            biased;
            outcome = exchange => outcome?,
            () = connection => unreachable!("it never ends"),
        };
        match head.status {
            StatusCode::OK => Ok(Answer { headers: head.headers, body }),
            status => Err(refusal(what, status, &body)),
        }
    }

    async fn request(&self, ask: Ask<'_>) -> Result<Request<Full<Bytes>>, ConsulError> {
        let request = Request::builder().method(ask.method).uri(ask.path);
        let request = request.header(HOST, self.settings.url.target().place());
        let mut request = request.header(CONNECTION, "close").header(CONTENT_TYPE, "application/json");
        if let Some(token) = self.settings.token.header().await? {
            request = request.header(TOKEN, token);
        }
        request.body(Full::new(ask.body)).map_err(|error| self.garbled(&error))
    }

    async fn connect(&self) -> Result<TcpStream, ConsulError> {
        let addresses: Vec<SocketAddr> =
            self.settings.url.target().resolve().await.map_err(|error| self.unreachable(&error))?;
        TcpStream::connect(&addresses[..]).await.map_err(|error| self.unreachable(&error))
    }

    fn at(&self) -> String {
        self.settings.url.to_string()
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> ConsulError {
        ConsulError::Unreachable { at: self.at(), why: error.to_string() }
    }

    fn cut(&self, error: &hyper::Error) -> ConsulError {
        if error.is_parse() {
            return self.garbled(error);
        }
        ConsulError::Cut { at: self.at(), why: error.to_string() }
    }

    pub(super) fn garbled(&self, error: &dyn std::error::Error) -> ConsulError {
        ConsulError::Garbled { at: self.at(), why: error.to_string() }
    }
}

async fn within<T>(
    limit: Duration,
    at: &str,
    work: impl Future<Output = Result<T, ConsulError>>,
) -> Result<T, ConsulError> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(ConsulError::Silent { at: at.to_owned() }))
}

fn refusal(what: String, status: StatusCode, body: &[u8]) -> ConsulError {
    let said = String::from_utf8_lossy(&body[..body.len().min(TOLD_BYTES)]).trim().to_owned();
    let said = said.replace(char::is_control, " ");
    match status {
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => ConsulError::Denied { what },
        StatusCode::TOO_MANY_REQUESTS => ConsulError::Crowded,
        status if status.is_server_error() => ConsulError::Failing { status, said },
        status => ConsulError::Refused { what, status, said },
    }
}
