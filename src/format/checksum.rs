//! The checksum of every page, block, record and chunk: XXH3-64, seeded with what it is, its number and the index that it
//! belongs to, so that a sound piece in a wrong place is found too.

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::bundle::Parameters;
use crate::dictionary::{Layout, Shape, SuperKmerLayout};
use crate::genome::Contig;

/// What a checksum is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Dictionary page.
    Page = 1,
    /// Position block.
    Block = 2,
    /// Catalog record; the number holds its kind too.
    Record = 3,
    /// Chunk of the packed genome.
    Chunk = 4,
}

/// What tells the pieces of one index from those of another: 64 bits of the digest of parameters, shape, bases and
/// contigs.
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
    /// Identity of an index of the genome whose bases have this digest.
    pub(crate) fn new(parameters: &Parameters, shape: &Shape, bases: &str, contigs: &[Contig]) -> Self {
        let mut hasher = blake3::Hasher::new();
        // Lengths come first, so that no two lists of texts read alike.
        let mut add = |text: &[u8]| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        let Parameters { k, min_frequency, max_frequency, max_positions } = *parameters;
        let cut = match *shape {
            Shape::SortedDictionary(Layout { remainder_bits, groups_per_page, .. }) => {
                [0, remainder_bits.into(), groups_per_page]
            }
            Shape::SuperKmers(SuperKmerLayout { m, bucket_bits, buckets_per_page, .. }) => {
                [m.into(), bucket_bits.into(), buckets_per_page]
            }
        };
        let limits = [max_frequency, max_positions].map(|limit| limit.unwrap_or(0));
        for number in [k.into(), min_frequency, limits[0], limits[1]].into_iter().chain(cut) {
            add(&number.to_le_bytes());
        }
        add(bases.as_bytes());
        for contig in contigs {
            add(contig.name.as_bytes());
            add(contig.description.as_bytes());
        }
        let digest = hasher.finalize();
        Self(digest.as_bytes().first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight)))
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) const TEST: Self = Self(7);

    /// Checksum of `bytes` as number `number` of its kind in this index.
    pub(crate) fn checksum(self, bytes: &[u8], piece: Piece, number: u64) -> u64 {
        XxHash3_64::oneshot_with_seed(self.0 ^ ((piece as u64) << 56) ^ number, bytes)
    }
}
