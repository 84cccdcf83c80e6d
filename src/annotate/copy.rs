//! The result of an annotation, and how the names of a library's sequences are read.

use crate::align::Alignment;

/// A copy of a repeat, or a fragment of one.
#[derive(Debug, Clone, PartialEq)]
pub struct RepeatCopy {
    /// Number of the copy, counted from 1 in the order of the genome; fragments of one copy share it.
    pub id: u64,
    /// Its position and its differences from the consensus.
    pub alignment: Alignment,
}

impl RepeatCopy {
    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        (size_of::<Self>() - size_of::<Alignment>()) as u64 + self.alignment.bytes()
    }
}

/// Name and class of a sequence named `name#class/family`; the class is `Unknown` if there is none.
pub fn family_and_class(name: &str) -> (&str, &str) {
    match name.split_once('#') {
        Some((family, class)) if !class.is_empty() => (family, class),
        Some((family, _)) => (family, "Unknown"),
        None => (name, "Unknown"),
    }
}
