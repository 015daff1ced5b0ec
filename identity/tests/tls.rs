//! Real handshakes in memory: who gets through, and who is told apart.
#![cfg(feature = "tls")]

use std::{io, sync::Arc};

use identity::{
    NodeId,
    tls::{
        ALPN_H2, Expected, Identity, client_config, node_of_certificate, node_of_peer, server_config,
        server_name,
    },
};
use rustls::{ClientConnection, HandshakeKind, ServerConnection};

type Pair = (ClientConnection, ServerConnection);

fn handshake(client: &Identity, server: &Identity, expected: Expected) -> Result<Pair, rustls::Error> {
    let server_config = Arc::new(server_config(server, ALPN_H2)?);
    let client_config = Arc::new(client_config(client, expected, ALPN_H2)?);
    connect(client_config, server_config, server.id())
}

fn connect(
    client: Arc<rustls::ClientConfig>,
    server: Arc<rustls::ServerConfig>,
    name: NodeId,
) -> Result<Pair, rustls::Error> {
    let mut client = ClientConnection::new(client, server_name(name))?;
    let mut server = ServerConnection::new(server)?;
    while client.is_handshaking() || server.is_handshaking() {
        transfer(|out| client.write_tls(out), |input| server.read_tls(input));
        server.process_new_packets()?;
        transfer(|out| server.write_tls(out), |input| client.read_tls(input));
        client.process_new_packets()?;
    }
    Ok((client, server))
}

fn transfer(
    mut write: impl FnMut(&mut Vec<u8>) -> io::Result<usize>,
    mut read: impl FnMut(&mut &[u8]) -> io::Result<usize>,
) {
    let mut bytes = Vec::new();
    while write(&mut bytes).expect("memory takes all") > 0 {}
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        read(&mut rest).expect("memory gives all");
    }
}

#[test]
fn both_sides_learn_each_others_node_id() {
    let (a, b) = (Identity::ephemeral().unwrap(), Identity::ephemeral().unwrap());
    let (client, server) = handshake(&a, &b, Expected::Node(b.id())).unwrap();
    assert_eq!(node_of_peer(client.peer_certificates()), Some(b.id()));
    assert_eq!(node_of_peer(server.peer_certificates()), Some(a.id()));
}

#[test]
fn the_key_exchange_is_post_quantum() {
    let (a, b) = (Identity::ephemeral().unwrap(), Identity::ephemeral().unwrap());
    let (client, _) = handshake(&a, &b, Expected::Any).unwrap();
    assert_eq!(client.negotiated_key_exchange_group().unwrap().name(), rustls::NamedGroup::X25519MLKEM768);
}

#[test]
fn somebody_elses_id_is_refused() {
    let [a, b, c] = [(); 3].map(|()| Identity::ephemeral().unwrap());
    assert!(handshake(&a, &b, Expected::Node(c.id())).is_err());
}

#[test]
fn a_certificate_whose_key_the_node_did_not_sign_is_refused() {
    // The extension of one certificate copied into another one, which has another key.
    let victim = Identity::ephemeral().unwrap();
    let honest = victim.certificate();
    let (_, parsed) = x509_parser::parse_x509_certificate(honest).unwrap();
    let oid = x509_parser::oid_registry::Oid::from(identity::tls::NODE_EXTENSION_OID).unwrap();
    let content = parsed.get_extension_unique(&oid).unwrap().unwrap().value.to_vec();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::new(vec![victim.id().to_string()]).unwrap();
    params.custom_extensions =
        vec![rcgen::CustomExtension::from_oid_content(identity::tls::NODE_EXTENSION_OID, content)];
    let forged = params.self_signed(&key).unwrap();
    assert_eq!(node_of_certificate(honest), Ok(victim.id()));
    assert_eq!(node_of_certificate(forged.der()), Err(identity::tls::CertificateError::Forged));
}

#[test]
fn sessions_are_never_resumed() {
    let (a, b) = (Identity::ephemeral().unwrap(), Identity::ephemeral().unwrap());
    let server = Arc::new(server_config(&b, ALPN_H2).unwrap());
    // A client that would resume if it could.
    let mut eager = client_config(&a, Expected::Any, ALPN_H2).unwrap();
    eager.resumption = rustls::client::Resumption::in_memory_sessions(8);
    let eager = Arc::new(eager);
    for _ in 0..2 {
        let (client, _) = connect(Arc::clone(&eager), Arc::clone(&server), b.id()).unwrap();
        assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn an_identity_on_disk_keeps_its_certificate() {
    let data = tempfile::tempdir().unwrap();
    let first = Identity::load_or_create(data.path()).unwrap();
    let second = Identity::load_or_create(data.path()).unwrap();
    assert_eq!(first.certificate(), second.certificate());
    assert_eq!(node_of_certificate(first.certificate()), Ok(first.id()));
}

#[test]
fn a_certificate_of_another_node_on_disk_is_refused() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Identity::load_or_create(data.path()).unwrap();
    Identity::load_or_create(other.path()).unwrap();
    let file = |folder: &tempfile::TempDir| folder.path().join("identity/tls.crt");
    std::fs::copy(file(&other), file(&data)).unwrap();
    assert!(Identity::load_or_create(data.path()).unwrap_err().to_string().contains("damaged"));
}
