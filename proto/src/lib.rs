//! Causeway's wire formats, compiled from the .proto files of this crate.
//!
//! What it is: the messages by prost, and the gRPC clients and servers behind the feature `grpc`, so that the pure
//! crates do not pull in tokio. What it is not: any check of what a message says; `identity` verifies signed records,
//! and each reader checks its own bounds.
//!
//! | module | contents |
//! |---|---|
//! | [`node`] | descriptions, announcements, the discovery datagram |
//! | [`greeting`] | the exchange of descriptions |
//! | [`chat`] | the session between two peers |
//! | [`claim`] | how a peer that a dispatcher keeps becomes somebody's |
//! | [`bridge`] | a bridge's control port |
//! | [`link`] | frames and stream headers between bridges |
//! | [`log`] | events and segments |
//! | [`journal`] | a bridge's local inputs |
//! | [`control`] | the local control socket |
//! | [`store`] | what a bridge keeps beside its logs |
//! | [`topology`] | the past of a federation |
//! | [`export`] | logs in a portable file |
//! | [`hosting`] | what a dispatcher keeps on its disk |
//! | [`history`] | a peer's history on its disk |
//!
//! ```
//! use prost::Message as _;
//! use proto::node::v1::Network;
//!
//! let network = Network { name: "home".into(), ..Network::default() };
//! assert_eq!(Network::decode(network.encode_to_vec().as_slice()).unwrap(), network);
//! ```

/// The encoded `FileDescriptorSet` of every .proto file, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/causeway.descriptors"));

macro_rules! package {
    ($name:ident, $file:literal, $doc:literal) => {
        #[doc = $doc]
        pub mod $name {
            #[doc = concat!("Package `", $file, "`.")]
            #[allow(
                missing_docs,
                unreachable_pub,
                unused_qualifications,
                clippy::all,
                clippy::use_self,
                clippy::too_many_lines,
                clippy::allow_attributes_without_reason,
                reason = "generated code; the .proto files carry the docs"
            )]
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/", $file, ".rs"));
            }
        }
    };
}

package!(bridge, "causeway.bridge.v1", "A bridge's control port.");
package!(chat, "causeway.chat.v1", "The session between two peers.");
package!(claim, "causeway.claim.v1", "How a peer that a dispatcher keeps becomes somebody's.");
package!(control, "causeway.control.v1", "The local control socket.");
package!(export, "causeway.export.v1", "Logs in a portable file.");
package!(greeting, "causeway.greeting.v1", "The exchange of descriptions.");
package!(history, "causeway.history.v1", "A peer's history on its disk.");
package!(hosting, "causeway.hosting.v1", "What a dispatcher keeps on its disk.");
package!(journal, "causeway.journal.v1", "A bridge's local inputs.");
package!(link, "causeway.link.v1", "Frames and stream headers between bridges.");
package!(log, "causeway.log.v1", "Events and segments.");
package!(node, "causeway.node.v1", "Descriptions, announcements and the discovery datagram.");
package!(store, "causeway.store.v1", "What a bridge keeps beside its logs.");
package!(topology, "causeway.topology.v1", "The past of a federation.");
