//! The layout of an index follows from how k-mers map to integers, so all of it is in one type: encoding, canonical
//! form and mixer.

use crate::error::{Parameter, ParameterError};
use crate::kmer::strand::Strand;
use crate::sequence::{BASES, NO_BASE, codes};
use crate::text::shortened;
use crate::{Error, Result};

/// Largest k: 32 bases fill a `u64`.
pub const MAX_K: u32 = 32;

/// Odd multipliers of the mixer: those of the SplitMix64 finalizer (G. Steele, D. Lea and C. Flood, OOPSLA 2014).
const MULTIPLIERS: [u64; 2] = [0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB];

/// The reason why a text is not a k-mer of a given length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KmerError {
    /// Its length is not k.
    #[error("k-mer {:?} has {found} letters and the index has k {k}", shortened(text))]
    Length {
        /// The text.
        text: String,
        /// Its number of letters.
        found: usize,
        /// k of the index.
        k: u32,
    },
    /// A letter is not one of ACGT.
    #[error("k-mer {:?} has {letter:?} at letter {at}; only A, C, G and T are k-mer letters", shortened(text))]
    Letter {
        /// The text.
        text: String,
        /// The letter.
        letter: char,
        /// Its position, counted from 1.
        at: usize,
    },
}

/// Encodes, canonicalises and mixes k-mers of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KmerCodec {
    pub(super) k: u32,
    pub(super) hash_bits: u32,
    /// The low 2k bits.
    pub(super) mask: u64,
    /// The low `hash_bits` bits.
    pub(super) hash_mask: u64,
    /// Shift of the mixer: half of `hash_bits`, rounded up.
    shift: u32,
    /// Inverses of the multipliers.
    inverse: [u64; 2],
}

impl KmerCodec {
    /// A codec for k-mers of `k` bases.
    ///
    /// # Errors
    /// [`ParameterError::OutOfRange`] when k is not from 1 to 32.
    pub fn new(k: u32) -> Result<Self> {
        if !(1..=MAX_K).contains(&k) {
            let (value, max) = (k.into(), Some(MAX_K.into()));
            let parameter = Parameter::K;
            return Err(Error::Parameter(ParameterError::OutOfRange { parameter, value, min: 1, max }));
        }
        let hash_bits = if k % 2 == 1 { 2 * k - 1 } else { 2 * k };
        Ok(Self {
            k,
            hash_bits,
            mask: low_mask(2 * k),
            hash_mask: low_mask(hash_bits),
            shift: hash_bits.div_ceil(2),
            inverse: MULTIPLIERS.map(odd_inverse),
        })
    }

    /// Bases in a k-mer.
    #[inline]
    pub fn k(&self) -> u32 {
        self.k
    }

    /// Bits of a canonical code and of a hash: 2k-1 for odd k, 2k for even k.
    #[inline]
    pub fn hash_bits(&self) -> u32 {
        self.hash_bits
    }

    /// Reverse complement of a k-mer code.
    #[inline]
    pub fn reverse_complement(&self, kmer: u64) -> u64 {
        reverse_complement_word(kmer) >> (64 - 2 * self.k)
    }

    /// Canonical code of a k-mer given as both strands, and the strand on which it reads forward.
    #[inline(always)]
    pub(super) fn canonical_of<const ODD: bool>(&self, forward: u64, reverse: u64) -> (u64, bool) {
        if ODD {
            let is_reverse = (forward >> self.k) & 1 == 1;
            let chosen = if is_reverse { reverse } else { forward };
            // The high bit of the middle base is always 0: remove it.
            let low = chosen & ((1u64 << self.k) - 1);
            (low | ((chosen >> self.k >> 1) << self.k), is_reverse)
        } else {
            let is_reverse = reverse < forward;
            (if is_reverse { reverse } else { forward }, is_reverse)
        }
    }

    /// Mixes a canonical code into a hash; a bijection on `hash_bits` bits.
    #[inline(always)]
    pub fn mix(&self, code: u64) -> u64 {
        let mut x = code;
        for multiplier in MULTIPLIERS {
            x ^= x >> self.shift;
            x = x.wrapping_mul(multiplier) & self.hash_mask;
        }
        x ^ (x >> self.shift)
    }

    /// The canonical code that [`mix`](Self::mix) turns into `hash`.
    #[inline]
    pub fn unmix(&self, hash: u64) -> u64 {
        // An xor-shift by half of the width or more is its own inverse.
        let mut x = hash ^ (hash >> self.shift);
        for inverse in [self.inverse[1], self.inverse[0]] {
            x = x.wrapping_mul(inverse) & self.hash_mask;
            x ^= x >> self.shift;
        }
        x
    }

