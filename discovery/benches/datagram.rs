//! What an announcement costs: signing and encoding it as a datagram, and decoding and verifying one.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use discovery::{
    Announcer, Presence,
    datagram::{Hint, decode, decode_knowing, encode},
};
use identity::{Announcement, Description, Network, NodeId, tls::Identity};
use proto::node::v1::{self, NodeKind, Ports, datagram::Kind};

fn announcer() -> Announcer {
    let identity = Identity::ephemeral().expect("keys can be made");
    let description = v1::Description {
        kind: NodeKind::Peer.into(),
        name: "anna".into(),
        certificate: identity.certificate().clone(),
        ..v1::Description::default()
    };
    let description = Description::sign(identity.key(), description).expect("the description is valid");
    let ports = Ports { secure: 30_000, greeting: 30_001, ..Ports::default() };
    let homes = vec![NodeId::from_bytes([7; 32]); 2];
    let presence = Presence { network: Network::named("home"), ports, homes, description };
    Announcer::new(&identity, 1, presence).expect("the presence is valid")
}

fn hints() -> impl Iterator<Item = Hint> {
    (1..=16).map(|number| Hint {
        id: NodeId::from_bytes([number; 32]),
        address: ([192, 168, 1, number], 30_001).into(),
    })
}

fn bench(criterion: &mut Criterion) {
    let announcer = announcer();
    let key = announcer.identity().key().clone();
    let announcement = announcer.next();
    criterion.bench_function("announcement: sign", |bencher| bencher.iter(|| black_box(announcer.next())));
    criterion.bench_function("announcement: verify", |bencher| {
        bencher.iter(|| Announcement::verify(black_box(announcement.signed().clone())));
    });
    criterion.bench_function("datagram: sign and encode, 16 hints", |bencher| {
        bencher.iter(|| encode(&key, Kind::Announce, black_box(&announcement), None, hints()));
    });
    let (datagram, fitted) = encode(&key, Kind::Announce, &announcement, None, hints());
    criterion.bench_function("datagram: of a known node, decode and verify", |bencher| {
        bencher.iter(|| decode_knowing(black_box(&datagram), |_| Some(&announcement)));
    });
    criterion.bench_function(&format!("datagram: decode and verify, {fitted} hints"), |bencher| {
        bencher.iter(|| decode(black_box(&datagram)));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
