//! Who may see a page: whoever opened a link that is good once, for as long as the session lasts.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use data_encoding::BASE64URL_NOPAD;
use hyper::{HeaderMap, header};

/// Links that were made and not opened; the oldest makes room.
pub const MAX_OPEN_LINKS: usize = 64;
/// How long a link can be opened.
pub const LINK_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long a session lasts, across restarts of the node.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// Bytes of the secret in a link.
const SECRET_BYTES: usize = 24;
/// Bytes of the time in a session.
const TIME_BYTES: usize = 8;
/// The longest cookie that is looked at.
const MAX_COOKIE_BYTES: usize = 1_024;

/// Vouches for bytes, and knows what it vouched for; across restarts of the node.
pub trait Seal: Send + Sync {
    /// Bytes that only the owner of the seal can make for `body`.
    fn seal(&self, body: &[u8]) -> Vec<u8>;
    /// How many bytes those are.
    fn size(&self) -> usize;
    /// Whether they are the seal of `body`.
    fn holds(&self, body: &[u8], seal: &[u8]) -> bool;
}

/// On which requests a browser sends the cookie along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// On those of the page itself.
    Strict,
    /// Also when a link elsewhere, or a redirect, leads to the page.
    Lax,
}

/// Makes links, turns each into a session once, and knows sessions again. Cheap to clone.
///
/// A session is a cookie that names its subject (who asked for the link) and when it began, sealed; nothing is kept of it
/// here. Its name has the node in it, for cookies do not tell ports of one machine apart.
#[derive(Clone)]
pub struct Gate {
    cookie: Arc<str>,
    seal: Arc<dyn Seal>,
    links: Arc<Mutex<Vec<Link>>>,
}

struct Link {
    secret: String,
    subject: String,
    until: SystemTime,
}

impl Gate {
    /// A gate of a node; `node` is part of the cookie's name: letters, digits.
    pub fn new(node: &str, seal: Arc<dyn Seal>) -> Self {
        Self { cookie: format!("causeway_{node}").into(), seal, links: Arc::default() }
    }

    /// The secret of a new link, good once and for [`LINK_LIFETIME`].
    pub fn link(&self, subject: impl Into<String>, now: SystemTime) -> String {
        let secret = BASE64URL_NOPAD.encode(&rand::random::<[u8; SECRET_BYTES]>());
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|link| link.until > now);
        if links.len() == MAX_OPEN_LINKS {
            links.remove(0);
        }
        links.push(Link { secret: secret.clone(), subject: subject.into(), until: now + LINK_LIFETIME });
        secret
    }

    /// The cookie that a link's secret is good for, as the value of `Set-Cookie`.
    pub fn open(&self, secret: &str, now: SystemTime) -> Option<String> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|link| link.until > now);
        let place = links.iter().position(|link| link.secret == secret)?;
        Some(self.begin(&links.remove(place).subject, now, SameSite::Strict))
    }

    /// The cookie of a new session, as the value of `Set-Cookie`. For subjects that have shown in another way than by a
    /// link that they may come in.
    pub fn begin(&self, subject: &str, now: SystemTime, same_site: SameSite) -> String {
        let mut body = seconds(now).to_be_bytes().to_vec();
        body.extend_from_slice(subject.as_bytes());
        let seal = self.seal.seal(&body);
        body.extend_from_slice(&seal);
        let (value, age) = (BASE64URL_NOPAD.encode(&body), SESSION_LIFETIME.as_secs());
        format!("{}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite={same_site:?}", self.cookie)
    }

    /// What makes a browser forget its session, as the value of `Set-Cookie`.
    pub fn end(&self) -> String {
        format!("{}=; Path=/; Max-Age=0; HttpOnly", self.cookie)
    }

    /// Whose session a request belongs to.
    pub fn subject(&self, headers: &HeaderMap, now: SystemTime) -> Option<String> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut named =
            cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = named.find(|(name, _)| *name == &*self.cookie)?;
        self.read(value, now)
    }

    fn read(&self, value: &str, now: SystemTime) -> Option<String> {
        if value.len() > MAX_COOKIE_BYTES {
            return None;
        }
        let sealed = BASE64URL_NOPAD.decode(value.as_bytes()).ok()?;
        let (body, seal) = sealed.split_at_checked(sealed.len().checked_sub(self.seal.size())?)?;
        if !self.seal.holds(body, seal) {
            return None;
        }
        let (begun, subject) = body.split_first_chunk::<TIME_BYTES>()?;
        let age = seconds(now).checked_sub(u64::from_be_bytes(*begun))?;
        if age >= SESSION_LIFETIME.as_secs() {
            return None;
        }
        String::from_utf8(subject.to_vec()).ok()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("cookie", &self.cookie).finish_non_exhaustive()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
