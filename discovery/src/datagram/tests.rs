//! Datagrams of every wrong kind.

use std::sync::LazyLock;

use proptest::prelude::*;
use proto::node::v1::Ports;

use super::*;
use crate::testing::announcer;

fn hint(number: u8) -> Hint {
    Hint { id: NodeId::from_bytes([number; 32]), address: ([10, 0, 0, number], 30_001).into() }
}

/// One for all: a certificate takes its time.
fn valid() -> Bytes {
    static VALID: LazyLock<Bytes> = LazyLock::new(|| {
        let announcer = announcer(1, "home");
        encode(announcer.identity().key(), Kind::Query, &announcer.next(), None, [hint(1), hint(2)]).0
    });
    VALID.clone()
}

/// A datagram of this message, signed as it should be.
fn sealed(edit: impl FnOnce(&mut v1::Datagram)) -> Bytes {
    let announcer = announcer(1, "home");
    let mut message = v1::Datagram {
        kind: Kind::Announce.into(),
        announcement: Some(announcer.next().signed().clone()),
        hints: vec![hint(1).to_proto()],
        description: None,
    };
    edit(&mut message);
    seal(announcer.identity().key(), &message)
}

#[test]
fn a_datagram_reads_back_as_it_was_written() {
    let announcer = announcer(1, "home");
    let (key, announcement) = (announcer.identity().key(), announcer.next());
    let v6 = Hint { id: NodeId::from_bytes([9; 32]), address: "[fd00::1]:9".parse().unwrap() };
    for kind in [Kind::Announce, Kind::Query, Kind::Goodbye] {
        let (datagram, fitted) = encode(key, kind, &announcement, None, [hint(1), v6]);
        let read = decode(&datagram).unwrap();
        assert_eq!((fitted, read.kind, read.said), (2, kind, Said::New(announcement.clone())));
        assert_eq!(read.hints, [hint(1), v6]);
    }
}

#[test]
fn the_fullest_datagram_keeps_to_its_size() {
    let announcer = announcer(1, &"n".repeat(32));
    let most = 65_535;
    announcer
        .set_ports(Ports { secure: most, greeting: most, control: most, proxy: most, link: most })
        .unwrap();
    for home in 1..=4 {
        announcer.add_home(NodeId::from_bytes([home; 32]));
    }
    let v6 = |number| Hint { id: NodeId::from_bytes([number; 32]), address: "[fd00::1]:9".parse().unwrap() };
    let (datagram, fitted) =
        encode(announcer.identity().key(), Kind::Announce, &announcer.next(), None, (0..100).map(v6));
    assert!(datagram.len() <= MAX_DATAGRAM_BYTES && datagram.len() > MAX_DATAGRAM_BYTES - 64);
    println!("{fitted} hints of IPv6 beside the largest announcement, {} bytes", datagram.len());
    assert_eq!(decode(&datagram).unwrap().hints.len(), fitted);
}

/// A peer with this name, that one dispatcher keeps, with four homes in a network that has an id.
fn introduced(name: &str) -> (NodeKey, Announcement, Description) {
    let identity = identity::tls::Identity::of_key(NodeKey::from_seed([3; 32])).unwrap();
    let vacant = v1::Attribute { key: "vacant".into(), value: "yes".into() };
    let message = v1::Description {
        kind: v1::NodeKind::Peer.into(),
        name: name.into(),
        sequence: u64::MAX >> 8,
        certificate: identity.certificate().clone(),
        attributes: identity::keepers(&[identity.id()]).into_iter().chain([vacant]).collect(),
        ..v1::Description::default()
    };
    let description = Description::sign(identity.key(), message).unwrap();
    let network = identity::Network {
        id: Some(identity::NetworkId::from_bytes([1; 16])),
        ..identity::Network::named("a network in a house")
    };
    let ports = Ports { secure: 30_000, greeting: 30_001, ..Ports::default() };
    let homes = vec![NodeId::from_bytes([9; 32]); 1];
    let presence = crate::Presence { network, ports, homes, description: description.clone() };
    let announcer = Announcer::new(&identity, 1 << 31, presence).unwrap();
    (identity.key().clone(), announcer.next(), description)
}

#[test]
fn a_description_comes_along_if_it_fits_before_any_hint() {
    let (key, announcement, description) = introduced("somebody with a name of usual length");
    let (datagram, fitted) = encode(&key, Kind::Query, &announcement, Some(&description), (1..100).map(hint));
    println!("{} bytes with a description and {fitted} hints", datagram.len());
    let read = decode(&datagram).unwrap();
    assert_eq!(read.description.as_ref(), Some(description.signed()));
    assert_eq!(read.hints.len(), fitted);
    assert!(datagram.len() <= MAX_DATAGRAM_BYTES);
}

#[test]
fn a_description_that_is_not_the_announced_one_is_neither_sent_nor_believed() {
    let (key, announcement, _) = introduced("anna");
    let (_, _, other) = introduced("another");
    let (datagram, _) = encode(&key, Kind::Announce, &announcement, Some(&other), []);
    assert_eq!(decode(&datagram).unwrap().description, None);
    let message = v1::Datagram {
        kind: Kind::Announce.into(),
        announcement: Some(announcement.signed().clone()),
        description: Some(other.signed().clone()),
        ..v1::Datagram::default()
    };
    assert_eq!(decode(&seal(&key, &message)), Err(InvalidDatagram::Field("description")));
}

