//! Exported files: whatever is changed in one is found.

use bytes::Bytes;
use identity::NodeKey;
use proto::topology::v1::VerifyResponse;
use topology::past::{
    Archive,
    export::{ExportedLogs, MAGIC, Writer},
};

use crate::histories::{Step, archive, lived, past};

/// A small file, as its pieces.
fn pieces() -> Vec<Bytes> {
    let simulation = lived(7, &[Step::Join(0, 1), Step::Cut(1), Step::Pass(80)]);
    let mut pieces = Vec::new();
    let put = |piece: Bytes| {
        pieces.push(piece);
        Ok::<(), ()>(())
    };
    Writer::new(&archive(&simulation, 0), &NodeKey::generate())
        .write(1_700_000_000_000, "test", put)
        .unwrap();
    pieces
}

fn verify(file: Vec<u8>) -> (VerifyResponse, u64) {
    let read = ExportedLogs::read(&file.into());
    let held = read.logs().iter().map(|(_, events)| events).sum();
    (past(&read).verify(), held)
}

#[test]
fn a_whole_file_is_good() {
    let pieces = pieces();
    let (verified, held) = verify(pieces.concat());
    assert!(verified.good, "{verified:?}");
    assert!(verified.events > 10 && verified.events == held, "{verified:?}");
    assert!(pieces.len() > 6, "the file has too few segments to move one: {}", pieces.len());
}

#[test]
fn a_changed_byte_anywhere_is_found() {
    let file = pieces().concat();
    for place in 0..file.len() {
        let mut changed = file.clone();
        changed[place] ^= 1 << (place % 8);
        let (verified, _) = verify(changed);
        assert!(!verified.good, "byte {place} of {} was changed and nobody saw it", file.len());
        let named = !verified.faults.is_empty() || verified.logs.iter().any(|log| log.bad > 0);
        assert!(named, "byte {place}: it is not said what is wrong");
    }
}

#[test]
fn a_cut_tail_is_found_wherever_it_was_cut() {
    let file = pieces().concat();
    for length in 0..file.len() {
        let (verified, _) = verify(file[..length].to_vec());
        assert!(!verified.good, "cut after {length} bytes of {}", file.len());
    }
    let longer = [file, vec![0]].concat();
    assert!(!verify(longer).0.good, "something was added");
}

#[test]
fn a_removed_moved_or_doubled_segment_is_found() {
    let pieces = pieces();
    // Between the line, the header and the end.
    let segments = 2..pieces.len() - 1;
    for index in segments.clone() {
        let mut without = pieces.clone();
        without.remove(index);
        assert!(!verify(without.concat()).0.good, "segment {index} was taken out");
        let mut twice = pieces.clone();
        twice.insert(index, pieces[index].clone());
        assert!(!verify(twice.concat()).0.good, "segment {index} was doubled");
        for other in segments.clone().filter(|other| *other != index) {
            let mut moved = pieces.clone();
            moved.swap(index, other);
            assert!(!verify(moved.concat()).0.good, "segments {index} and {other} were swapped");
        }
    }
}

#[test]
fn what_comes_before_the_damage_is_still_good() {
    let pieces = pieces();
    let whole = verify(pieces.concat()).0;
    let mut file = pieces.concat();
    let last_segment: usize = pieces[..pieces.len() - 2].iter().map(Bytes::len).sum();
    file[last_segment + 90] ^= 1;
    let (verified, _) = verify(file);
    assert!(!verified.good);
    let good = |it: &VerifyResponse| it.logs.iter().filter(|log| log.bad == 0).count();
    assert!(good(&verified) + 1 >= good(&whole), "{verified:?}");
    assert!(verified.events > 0 && verified.events < whole.events, "{verified:?}");
}

#[test]
fn lengths_that_promise_too_much_are_refused() {
    for length in [&[0xff; 10][..], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0x81, 0x80, 0x14], &[0x05]] {
        let file = [MAGIC, length].concat();
        let (verified, held) = verify(file);
        assert!(!verified.good && held == 0, "{length:x?}: {verified:?}");
    }
}

#[test]
fn a_file_of_another_kind_is_named_as_such() {
    for file in [&b""[..], b"hello\n", b"causeway-export/2\n"] {
        let (verified, _) = verify(file.to_vec());
        assert!(verified.faults[0].contains("no file that `causeway topology export` wrote"), "{verified:?}");
    }
}
