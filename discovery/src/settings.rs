//! What a node wants of discovery.

use crate::Target;

/// The port that all nodes share.
pub const DEFAULT_PORT: u16 = 30_002;

/// Which sources run, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Multicast on this machine's interfaces; none: not at all.
    pub multicast: Option<MulticastSettings>,
    /// Greeting ports of nodes of this network, given by a person.
    pub fixed: Vec<Target>,
    /// Control ports of bridges, given by a person.
    pub bridges: Vec<Target>,
    /// Also register with the bridges of this network that are heard. For peers and dispatchers; not for bridges.
    pub register: bool,
    /// Greet heard nodes, so that their descriptions become known.
    pub greet: bool,
}

/// How multicast is done.
#[derive(Debug, Clone)]
pub struct MulticastSettings {
    /// The shared port. Only tests use another one than 30002.
    pub port: u16,
    /// Only these interfaces, by name. Empty: all but loopback; and loopback where there is nothing else.
    pub interfaces: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            multicast: Some(MulticastSettings::default()),
            fixed: Vec::new(),
            bridges: Vec::new(),
            register: true,
            greet: true,
        }
    }
}

impl Default for MulticastSettings {
    fn default() -> Self {
        Self { port: DEFAULT_PORT, interfaces: Vec::new() }
    }
}
