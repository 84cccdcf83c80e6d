//! Hashing the k-mers of a genome is the inner loop of a build: eight are hashed side by side in the lanes of vectors.
//! Text is scanned base by base, since pieces of it arrive in any length.

use std::ops::Range;

use crate::kmer::codec::{KmerCodec, reverse_complement_word};
use crate::sequence::{CODES, NO_BASE};

/// K-mers hashed at a time, a multiple of [`LANES`]: their hashes take 4 KiB of the first cache.
pub(crate) const BLOCK: usize = 512;

/// K-mers hashed side by side: a loop over lanes is one vector operation of AVX-512, or two of AVX2.
pub(crate) const LANES: usize = 8;

impl KmerCodec {
    /// Calls `each(start, hash, is_reverse)` for every k-mer of the bases `range` of packed sequence (2 bits a base,
    /// four a byte, the first in the highest bits), in order; `range` is 0-based and half-open, and
    /// `start` counts bases from the start of `packed`. Bases past the end of `packed` read as T.
    #[inline]
    pub fn scan_packed(&self, packed: &[u8], range: Range<u64>, mut each: impl FnMut(u64, u64, bool)) {
        let mut hashes = [0; BLOCK];
        let mut strands = [0; BLOCK];
        let end = (range.end + 1).saturating_sub(u64::from(self.k));
        let mut start = range.start;
        while start < end {
            let count = (end - start).min(BLOCK as u64) as usize;
            hash_block(self, packed, start, &mut hashes, &mut strands, count);
            for (i, (&hash, &strand)) in hashes[..count].iter().zip(&strands).enumerate() {
                each(start + i as u64, hash, strand != 0);
            }
            start += count as u64;
        }
    }

    /// Hashes of the k-mers that start at the first [`LANES`] bases of a window of 64 bases, and whether each reads on
    /// the reverse of its stored strand.
    #[inline(always)]
    pub(crate) fn hash_window<const ODD: bool>(
        &self,
        window: [u64; 2],
        hashes: &mut [u64; LANES],
        strands: &mut [u64; LANES],
    ) {
        let [high, low] = window;
        // The reverse complement of the window swaps its words.
        let (reverse_high, reverse_low) = (reverse_complement_word(low), reverse_complement_word(high));
        let unused = 64 - 2 * self.k;
        for lane in 0..LANES {
            let shift = 2 * lane as u32;
            // Two shifts, since one would be by 64 bits in lane 0.
            let forward = ((high << shift) | (low >> 1 >> (63 - shift))) >> unused;
            let reverse = ((reverse_low >> shift) | (reverse_high << 1 << (63 - shift))) & self.mask;
            let (code, is_reverse) = self.canonical_of::<ODD>(forward, reverse);
            hashes[lane] = self.mix(code);
            strands[lane] = u64::from(is_reverse);
        }
    }

    /// Hashes and strands of the `count` k-mers that start at base `start` and after it. Up to [`LANES`] - 1 more are
    /// written.
    #[inline(always)]
    pub(crate) fn hash_windows<const ODD: bool>(
        &self,
        packed: &[u8],
        start: u64,
        hashes: &mut [u64; BLOCK],
        strands: &mut [u64; BLOCK],
        count: usize,
    ) {
        let shift = 2 * (start % 4) as u32;
        let mut at = (start / 4) as usize;
        let (hashes, _) = hashes.as_chunks_mut::<LANES>();
        let (strands, _) = strands.as_chunks_mut::<LANES>();
        for (hashes, strands) in hashes.iter_mut().zip(strands).take(count.div_ceil(LANES)) {
            let (first, second) = (big_endian(packed, at), big_endian(packed, at + 8));
            let window = [(first << shift) | (second >> 1 >> (63 - shift)), second << shift];
            self.hash_window::<ODD>(window, hashes, strands);
            at += LANES / 4;
        }
    }
}