    /// Hash of a k-mer code (either strand) and the strand on which the code reads relative to the stored form.
    #[inline]
    pub fn hash(&self, kmer: u64) -> (u64, Strand) {
        let reverse = self.reverse_complement(kmer);
        let (code, is_reverse) = if self.k % 2 == 1 {
            self.canonical_of::<true>(kmer, reverse)
        } else {
            self.canonical_of::<false>(kmer, reverse)
        };
        (self.mix(code), Strand::from_reverse(is_reverse))
    }

    /// The k-mer code, on its stored strand, that has this hash.
    #[inline]
    pub fn kmer_of_hash(&self, hash: u64) -> u64 {
        let code = self.unmix(hash);
        if self.k % 2 == 1 {
            let low = code & ((1u64 << self.k) - 1);
            low | ((code >> self.k) << self.k << 1)
        } else {
            code
        }
    }

    /// Encodes ASCII of either case.
    ///
    /// # Errors
    /// [`KmerError`] when the length is not k or a letter is not one of ACGT.
    pub fn encode(&self, ascii: &[u8]) -> Result<u64, KmerError> {
        let text = || String::from_utf8_lossy(ascii).into_owned();
        if ascii.len() != self.k as usize {
            return Err(KmerError::Length {
                text: text(),
                found: String::from_utf8_lossy(ascii).chars().count(),
                k: self.k,
            });
        }
        let (mut kmer, mut all) = (0, 0);
        for code in codes(ascii) {
            kmer = (kmer << 2) | u64::from(code & 3);
            // One test behind the loop: a branch for each letter takes longer than the rest.
            all |= code;
        }
        if all >= NO_BASE {
            let at = codes(ascii).take_while(|&code| code < NO_BASE).count();
            let prefix = String::from_utf8_lossy(&ascii[..at]).chars().count();
            return Err(KmerError::Letter {
                letter: text().chars().nth(prefix).unwrap_or('\u{FFFD}'),
                text: text(),
                at: prefix + 1,
            });
        }
        Ok(kmer)
    }

    /// Appends the k upper-case letters of a k-mer code.
    pub fn decode_into(&self, kmer: u64, out: &mut Vec<u8>) {
        for i in (0..self.k).rev() {
            out.push(BASES[((kmer >> (2 * i)) & 3) as usize]);
        }
    }

    /// The k upper-case letters of a k-mer code.
    pub fn decode(&self, kmer: u64) -> String {
        let mut out = Vec::with_capacity(self.k as usize);
        self.decode_into(kmer, &mut out);
        out.iter().map(|&b| b as char).collect()
    }

    /// Rank of a k-mer code among all k-mers in the order of their letters (A < C < G < T).
    #[inline]
    pub fn lexicographic_rank(&self, kmer: u64) -> u64 {
        // T 00 -> 11, C 01 -> 01, A 10 -> 00, G 11 -> 10
        /// The low bit of each base.
        const LOW: u64 = 0x5555_5555_5555_5555;
        let high = (kmer >> 1) & LOW;
        let low = kmer & LOW;
        let rank_low = !high & LOW;
        let rank_high = !(high ^ low) & LOW;
        ((rank_high << 1) | rank_low) & self.mask
    }

    /// The k-mer code of a [`lexicographic_rank`](Self::lexicographic_rank).
    #[inline]
    pub fn kmer_of_rank(&self, rank: u64) -> u64 {
        /// The low bit of each base.
        const LOW: u64 = 0x5555_5555_5555_5555;
        let high = (rank >> 1) & LOW;
        let low = rank & LOW;
        (((!low & LOW) << 1) | (high ^ low)) & self.mask
    }

    /// The code of the lexicographically smaller strand: the spelling that users see.
    #[inline]
    pub fn printed_strand(&self, kmer: u64) -> u64 {
        let reverse = self.reverse_complement(kmer);
        if self.lexicographic_rank(reverse) < self.lexicographic_rank(kmer) { reverse } else { kmer }
    }
}

/// The low `bits` bits set, for 0 to 64 bits.
#[inline]
pub(crate) const fn low_mask(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1u64 << bits) - 1 }
}

/// Inverse of an odd number modulo 2^64 (and so modulo every smaller power of two), by Newton's iteration.
pub(super) const fn odd_inverse(odd: u64) -> u64 {
    let mut x = odd; // right in the low 3 bits
    let mut i = 0;
    while i < 5 {
        x = x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x)));
        i += 1;
    }
    x
}

/// Reverse complement of the 32 bases of a word.
#[inline(always)]
pub(super) const fn reverse_complement_word(word: u64) -> u64 {
    let mut x = word;
    x = ((x >> 2) & 0x3333_3333_3333_3333) | ((x & 0x3333_3333_3333_3333) << 2);
    x = ((x >> 4) & 0x0F0F_0F0F_0F0F_0F0F) | ((x & 0x0F0F_0F0F_0F0F_0F0F) << 4);
    x.swap_bytes() ^ 0xAAAA_AAAA_AAAA_AAAA
}
