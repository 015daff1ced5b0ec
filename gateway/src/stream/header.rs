//! The first message of a peer's stream.

use bytes::{BufMut as _, Bytes, BytesMut};
use identity::NodeId;
use prost::Message as _;
use proto::link::v1;

/// How many links a stream may cross in all: the way a peer's bytes take stays short, and a loop ends.
pub const MAX_HOPS: u8 = 8;

/// The longest encoded header, bytes. A full one has 90.
pub(crate) const MAX_HEADER_BYTES: usize = 256;

const TRACE_ID_BYTES: usize = 16;

/// Where a stream is to go, and what the first bridge said of where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamHeader {
    /// The peer to reach.
    pub destination: NodeId,
    /// The node the first bridge took the caller for, by its address. For logs and limits, never a proof.
    pub claimed_source: Option<NodeId>,
    /// How many more links the stream may cross after this one.
    pub hops_left: u8,
    /// The same on the whole way.
    pub trace_id: [u8; TRACE_ID_BYTES],
}

/// What came first on a stream is not a header. The stream is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a stream header: {0}")]
pub struct InvalidHeader(&'static str);

impl StreamHeader {
    /// A header for a stream that begins here, with a fresh trace id.
    pub fn begin(destination: NodeId, claimed_source: Option<NodeId>) -> Self {
        Self { destination, claimed_source, hops_left: MAX_HOPS - 1, trace_id: rand::random() }
    }

    /// Reads an encoded header.
    ///
    /// # Errors
    /// [`InvalidHeader`] says which field is not what it should be.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidHeader> {
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(InvalidHeader("too long"));
        }
        let message = v1::StreamHeader::decode(bytes).map_err(|_| InvalidHeader("cannot be decoded"))?;
        let destination = NodeId::try_from(&message.destination)
            .map_err(|_| InvalidHeader("destination is not a node id"))?;
        let claimed_source = match message.claimed_source.len() {
            0 => None,
            _ => Some(
                NodeId::try_from(&message.claimed_source)
                    .map_err(|_| InvalidHeader("claimed source is not a node id"))?,
            ),
        };
        let hops_left = u8::try_from(message.hops_left)
            .ok()
            .filter(|hops| *hops < MAX_HOPS)
            .ok_or(InvalidHeader("too many hops"))?;
        let trace_id = message.trace_id.as_ref().try_into().map_err(|_| InvalidHeader("trace id"))?;
        Ok(Self { destination, claimed_source, hops_left, trace_id })
    }

    /// The trace id for logs.
    pub fn trace(&self) -> u128 {
        u128::from_be_bytes(self.trace_id)
    }

    fn to_proto(self) -> v1::StreamHeader {
        v1::StreamHeader {
            destination: self.destination.to_bytes(),
            claimed_source: self.claimed_source.map(NodeId::to_bytes).unwrap_or_default(),
            hops_left: self.hops_left.into(),
            trace_id: Bytes::copy_from_slice(&self.trace_id),
        }
    }
}

/// The header with its length before it, as it travels.
pub(crate) fn frame_header(header: StreamHeader) -> Bytes {
    let message = header.to_proto();
    let length = message.encoded_len();
    let mut framed = BytesMut::with_capacity(4 + length);
    framed.put_u32(u32::try_from(length).expect("a header has at most 256 bytes"));
    message.encode(&mut framed).expect("the buffer grows");
    framed.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> StreamHeader {
        StreamHeader::begin(NodeId::from_bytes([1; 32]), Some(NodeId::from_bytes([2; 32])))
    }

    #[test]
    fn a_header_reads_back_and_fits_its_bound() {
        let framed = frame_header(header());
        let again = StreamHeader::decode(&framed[4..]).unwrap();
        assert_eq!((again.destination, again.hops_left), (header().destination, MAX_HOPS - 1));
        assert_eq!(u32::from_be_bytes(framed[..4].try_into().unwrap()) as usize, framed.len() - 4);
        assert!(framed.len() <= MAX_HEADER_BYTES);
    }

    #[test]
    fn headers_with_fields_out_of_bounds_are_refused() {
        let good = header().to_proto();
        let cases = [
            v1::StreamHeader { destination: Bytes::from_static(b"short"), ..good.clone() },
            v1::StreamHeader { claimed_source: Bytes::from_static(b"short"), ..good.clone() },
            v1::StreamHeader { hops_left: MAX_HOPS.into(), ..good.clone() },
            v1::StreamHeader { hops_left: u32::MAX, ..good.clone() },
            v1::StreamHeader { trace_id: Bytes::new(), ..good.clone() },
        ];
        for case in cases {
            assert!(StreamHeader::decode(&case.encode_to_vec()).is_err(), "{case:?}");
        }
        assert!(StreamHeader::decode(&[0xff; 40]).is_err());
        assert!(StreamHeader::decode(&vec![0; MAX_HEADER_BYTES + 1]).is_err());
        assert!(StreamHeader::decode(&good.encode_to_vec()).is_ok());
    }
}
