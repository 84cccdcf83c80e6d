//! The checksum of every page, block, record and chunk: XXH3-64, seeded with its kind, its number and the identity of
//! its index, so that sound bytes at a wrong offset are found too.

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

/// The kind of data that a checksum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChecksumKind {
    /// Dictionary page.
    Page = 1,
    /// Position block.
    Block = 2,
    /// Catalog record; the number includes the kind of record.
    Record = 3,
    /// Chunk of the packed genome.
    Chunk = 4,
}

/// Distinguishes the pages, blocks, records and chunks of one index from those of another: 64 bits of a digest of its
/// parameters, dictionary and genome.
///
/// In the manifest it is 16 hexadecimal digits: not every reader of JSON keeps 64 bits of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Identity(u64);

impl From<Identity> for String {
    fn from(identity: Identity) -> Self {
        format!("{:016x}", identity.0)
    }
}

impl TryFrom<String> for Identity {
    type Error = String;

    fn try_from(digits: String) -> Result<Self, String> {
        match u64::from_str_radix(&digits, 16) {
            Ok(bits) if digits.len() == 16 => Ok(Self(bits)),
            _ => Err(format!("{digits:?} is not an identity of 16 hexadecimal digits")),
        }
    }
}

impl Identity {
    /// The identity of an index that differs from others in these fields.
    pub(crate) fn of(fields: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for field in fields {
            let field = field.as_ref();
            // Lengths come first, so that no two lists of fields have the same bytes.
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        let digest = hasher.finalize();
        Self(digest.as_bytes().first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight)))
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) const TEST: Self = Self(7);

    /// Checksum of `bytes` as number `number` of its kind in this index.
    pub(crate) fn checksum(self, bytes: &[u8], kind: ChecksumKind, number: u64) -> u64 {
        XxHash3_64::oneshot_with_seed(self.0 ^ ((kind as u64) << 56) ^ number, bytes)
    }
}
