//! Blocks and parts give back what went in, and notice every flipped bit.

use super::*;

fn block_of(place: Place, records: &[Bytes]) -> Vec<u8> {
    let mut builder = BlockBuilder::default();
    for record in records {
        assert!(builder.fits(record));
        builder.push(record.clone());
    }
    builder.finish(place)
}

#[test]
fn a_block_gives_back_its_records() {
    let records = [Bytes::from_static(b"one"), Bytes::new(), Bytes::from(vec![7; 3000])];
    let place = Place::new(3, 41, 0);
    let value = block_of(place, &records);
    assert!(value.len() <= MAX_VALUE);
    let Ok(Stored::Records(block)) = decode(place, value.into()) else { panic!("not a block") };
    assert_eq!((block.first, block.last()), (41, 43));
    assert_eq!(block.records().collect::<Vec<_>>(), records);
    assert_eq!(block.record(40), None);
    assert_eq!(block.record(44), None);
}

#[test]
fn a_block_at_another_place_is_refused() {
    let value = Bytes::from(block_of(Place::new(3, 41, 0), &[Bytes::from_static(b"one")]));
    for place in [Place::new(4, 41, 0), Place::new(3, 42, 0), Place::new(3, 41, 1)] {
        assert!(decode(place, value.clone()).is_err(), "{place:?}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let place = Place::new(1, 1, 0);
    let value = block_of(place, &[Bytes::from_static(b"some"), Bytes::from_static(b"thing")]);
    for bit in 0..value.len() * 8 {
        let mut broken = value.clone();
        broken[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(place, broken.into()).is_err(), "bit {bit}");
    }
}

#[test]
fn a_value_with_a_right_checksum_and_a_wrong_table_is_refused() {
    let place = Place::new(1, 1, 0);
    for rest in [&[1, 2, 0, 9, 0, 1, 0, 0][..], &[1, 0, 0], &[1, 255, 255], &[1], &[], &[9, 0, 0, 0, 0, 0, 0]]
    {
        let value = seal(&place.key(), [&[0; CRC], rest].concat());
        assert!(decode(place, value.into()).is_err(), "{rest:?}");
    }
}

#[test]
fn the_parts_of_a_large_record_make_it_whole() {
    let record = Bytes::from((0..crate::MAX_RECORD).map(|at| at as u8).collect::<Vec<_>>());
    let mut whole = Vec::new();
    for (index, (place, value)) in split(5, 9, &record).into_iter().enumerate() {
        assert!(value.len() <= MAX_VALUE);
        assert_eq!(place, Place::new(5, 9, index as u16));
        let Ok(Stored::Part(part)) = decode(place, value.into()) else { panic!("not a part") };
        assert_eq!(part.length as usize, record.len());
        whole.extend_from_slice(&part.payload);
    }
    assert_eq!(whole, record);
}
