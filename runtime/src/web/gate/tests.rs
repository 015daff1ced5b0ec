use super::*;

/// A seal that anybody could make: what is tested here is the gate.
struct Sum(u8);

impl Seal for Sum {
    fn seal(&self, body: &[u8]) -> Vec<u8> {
        vec![body.iter().fold(self.0, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte))]
    }

    fn size(&self) -> usize {
        1
    }

    fn holds(&self, body: &[u8], seal: &[u8]) -> bool {
        self.seal(body) == seal
    }
}

fn gate(key: u8) -> Gate {
    Gate::new("abc", Arc::new(Sum(key)))
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// The headers that a browser sends once it was given a cookie.
fn sent_back(set_cookie: &str) -> HeaderMap {
    let pair = set_cookie.split(';').next().unwrap();
    HeaderMap::from_iter([(header::COOKIE, format!("other=1; {pair}").parse().unwrap())])
}

#[test]
fn a_link_opens_a_session_of_its_subject_once() {
    let gate = gate(1);
    let secret = gate.link("local", now());
    let cookie = gate.open(&secret, now()).unwrap();
    assert!(cookie.starts_with("causeway_abc="), "{cookie}");
    assert_eq!(gate.subject(&sent_back(&cookie), now()), Some("local".into()));
    assert_eq!(gate.open(&secret, now()), None);
}

#[test]
fn links_and_sessions_end() {
    let gate = gate(1);
    let (late, early) = (gate.link("late", now()), gate.link("early", now()));
    let cookie = gate.open(&early, now()).unwrap();
    assert_eq!(gate.open(&late, now() + LINK_LIFETIME), None);
    let last = SESSION_LIFETIME - Duration::from_secs(1);
    assert_eq!(gate.subject(&sent_back(&cookie), now() + last), Some("early".into()));
    assert_eq!(gate.subject(&sent_back(&cookie), now() + SESSION_LIFETIME), None);
}

#[test]
fn sessions_outlive_the_gate_and_belong_to_one_node() {
    let before = gate(1);
    let cookie = before.open(&before.link("local", now()), now()).unwrap();
    assert_eq!(gate(1).subject(&sent_back(&cookie), now()), Some("local".into()));
    assert_eq!(gate(2).subject(&sent_back(&cookie), now()), None);
}

#[test]
fn what_was_changed_is_no_session() {
    let gate = gate(1);
    let cookie = gate.open(&gate.link("local", now()), now()).unwrap();
    let value = cookie.split(['=', ';']).nth(1).unwrap();
    for place in 0..value.len() {
        let mut changed = value.as_bytes().to_vec();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_ne!(gate.read(&changed, now()), Some("local".into()), "{place}");
    }
    for nothing in ["", "A", "AA", "!", &"A".repeat(2_000)] {
        assert_eq!(gate.read(nothing, now()), None);
    }
}

#[test]
fn the_oldest_link_makes_room() {
    let gate = gate(1);
    let first = gate.link("first", now());
    let all: Vec<_> = (0..MAX_OPEN_LINKS).map(|_| gate.link("later", now())).collect();
    assert_eq!(gate.open(&first, now()), None);
    assert!(all.iter().all(|link| gate.open(link, now()).is_some()));
}
