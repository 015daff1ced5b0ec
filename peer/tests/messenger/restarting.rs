//! Starts with a long history: from a checkpoint, and without one that can be used.

use std::{fs, path::Path};

use identity::NodeId;
use prost::Message as _;
use proto::{control::v1::PeopleRequest, history::v1::Checkpoint};

use crate::support::{Node, config, start_with};

/// More than what a shutdown makes a checkpoint for.
const MESSAGES: usize = 400;

/// Sends to somebody who is not there.
async fn fill(node: &mut Node, to: NodeId) {
    for number in 0..MESSAGES {
        node.send(to, &format!("message {number}")).await.unwrap();
    }
}

/// Makes a checkpoint say that everybody was blocked, which the history does not.
fn block_all(path: &Path) {
    let bytes = fs::read(path).unwrap();
    let mut checkpoint = Checkpoint::decode(&bytes[32..]).unwrap();
    checkpoint.contacts.iter_mut().for_each(|contact| contact.blocked = true);
    let content = checkpoint.encode_to_vec();
    let seal = blake3::derive_key("causeway/checkpoint/1", &content);
    fs::write(path, [&seal[..], &content].concat()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_goes_on_from_the_checkpoint() {
    let (data, absent) = (tempfile::tempdir().unwrap(), identity::tls::Identity::ephemeral().unwrap().id());
    let mut ben = start_with(config("ben", data.path())).await;
    fill(&mut ben, absent).await;
    let before = ben.texts().await;
    ben.peer.shutdown().await;

    let mut ben = start_with(config("ben", data.path())).await;
    assert_eq!(ben.texts().await, before);
    ben.send(absent, "one more").await.unwrap();
    ben.peer.shutdown().await;

    // What it says is believed, so the history before it is not read again; what came after is.
    block_all(&data.path().join("checkpoint"));
    let mut ben = start_with(config("ben", data.path())).await;
    let people = ben.client.people(PeopleRequest {}).await.unwrap().into_inner().people;
    assert!(people.iter().all(|person| person.blocked) && !people.is_empty(), "{people:?}");
    assert_eq!(ben.status().await.queued, MESSAGES as u64 + 1);
    assert_eq!(ben.texts().await.last().map(String::as_str), Some("one more"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_cannot_be_used_changes_nothing() {
    let (data, absent) = (tempfile::tempdir().unwrap(), identity::tls::Identity::ephemeral().unwrap().id());
    let checkpoint = data.path().join("checkpoint");
    let mut ben = start_with(config("ben", data.path())).await;
    fill(&mut ben, absent).await;
    let before = ben.texts().await;
    ben.peer.shutdown().await;
    let good = fs::read(&checkpoint).unwrap();
    let mut wrong = good.clone();
    wrong[good.len() / 2] ^= 1;
    for bad in [Vec::new(), wrong, good[..good.len() / 2].to_vec(), vec![7; 1024]] {
        fs::write(&checkpoint, bad).unwrap();
        let mut ben = start_with(config("ben", data.path())).await;
        assert_eq!(ben.status().await.queued, MESSAGES as u64);
        assert_eq!(ben.texts().await, before);
        ben.peer.shutdown().await;
        assert_eq!(fs::read(&checkpoint).unwrap(), good, "and a good one is made again");
    }
}