/// [`KmerCodec::hash_windows`], compiled for the widest vectors of the machine.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+bmi2"))]
fn hash_block(
    codec: &KmerCodec,
    packed: &[u8],
    start: u64,
    hashes: &mut [u64; BLOCK],
    strands: &mut [u64; BLOCK],
    count: usize,
) {
    if codec.k % 2 == 1 {
        codec.hash_windows::<true>(packed, start, hashes, strands, count);
    } else {
        codec.hash_windows::<false>(packed, start, hashes, strands, count);
    }
}

/// Eight bytes, the first in the highest bits; bytes past the end read as zero.
#[inline(always)]
pub(crate) fn big_endian(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(eight) => u64::from_be_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            for (to, from) in eight.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
                *to = *from;
            }
            u64::from_be_bytes(eight)
        }
    }
}

/// Both strands of the k-mer that ends at the last base.
#[derive(Clone, Copy, Default)]
struct KmerWindow {
    forward: u64,
    reverse: u64,
}

impl KmerWindow {
    #[inline(always)]
    fn push(&mut self, base: u64, mask: u64, top: u32) {
        self.forward = ((self.forward << 2) | base) & mask;
        self.reverse = (self.reverse >> 2) | ((base ^ 2) << top);
    }
}

/// Hashes the k-mers of a sequence that arrives in ASCII pieces. No k-mer has anything but ACGT.
#[derive(Debug, Clone)]
pub struct AsciiScanner {
    codec: KmerCodec,
    forward: u64,
    reverse: u64,
    /// Bases since the last that was not ACGT, up to k.
    filled: u32,
    at: u64,
}

impl AsciiScanner {
    /// A scanner at the start of a sequence.
    pub fn new(codec: KmerCodec) -> Self {
        Self { codec, forward: 0, reverse: 0, filled: 0, at: 0 }
    }

    /// Bases scanned so far.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Scans the next piece; calls `each(start, hash, is_reverse)` for each k-mer that ends in it.
    #[inline]
    pub fn scan(&mut self, piece: &[u8], each: impl FnMut(u64, u64, bool)) {
        if self.codec.k % 2 == 1 {
            self.scan_strand::<true>(piece, each);
        } else {
            self.scan_strand::<false>(piece, each);
        }
    }

