//! The secure port: who opens a session is known by the certificate, the rest is the actor's.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};
use identity::{NodeId, tls::node_of_certificate};
use proto::chat::v1::{
    Frame,
    chat_server::{Chat, ChatServer},
};
use runtime::rpc::PeerInfo;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, codec::CompressionEncoding};

use crate::limits::MAX_FRAME_BYTES;

/// A session that somebody opened.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) peer: NodeId,
    pub(crate) info: PeerInfo,
    pub(crate) stream: Streaming<Frame>,
    /// The frames for it, or why not.
    pub(crate) reply: oneshot::Sender<Result<mpsc::Receiver<Frame>, Status>>,
}

/// The chat service.
#[derive(Debug, Clone)]
pub(crate) struct ChatService {
    me: NodeId,
    incoming: mpsc::Sender<Incoming>,
}

impl ChatService {
    pub(crate) fn server(me: NodeId, incoming: mpsc::Sender<Incoming>) -> ChatServer<Self> {
        ChatServer::new(Self { me, incoming })
            .max_decoding_message_size(MAX_FRAME_BYTES)
            .max_encoding_message_size(MAX_FRAME_BYTES)
            .accept_compressed(CompressionEncoding::Zstd)
            .accept_compressed(CompressionEncoding::Gzip)
    }
}

#[tonic::async_trait]
impl Chat for ChatService {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<Frame, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<Frame>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let info = request.extensions().get::<PeerInfo>().cloned();
        let info = info.ok_or_else(|| Status::internal("the connection is not known"))?;
        let peer = caller(&request)?;
        if peer == self.me {
            return Err(Status::permission_denied("this is your own identity"));
        }
        let (reply, answer) = oneshot::channel();
        let incoming = Incoming { peer, info, stream: request.into_inner(), reply };
        let stopping = || Status::unavailable("this peer is stopping");
        self.incoming.send(incoming).await.map_err(|_| stopping())?;
        let frames = answer.await.map_err(|_| stopping())??;
        Ok(Response::new(Box::pin(ReceiverStream::new(frames).map(Ok))))
    }
}

/// Who calls, by the certificate of the connection.
pub(crate) fn caller<T>(request: &Request<T>) -> Result<NodeId, Status> {
    let info = request.extensions().get::<PeerInfo>();
    let certificate = info.and_then(|info| info.certificate.as_ref());
    let certificate = certificate.ok_or_else(|| Status::unauthenticated("a certificate is needed"))?;
    node_of_certificate(certificate).map_err(|error| Status::unauthenticated(error.to_string()))
}
