//! Parts of a history, found without reading the rest, are those that reading all of it gives.

use proptest::prelude::*;
use proto::{
    log::v1::Kind,
    topology::v1::{DensityRequest, Event, Filter},
};
use topology::past::Past;

use crate::{
    histories::{archive, lived, past},
    orders::step,
};

fn all(past: Past<'_>, filter: &Filter) -> Vec<Event> {
    past.range(past.wanted(filter).unwrap()).collect()
}

/// In small steps, as a slow reader takes them.
fn newest(past: Past<'_>, filter: &Filter, most: usize) -> Vec<Event> {
    let mut watching = past.watch_newest(past.wanted(filter).unwrap(), most);
    let mut events = Vec::new();
    loop {
        let step = watching.step(&past, 3);
        events.extend(step.events);
        if !step.more {
            return events;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_newest_events_are_the_end_of_all(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 4..14),
        most in 1..60_usize,
        cut in 0..40_usize,
    ) {
        let simulation = lived(seed, &steps);
        let history = archive(&simulation, 0);
        let past = past(&history);
        let whole = all(past, &Filter::default());
        let until = whole[whole.len() - 1 - cut.min(whole.len() - 1)].time;
        let network = whole[0].network.clone().unwrap().name;
        let kinds = vec![Kind::LinkUp.into(), Kind::LinkDown.into()];
        for filter in [
            Filter::default(),
            Filter { until, ..Filter::default() },
            Filter { until, kinds, ..Filter::default() },
            Filter { network, ..Filter::default() },
        ] {
            let wanted = all(past, &filter);
            let end = &wanted[wanted.len().saturating_sub(most)..];
            let found = newest(past, &filter, most);
            let ids = |events: &[Event]| events.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
            prop_assert_eq!(ids(&found), ids(end), "{:?}", filter);
            prop_assert_eq!(&found, end, "{:?}", filter);
        }
    }

    #[test]
    fn slices_count_every_event_once_and_where_it_lies(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 4..14),
        slices in 1..40_u32,
    ) {
        let simulation = lived(seed, &steps);
        let history = archive(&simulation, 0);
        let past = past(&history);
        let whole = all(past, &Filter::default());
        let density = past.density(&DensityRequest { slices, ..DensityRequest::default() }).unwrap();
        prop_assert_eq!(density.counts.len(), slices as usize);
        prop_assert_eq!(density.counts.iter().sum::<u64>(), whole.len() as u64);
        let span = u128::from(density.until - density.since);
        let bound = |slice: u32| density.since + u64::try_from(span * u128::from(slice) / u128::from(slices)).unwrap();
        for slice in 0..slices {
            let (begin, end) = (bound(slice), bound(slice + 1));
            let inside = |time: u64| time >= begin && (time < end || (slice + 1 == slices && time == end));
            let expected = whole.iter().filter(|event| inside(event.time)).count() as u64;
            prop_assert_eq!(density.counts[slice as usize], expected, "slice {}", slice);
        }
    }
}