    #[inline(always)]
    fn scan_strand<const ODD: bool>(&mut self, piece: &[u8], mut each: impl FnMut(u64, u64, bool)) {
        let codec = self.codec;
        let (k, mask, top) = (codec.k, codec.mask, 2 * (codec.k - 1));
        let mut window = KmerWindow { forward: self.forward, reverse: self.reverse };
        let mut filled = self.filled;
        for (i, &letter) in piece.iter().enumerate() {
            let code = CODES[letter as usize];
            if code == NO_BASE {
                filled = 0;
                continue;
            }
            window.push(u64::from(code), mask, top);
            filled += 1;
            if filled >= k {
                filled = k;
                let (canonical, is_reverse) = codec.canonical_of::<ODD>(window.forward, window.reverse);
                each(self.at + i as u64 + 1 - u64::from(k), codec.mix(canonical), is_reverse);
            }
        }
        self.at += piece.len() as u64;
        (self.forward, self.reverse, self.filled) = (window.forward, window.reverse, filled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::{base_code, reverse_complement_letters};

    fn pack(bases: &[u8]) -> Vec<u8> {
        bases
            .chunks(4)
            .map(|four| {
                four.iter()
                    .enumerate()
                    .fold(0, |byte, (i, &b)| byte | (base_code(b).expect("ACGT") as u8) << (6 - 2 * i))
            })
            .collect()
    }

    fn random_bases(mut seed: u64, length: usize) -> Vec<u8> {
        (0..length)
            .map(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                b"ACGT"[(seed >> 33) as usize % 4]
            })
            .collect()
    }

    #[test]
    fn both_scanners_agree_with_the_letters_at_every_k() {
        let bases = random_bases(7, 203);
        let packed = pack(&bases);
        for k in 1..=32u32 {
            let codec = KmerCodec::new(k).expect("k in range");
            for start in [0, 1, 2, 3, 5] {
                for end in [start + u64::from(k) - 1, start + u64::from(k), 100, 201, 202, 203] {
                    let mut seen = Vec::new();
                    codec.scan_packed(&packed, start..end.max(start), |at, hash, reverse| {
                        seen.push((at, hash, reverse))
                    });
                    let mut ascii = Vec::new();
                    let mut scanner = AsciiScanner::new(codec);
                    for piece in bases[start as usize..end.max(start) as usize].chunks(7) {
                        scanner.scan(piece, |at, hash, reverse| ascii.push((at + start, hash, reverse)));
                    }
                    assert_eq!(seen, ascii);
                    let expected: Vec<_> = (start..(end + 1).saturating_sub(u64::from(k)))
                        .map(|at| {
                            let text = &bases[at as usize..at as usize + k as usize];
                            let kmer = codec.encode(text).expect("ACGT");
                            let (hash, strand) = codec.hash(kmer);
                            let stored = codec.kmer_of_hash(hash);
                            let shown = if strand.is_reverse() { codec.reverse_complement(stored) } else { stored };
                            assert_eq!(codec.decode(shown).as_bytes(), text);
                            (at, hash, strand.is_reverse())
                        })
                        .collect();
                    assert_eq!(seen, expected, "k {k} start {start} end {end}");
                }
            }
        }
    }

    #[test]
    fn strands_share_a_hash_and_print_as_the_smaller() {
        for k in [1, 2, 3, 15, 16, 31, 32] {
            let codec = KmerCodec::new(k).expect("k in range");
            for seed in 1..200 {
                let text = random_bases(seed * 977, k as usize);
                let other = reverse_complement_letters(&text);
                let (a, b) = (codec.encode(&text).expect("ACGT"), codec.encode(&other).expect("ACGT"));
                assert_eq!(codec.reverse_complement(a), b);
                assert_eq!(codec.hash(a).0, codec.hash(b).0);
                assert!(codec.hash(a).0 <= crate::kmer::low_mask(codec.hash_bits()));
                let smaller = text.clone().min(other.clone());
                assert_eq!(codec.decode(codec.printed_strand(a)).as_bytes(), smaller);
                assert_eq!(codec.kmer_of_rank(codec.lexicographic_rank(a)), a);
                assert_eq!(codec.lexicographic_rank(a) < codec.lexicographic_rank(b), text < other);
            }
        }
    }

    #[test]
    fn the_mixer_is_a_bijection() {
        for k in [1, 2, 3, 4, 5, 6, 7, 8] {
            let codec = KmerCodec::new(k).expect("k in range");
            let size = 1u64 << codec.hash_bits();
            let mut seen = vec![false; size as usize];
            for code in 0..size {
                let hash = codec.mix(code);
                assert_eq!(codec.unmix(hash), code);
                assert!(!std::mem::replace(&mut seen[hash as usize], true));
            }
        }
        for k in 9..=32 {
            let codec = KmerCodec::new(k).expect("k in range");
            for i in 0..1000u64 {
                let code = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) & crate::kmer::low_mask(codec.hash_bits());
                assert_eq!(codec.unmix(codec.mix(code)), code);
            }
        }
    }

    #[test]
    fn letters_that_are_not_bases_are_named() {
        let codec = KmerCodec::new(5).expect("k in range");
        let message = codec.encode(b"ACGNT").expect_err("N").to_string();
        assert!(message.contains("'N' at letter 4"), "{message}");
        let message = codec.encode("ACGé".as_bytes()).expect_err("é").to_string();
        assert!(message.contains("'é' at letter 4"), "{message}");
        assert!(matches!(codec.encode(b"ACGT"), Err(crate::kmer::KmerError::Length { found: 4, k: 5, .. })));
        assert!(KmerCodec::new(0).is_err() && KmerCodec::new(33).is_err());
    }
}
