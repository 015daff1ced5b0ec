//! The exchange of hellos: the first message of each side on each connection.

use bytes::Bytes;
use identity::{Description, Network, NodeId};
use prost::Message as _;
use proto::link::v1::{Hello, Purpose};
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use tokio::time::timeout;

use super::{
    Introduction,
    limits::{HELLO_LIMIT, MAX_HELLO_BYTES, MAX_INVITATION_BYTES},
    wire::{WireError, length_of, read_message},
};

/// The version of the protocol of links.
const VERSION: u32 = 1;

/// The number of a link, chosen by whoever dials: both of its connections carry it.
pub(super) type LinkNumber = [u8; 16];

/// A hello whose every field was checked.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) purpose: Purpose,
    pub(super) link: LinkNumber,
    pub(super) introduction: Introduction,
    pub(super) invitation: Bytes,
}

/// Why hellos were not exchanged.
#[derive(Debug, thiserror::Error)]
pub(super) enum GreetError {
    #[error("no hello came within {} s", HELLO_LIMIT.as_secs())]
    Late,
    #[error("the hello does not follow the protocol: {0}")]
    Invalid(&'static str),
    #[error(
        "the other bridge speaks version {0} of the link protocol and this one version {VERSION}: update the older one"
    )]
    Version(u32),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("the connection broke: {0}")]
    Closed(#[from] ConnectionError),
}

/// What one side says.
pub(super) fn hello(
    own: &Introduction,
    purpose: Purpose,
    link: LinkNumber,
    invitation: Option<&Bytes>,
) -> Bytes {
    let hello = Hello {
        version: VERSION,
        purpose: purpose.into(),
        link: Bytes::copy_from_slice(&link),
        description: Some(own.description.signed().clone()),
        network: Some(own.network.to_proto()),
        program: concat!("causeway ", env!("CARGO_PKG_VERSION")).into(),
        invitation: invitation.cloned().unwrap_or_default(),
    };
    hello.encode_to_vec().into()
}

/// The dialling side: opens the first stream, speaks, and hears the answer.
pub(super) async fn greet(
    connection: &Connection,
    other: NodeId,
    hello: Bytes,
) -> Result<(SendStream, RecvStream, Greeting), GreetError> {
    let exchange = async {
        let (mut send, mut recv) = connection.open_bi().await?;
        // A failed write shows with its reason in the read.
        let _ = send.write_all_chunks(&mut [length_of(&hello), hello]).await;
        let greeting = hear(&mut recv, other).await?;
        Ok((send, recv, greeting))
    };
    let outcome = timeout(HELLO_LIMIT, exchange).await.map_err(|_| GreetError::Late)?;
    // Whatever else was seen, the connection's own end says why.
    outcome.map_err(|error: GreetError| connection.close_reason().map_or(error, GreetError::Closed))
}

/// The accepting side: hears first.
pub(super) async fn be_greeted(
    connection: &Connection,
    other: NodeId,
) -> Result<(SendStream, RecvStream, Greeting), GreetError> {
    let heard = async {
        let (send, mut recv) = connection.accept_bi().await?;
        let greeting = hear(&mut recv, other).await?;
        Ok((send, recv, greeting))
    };
    timeout(HELLO_LIMIT, heard).await.map_err(|_| GreetError::Late)?
}

/// The accepting side: answers.
pub(super) async fn answer(send: &mut SendStream, hello: Bytes) -> Result<(), quinn::WriteError> {
    send.write_all_chunks(&mut [length_of(&hello), hello]).await
}

async fn hear(recv: &mut RecvStream, other: NodeId) -> Result<Greeting, GreetError> {
    let message = read_message(recv, MAX_HELLO_BYTES).await?;
    check(&message, other)
}

fn check(message: &[u8], other: NodeId) -> Result<Greeting, GreetError> {
    let hello = Hello::decode(message).map_err(|_| GreetError::Invalid("it cannot be decoded"))?;
    if hello.version != VERSION {
        return Err(GreetError::Version(hello.version));
    }
    let purpose = match hello.purpose() {
        Purpose::Unspecified => return Err(GreetError::Invalid("its purpose is unknown")),
        purpose => purpose,
    };
    let link = hello.link.as_ref().try_into().map_err(|_| GreetError::Invalid("its link number"))?;
    let signed = hello.description.ok_or(GreetError::Invalid("it has no description"))?;
    let description =
        Description::verify(signed).map_err(|_| GreetError::Invalid("its description does not verify"))?;
    if description.id() != other {
        return Err(GreetError::Invalid("its description is another node's"));
    }
    let network = hello.network.ok_or(GreetError::Invalid("it names no network"))?;
    let network = Network::from_proto(&network).map_err(|_| GreetError::Invalid("its network"))?;
    if hello.invitation.len() > MAX_INVITATION_BYTES {
        return Err(GreetError::Invalid("its invitation is too long"));
    }
    Ok(Greeting {
        purpose,
        link,
        introduction: Introduction { description, network },
        invitation: hello.invitation,
    })
}
