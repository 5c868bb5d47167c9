//! `ModelId`: the hash that names a model by its content, never by its path.

use std::fmt;

/// SHA-256 over a model's content (docs/exact-transformer.md, "Content id").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelId(pub [u8; 32]);

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
