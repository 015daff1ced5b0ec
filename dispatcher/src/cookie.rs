//! The cookie: who a browser belongs to, signed and encrypted, so that nobody else can make or read one. It holds no secret
//! of the peer.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use identity::NodeId;

use crate::{
    error::StartError,
    limits::{COOKIE_LIFETIME, MAX_COOKIE_BYTES},
};

const FILE: &str = "keys";
const KEY: usize = 32;
const NONCE: usize = 24;
/// Bytes of a person's name.
const USER: usize = 16;
/// Where containers find their secrets. Docker makes them readable to all users of the container, which are one.
const SECRETS: &str = "/run/secrets";
/// Stands before the peer's id, where there is one.
const BEFORE_PEER: char = ' ';

/// Who a browser belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// A random name.
    pub(crate) user: String,
    /// The peer that is theirs, once there is one: so that other dispatchers with the same keys find it.
    pub(crate) peer: Option<NodeId>,
}

/// What something sealed is for: one is never taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Cookie,
    Recovery,
}

impl Purpose {
    const fn context(self) -> &'static [u8] {
        match self {
            Self::Cookie => b"causeway/cookie/1",
            Self::Recovery => b"causeway/recovery/1",
        }
    }

    /// A recovery link is to be kept, and does not end.
    const fn lifetime(self) -> Option<Duration> {
        match self {
            Self::Cookie => Some(COOKIE_LIFETIME),
            Self::Recovery => None,
        }
    }
}

/// The keys that replicas share: the first one seals, all of them open, so that keys can be changed one after another.
#[derive(Clone)]
pub(crate) struct Keys(Vec<XChaCha20Poly1305>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// Reads the file that was named, which must be there; else the one in the data directory, made if it is missing.
    pub(crate) fn load(named: Option<&Path>, data: &Path) -> Result<Self, StartError> {
        let own = data.join(FILE);
        let path = named.unwrap_or(&own);
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {
                let text = format!("{}\n", HEXLOWER.encode(&rand::random::<[u8; KEY]>()));
                runtime::replace_file(path, text.as_bytes()).map_err(StartError::io(path))?;
                text
            }
            Err(error) => return Err(StartError::io(path)(error)),
        };
        refuse_if_open(path)?;
        let wrong = || StartError::Keys {
            path: path.to_owned(),
            what: "each line must be a key of 64 hexadecimal digits, such as `openssl rand -hex 32` prints"
                .into(),
        };
        let key = |line: &str| {
            let bytes = HEXLOWER.decode(line.trim().to_ascii_lowercase().as_bytes()).ok()?;
            XChaCha20Poly1305::new_from_slice(&bytes).ok()
        };
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let keys = lines.map(|line| key(line).ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(wrong()) } else { Ok(Self(keys)) }
    }

    /// A person who is new.
    pub(crate) fn new_person() -> Person {
        Person { user: HEXLOWER.encode(&rand::random::<[u8; USER]>()), peer: None }
    }

    /// Text that only these keys can make.
    pub(crate) fn seal(&self, purpose: Purpose, person: &Person, now: SystemTime) -> String {
        let mut body = seconds(now).to_be_bytes().to_vec();
        body.extend_from_slice(person.user.as_bytes());
        if let Some(peer) = person.peer {
            body.extend_from_slice(format!("{BEFORE_PEER}{peer}").as_bytes());
        }
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload { msg: &body, aad: purpose.context() };
        let sealed = self.0[0].encrypt(&XNonce::from(nonce), payload).expect("so few bytes can be encrypted");
        BASE64URL_NOPAD.encode(&[&nonce[..], &sealed].concat())
    }

    /// Whose it is, if it was made here and still counts.
    pub(crate) fn open(&self, purpose: Purpose, text: &str, now: SystemTime) -> Option<Person> {
        if text.len() > MAX_COOKIE_BYTES {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let nonce = XNonce::from(*nonce);
        let open = |key: &XChaCha20Poly1305| {
            key.decrypt(&nonce, Payload { msg: sealed, aad: purpose.context() }).ok()
        };
        let body = self.0.iter().find_map(open)?;
        let (since, text) = body.split_first_chunk::<8>()?;
        let age = seconds(now).saturating_sub(u64::from_be_bytes(*since));
        if purpose.lifetime().is_some_and(|lifetime| age > lifetime.as_secs()) {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let (user, peer) = match text.split_once(BEFORE_PEER) {
            Some((user, peer)) => (user, peer.parse().ok()),
            None => (text, None),
        };
        Some(Person { user: user.to_owned(), peer })
    }
}

/// Whoever reads the keys is anybody here.
fn refuse_if_open(path: &Path) -> Result<(), StartError> {
    let mode = fs::metadata(path).map_err(StartError::io(path))?.permissions().mode();
    if mode & 0o077 == 0 || path.starts_with(SECRETS) {
        return Ok(());
    }
    let what =
        "others on this machine can read it: `chmod 600` it, and put new keys in it if somebody may have"
            .into();
    Err(StartError::Keys { path: path.to_owned(), what })
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_these_keys_made_for_this_purpose_counts() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let keys = Keys::load(None, one.path()).unwrap();
        let (person, now) = (Keys::new_person(), SystemTime::now());
        let cookie = keys.seal(Purpose::Cookie, &person, now);
        assert!(!cookie.contains(&person.user), "it is not to be read");
        let again = Keys::load(None, one.path()).unwrap();
        assert_eq!(again.open(Purpose::Cookie, &cookie, now).as_ref(), Some(&person));
        let with_peer = Person { peer: Some(NodeId::from_bytes([7; 32])), ..person };
        let sealed = keys.seal(Purpose::Recovery, &with_peer, now);
        assert_eq!(keys.open(Purpose::Recovery, &sealed, now), Some(with_peer));
        assert_eq!(keys.open(Purpose::Recovery, &cookie, now), None);
        assert_eq!(Keys::load(None, other.path()).unwrap().open(Purpose::Cookie, &cookie, now), None);
        assert_eq!(keys.open(Purpose::Cookie, &cookie, now + COOKIE_LIFETIME * 2), None);
        for place in 0..cookie.len() {
            let mut forged = cookie.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(keys.open(Purpose::Cookie, &forged, now), None, "letter {place}");
        }
        assert_eq!(keys.open(Purpose::Cookie, &"A".repeat(5_000), now), None);
    }

    #[test]
    fn keys_are_changed_one_after_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared");
        let now = SystemTime::now();
        let (old, new) = ("11".repeat(32), "22".repeat(32));
        let person = Keys::new_person();
        let store = |text: &str| runtime::replace_file(&path, text.as_bytes()).unwrap();
        store(&old);
        let cookie = Keys::load(Some(&path), folder.path()).unwrap().seal(Purpose::Cookie, &person, now);
        store(&format!("{new}\n{old}\n"));
        let both = Keys::load(Some(&path), folder.path()).unwrap();
        assert_eq!(both.open(Purpose::Cookie, &cookie, now), Some(person));
        store("short");
        assert!(Keys::load(Some(&path), folder.path()).is_err());
        store("");
        assert!(Keys::load(Some(&path), folder.path()).is_err());
    }

    #[test]
    fn keys_that_others_can_read_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared");
        runtime::replace_file(&path, "11".repeat(32).as_bytes()).unwrap();
        assert!(Keys::load(Some(&path), folder.path()).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = Keys::load(Some(&path), folder.path()).unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }
}
