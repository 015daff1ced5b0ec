//! A history that is damaged in its middle: told with its place, and left as it is.

use std::{collections::BTreeMap, fs, path::Path};

use peer::{Peer, PeerConfig, StartError};
use proto::control::v1::InboxRequest;
use tonic::{Code, Status};

use crate::support::{LIMIT, Node, config, start_with};

/// More than what a shutdown makes a checkpoint for.
const MESSAGES: usize = 400;
/// The first byte of the keys under which records lie.
const RECORDS: u8 = 2;

/// The keys of what is stored of a history.
fn keys(data: &Path) -> Vec<sled::IVec> {
    let database = sled::open(data.join("store/sled")).unwrap();
    database.scan_prefix([RECORDS]).keys().map(Result::unwrap).collect()
}

/// Changes one bit of what is stored under a key, behind the back of the store; the first record there. Twice, and it
/// is as it was.
fn change_a_bit(data: &Path, key: &[u8]) -> u64 {
    let database = sled::open(data.join("store/sled")).unwrap();
    let mut value = database.get(key).unwrap().unwrap().to_vec();
    *value.last_mut().unwrap() ^= 1;
    database.insert(key, value).unwrap();
    database.flush().unwrap();
    u64::from_be_bytes(key[9..17].try_into().unwrap())
}

/// What the store holds, without what it says of its own files.
fn stored(data: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let database = sled::open(data.join("store/sled")).unwrap();
    database.iter().map(Result::unwrap).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// Reads everything; the refusal.
async fn refused_reading(node: &mut Node) -> Status {
    let mut stream = match node.client.inbox(InboxRequest::default()).await {
        Ok(stream) => stream.into_inner(),
        Err(status) => return status,
    };
    let reading = async {
        loop {
            match stream.message().await {
                Ok(item) => assert!(item.is_some(), "all was read"),
                Err(status) => return status,
            }
        }
    };
    tokio::time::timeout(LIMIT, reading).await.expect("an end of the reading")
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_middle_is_told_with_its_record_and_left_untouched() {
    let (data, absent) = (tempfile::tempdir().unwrap(), identity::tls::Identity::ephemeral().unwrap().id());
    let config = config("ben", data.path());
    let mut ben = start_with(config.clone()).await;
    for number in 0..MESSAGES {
        ben.send(absent, &format!("message {number}")).await.unwrap();
    }
    ben.peer.shutdown().await;
    // One of the full blocks, and one of the small ones at the end, which are looked at when a log is opened.
    let keys = keys(data.path());
    for key in [&keys[1], &keys[keys.len() - 3]] {
        told_and_untouched(&config, key).await;
    }
}

async fn told_and_untouched(config: &PeerConfig, key: &[u8]) {
    let data = &config.data;
    let position = change_a_bit(data, key);
    let damaged = stored(data);

    // A start from the checkpoint need not read that far back: who does is told, and the rest goes on.
    let mut ben = start_with(config.clone()).await;
    let refused = refused_reading(&mut ben).await;
    assert_eq!(refused.code(), Code::DataLoss, "{refused}");
    assert!(refused.message().contains(&format!("position {position}")), "{refused}");
    ben.peer.shutdown().await;
    let found = stored(data);
    assert_eq!(found.get(key), damaged.get(key));
    let damaged = found;

    // Without one, everything must be read.
    let checkpoint = data.join("checkpoint");
    let kept = fs::read(&checkpoint).unwrap();
    fs::remove_file(&checkpoint).unwrap();
    for _ in 0..2 {
        let refused = Peer::start(config.clone()).await.expect_err("a refusal");
        assert!(
            matches!(&refused, StartError::Damaged { position: told, .. } if *told == position),
            "{refused}"
        );
        assert!(refused.to_string().contains(&format!("record {position}")), "{refused}");
        assert_eq!(stored(data), damaged);
        assert!(!checkpoint.exists(), "a checkpoint of half a history");
    }
    fs::write(&checkpoint, kept).unwrap();
    change_a_bit(data, key);
    let mut ben = start_with(config.clone()).await;
    assert_eq!(ben.texts().await.len(), MESSAGES);
    ben.peer.shutdown().await;
}
