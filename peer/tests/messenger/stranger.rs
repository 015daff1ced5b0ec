//! A chat client made by hand, from chat.proto alone: it may say whatever it likes.

use std::sync::Arc;

use bytes::Bytes;
use identity::{
    NodeId,
    tls::{ALPN_H2, Expected, Identity, client_config, server_name},
};
use prost::Message as _;
use proto::chat::v1::{
    Envelope, Frame, Hello, Message, Resume, Text, chat_client::ChatClient, envelope::Content, frame::Kind,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, codec::CompressionEncoding};

use crate::support::{LIMIT, Node};

pub(crate) const EPOCH: [u8; 16] = [7; 16];

pub(crate) struct Stranger {
    pub(crate) identity: Identity,
    pub(crate) to: NodeId,
    frames: mpsc::Sender<Frame>,
    answers: Streaming<Frame>,
}

impl Stranger {
    /// Opens a session without saying anything.
    pub(crate) async fn connect(node: &Node, identity: Identity) -> Self {
        Self::connect_saying(node, identity, None).await
    }

    /// The same, and compresses what it says.
    async fn connect_saying(
        node: &Node,
        identity: Identity,
        compression: Option<CompressionEncoding>,
    ) -> Self {
        let config = Arc::new(client_config(&identity, Expected::Node(node.id()), ALPN_H2).unwrap());
        let address = node.peer.addresses().secure;
        let connected = runtime::rpc::connect_tls(address, config, server_name(node.id()), LIMIT).await;
        let (frames, receiver) = mpsc::channel(64);
        let mut client = ChatClient::new(connected.unwrap().0).max_encoding_message_size(usize::MAX);
        if let Some(encoding) = compression {
            client = client.send_compressed(encoding);
        }
        let answers = client.session(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        Self { identity, to: node.id(), frames, answers }
    }

    /// Opens a session and exchanges hellos.
    pub(crate) async fn hello(node: &Node) -> Self {
        Self::hello_as(node, Identity::ephemeral().unwrap()).await
    }

    pub(crate) async fn hello_as(node: &Node, identity: Identity) -> Self {
        Self::try_hello_as(node, identity).await.expect("no hello")
    }

    /// Opens a session and exchanges hellos, all that it says compressed.
    pub(crate) async fn hello_compressed(node: &Node, encoding: CompressionEncoding) -> Self {
        let identity = Identity::ephemeral().unwrap();
        Self::connect_saying(node, identity, Some(encoding)).await.introduced().await.expect("no hello")
    }

    /// None when the session is refused.
    pub(crate) async fn try_hello_as(node: &Node, identity: Identity) -> Option<Self> {
        Self::connect(node, identity).await.introduced().await
    }

    async fn introduced(mut self) -> Option<Self> {
        let session = Bytes::from(rand::random::<[u8; 16]>().to_vec());
        let hello = Hello { session: session.clone(), epoch: Bytes::from_static(&EPOCH), ..Hello::default() };
        self.frames.send(Frame { kind: Some(Kind::Hello(hello)) }).await.ok()?;
        let Kind::Hello(answer) = self.hear().await? else { return None };
        assert_eq!(answer.session, session);
        Some(self)
    }

    /// A frame as this side decodes one of a later version: of no kind that it knows.
    pub(crate) async fn say_something_new(&self) {
        // Field 99, a message of no bytes: `(99 << 3) | 2` as a varint.
        let unknown = Frame::decode(&[0x9a, 0x06, 0x00][..]).unwrap();
        assert_eq!(unknown.kind, None);
        self.frames.send(unknown).await.unwrap();
    }

    pub(crate) async fn say(&self, kind: Kind) {
        self.frames.send(Frame { kind: Some(kind) }).await.unwrap();
    }

    /// The next frame but pings; None at the end.
    pub(crate) async fn hear(&mut self) -> Option<Kind> {
        loop {
            let frame = tokio::time::timeout(LIMIT, self.answers.message()).await.expect("an answer in time");
            match frame.ok()??.kind {
                Some(Kind::Ping(_)) => {}
                kind => return kind,
            }
        }
    }

    pub(crate) async fn write(&self, sequence: u64, text: &str) {
        self.say(Kind::Message(Message { envelope: self.envelope(sequence, text) })).await;
    }

    pub(crate) async fn resume(&self) {
        self.say(Kind::Resume(Resume {})).await;
    }

    pub(crate) fn envelope(&self, sequence: u64, text: &str) -> Bytes {
        let envelope = Envelope {
            sender: self.identity.id().to_bytes(),
            recipient: self.to.to_bytes(),
            epoch: Bytes::from_static(&EPOCH),
            sequence,
            content: Some(Content::Text(Text { text: text.into() })),
            ..Envelope::default()
        };
        envelope.encode_to_vec().into()
    }
}
