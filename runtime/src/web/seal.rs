//! Sessions vouched for by the node's own key: they outlive a restart, and nothing of them is kept.

use identity::{Context, NodeKey, SIGNATURE_BYTES, verify};

use super::Seal;

/// The node's key, as a seal.
pub struct KeySeal(NodeKey);

impl KeySeal {
    /// The seal of a node.
    pub const fn new(key: NodeKey) -> Self {
        Self(key)
    }
}

impl Seal for KeySeal {
    fn seal(&self, body: &[u8]) -> Vec<u8> {
        self.0.sign(Context::Page, body).to_vec()
    }

    fn size(&self) -> usize {
        SIGNATURE_BYTES
    }

    fn holds(&self, body: &[u8], seal: &[u8]) -> bool {
        verify(&self.0.node_id(), Context::Page, body, seal).is_ok()
    }
}

impl std::fmt::Debug for KeySeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeySeal(..)")
    }
}