#[test]
fn a_known_node_is_believed_by_the_datagrams_signature_alone() {
    let announcer = announcer(1, "home");
    let (key, known) = (announcer.identity().key(), announcer.current());
    let next = announcer.next();
    let (datagram, _) = encode(key, Kind::Announce, &next, None, []);
    let again = decode_knowing(&datagram, |_| Some(&known)).unwrap().said;
    assert_eq!(again, Said::Again { id: next.id(), sequence: next.sequence() });
    // Whoever leaves, says something else, or started anew is verified in full.
    let (goodbye, _) = encode(key, Kind::Goodbye, &next, None, []);
    assert_eq!(decode_knowing(&goodbye, |_| Some(&known)).unwrap().said, Said::New(next));
    announcer.set_ports(Ports { secure: 9, ..Ports::default() }).unwrap();
    let changed = announcer.next();
    let (datagram, _) = encode(key, Kind::Announce, &changed, None, []);
    assert_eq!(decode_knowing(&datagram, |_| Some(&known)).unwrap().said, Said::New(changed));
    // A forger says what is known, and cannot sign it.
    let forged = Signed { signature: vec![1; 64].into(), ..known.signed().clone() };
    let message =
        v1::Datagram { kind: Kind::Announce.into(), announcement: Some(forged), ..v1::Datagram::default() };
    let datagram = seal(&NodeKey::from_seed([2; 32]), &message);
    assert_eq!(decode_knowing(&datagram, |_| Some(&known)), Err(InvalidDatagram::Signature));
}

#[test]
fn wrong_fields_are_refused_by_name() {
    use InvalidDatagram::{Announcement as Inner, Field};
    let refused = |edit: fn(&mut v1::Datagram)| decode(&sealed(edit)).unwrap_err();
    assert_eq!(refused(|message| message.kind = 0), Field("kind"));
    assert_eq!(refused(|message| message.kind = 77), Field("kind"));
    assert_eq!(refused(|message| message.announcement = None), Field("announcement"));
    assert_eq!(refused(|message| message.hints[0].port = 0), Field("hint"));
    assert_eq!(refused(|message| message.hints[0].port = 65_536), Field("hint"));
    assert_eq!(refused(|message| message.hints[0].address = vec![1; 5].into()), Field("hint"));
    assert_eq!(refused(|message| message.hints[0].node_id = vec![1; 31].into()), Field("hint"));
    let many = |message: &mut v1::Datagram| message.hints = vec![v1::Hint::default(); MAX_HINTS + 1];
    assert_eq!(refused(many), Field("number of hints"));
    let unsigned = |message: &mut v1::Datagram| {
        message.announcement.as_mut().unwrap().signature = vec![0; 64].into();
    };
    assert_eq!(refused(unsigned), Inner(InvalidRecord::Signature));
}

#[test]
fn somebody_elses_announcement_in_ones_own_datagram_is_refused() {
    let (victim, mallory) = (announcer(1, "home"), announcer(2, "home"));
    let (datagram, _) = encode(mallory.identity().key(), Kind::Goodbye, &victim.next(), None, []);
    assert_eq!(decode(&datagram), Err(InvalidDatagram::Signature));
}

#[test]
fn a_signature_of_another_context_does_not_count() {
    let announcer = announcer(1, "home");
    let announcement = Some(announcer.next().signed().clone());
    let message = v1::Datagram { kind: 1, announcement, ..v1::Datagram::default() };
    let body = Bytes::from(message.encode_to_vec());
    let signature = announcer.identity().key().sign(Context::Announcement, &body);
    let mut datagram = MAGIC.to_vec();
    datagram.extend(Signed { body, signature }.encode_to_vec());
    assert_eq!(decode(&datagram.into()), Err(InvalidDatagram::Signature));
}

#[test]
fn other_protocols_and_sizes_are_refused() {
    for foreign in [&b""[..], b"CWY", b"CWY2", b"cwy1", b"GET / HTTP/1.1", &[0; 64]] {
        assert_eq!(decode(&Bytes::from_static(foreign)), Err(InvalidDatagram::Foreign));
    }
    let huge = Bytes::from(vec![0; MAX_DATAGRAM_BYTES + 1]);
    assert_eq!(decode(&huge), Err(InvalidDatagram::TooLarge(MAX_DATAGRAM_BYTES + 1)));
    assert!(decode(&Bytes::from_static(MAGIC)).is_err(), "nothing after the name");
}

#[test]
fn no_changed_or_cut_datagram_is_believed() {
    let good = valid();
    let truth = decode(&good).unwrap();
    for place in 0..good.len() {
        assert!(decode(&good.slice(..place)).is_err(), "cut at {place}");
        for bit in [place % 8, (place + 3) % 8] {
            let mut bytes = good.to_vec();
            bytes[place] ^= 1 << bit;
            // The one harmless change: the tag of a field that nobody knows, which is passed over.
            if let Ok(read) = decode(&bytes.into()) {
                assert_eq!(read, truth, "bit {bit} of byte {place}");
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1_300)) {
        let mut named = MAGIC.to_vec();
        named.extend(&bytes);
        prop_assert!(decode(&bytes.into()).is_err());
        prop_assert!(decode(&named.into()).is_err());
    }

    #[test]
    fn spliced_datagrams_never_panic_and_are_never_believed(
        at in 0_usize..700, removed in 1_usize..64, added in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let good = valid();
        let at = at.min(good.len() - 1);
        let until = (at + removed).min(good.len());
        let mut bytes = good.to_vec();
        bytes.splice(at..until, added.iter().copied());
        if bytes != good.as_ref() && let Ok(read) = decode(&bytes.into()) {
            prop_assert_eq!(read, decode(&good).unwrap());
        }
    }
}
