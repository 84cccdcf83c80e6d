//! Adjacent k-mers share most bases, so an index of many of them is smaller if it stores them as super-k-mers: runs of
//! k-mers that have one minimizer.

use std::ops::Range;

use crate::Result;
use crate::kmer::codec::{KmerCodec, low_mask, odd_inverse, reverse_complement_word};
use crate::kmer::scan::{BLOCK, LANES, big_endian};

/// The minimizers of k-mers: of the m-mers of a k-mer, the one with the smallest hash (M. Roberts et al.,
/// Bioinformatics 20, 2004; S. Schleimer et al., SIGMOD 2003).
///
/// m is odd, so that no m-mer is its own reverse complement, and a k-mer and its reverse complement have the same
/// minimizer at the same bases. If the smallest hash occurs more than once in a k-mer, the minimizer is the first of
/// them on the k-mer's stored strand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Minimizers {
    kmer: KmerCodec,
    minimizer: KmerCodec,
    flank: u32,
    key_inverse: u64,
}

/// Adjacent k-mers that have the same minimizer at the same bases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SuperKmer {
    /// Key of the minimizer: its hash multiplied by [`KEY`], since minimizers have small hashes and keys should be
    /// even.
    pub(crate) key: u64,
    /// First base of the minimizer.
    pub(crate) at: u64,
    /// Whether the minimizer reads there on its reverse strand.
    pub(crate) reverse: bool,
    /// Its k-mers have `low` to `high` bases before the minimizer, both included, on the strand on which the minimizer
    /// reads forward.
    pub(crate) low: u32,
    /// See `low`.
    pub(crate) high: u32,
}

/// Odd, so that multiplying modulo a power of two loses nothing; high bits of the product depend on all bits of a hash.
const KEY: u64 = 0x9E37_79B9_7F4A_7C15;

/// Bits of an offset in the flanks of a k-mer: offsets are at most 16.
const OFFSET_BITS: u32 = 5;

/// Bits of an index in a block, below the hash.
const INDEX_BITS: u32 = BLOCK.ilog2();

/// K-mers whose minimizers are searched together, four vectors of lanes.
const KMERS: usize = 32;

/// Hashes, strands and window minima of a block of m-mers.
struct Block {
    hashes: [u64; BLOCK],
    strands: [u64; BLOCK],
    /// Minima of windows of one width and of the next, in turn.
    minima: [[i64; BLOCK]; 2],
}

impl Minimizers {
    /// Minimizers of `m` bases for k-mers of `k` bases. m is odd, at most 25, and 1 to 16 less than k, so that a
    /// context has at most 64 bits and a hash leaves space for an offset.
    ///
    /// # Errors
    /// A sentence, if m and k do not fit.
    pub(crate) fn new(k: u32, m: u32) -> Result<Self, String> {
        if m.is_multiple_of(2) || m >= k || k - m > 16 || m > 25 {
            return Err(format!("minimizers of {m} bases do not go with k-mers of {k}"));
        }
        let codec = |k| KmerCodec::new(k).map_err(|e| e.to_string());
        Ok(Self { kmer: codec(k)?, minimizer: codec(m)?, flank: k - m, key_inverse: odd_inverse(KEY) })
    }

    /// Maximum number of bases of a k-mer on one side of its minimizer: k - m.
    #[inline(always)]
    pub(crate) fn flank(&self) -> u32 {
        self.flank
    }

    /// Bases of a minimizer.
    pub(crate) fn m(&self) -> u32 {
        self.minimizer.k
    }

    /// Bits of a key: 2m - 1.
    #[inline(always)]
    pub(crate) fn key_bits(&self) -> u32 {
        self.minimizer.hash_bits
    }

    #[inline(always)]
    fn key(&self, hash: u64) -> u64 {
        hash.wrapping_mul(KEY) & self.minimizer.hash_mask
    }

    /// Code of the minimizer of this key, on its stored strand.
    pub(crate) fn minimizer_of_key(&self, key: u64) -> u64 {
        self.minimizer.kmer_of_hash(key.wrapping_mul(self.key_inverse) & self.minimizer.hash_mask)
    }

    /// Calls `each` for the super-k-mers of the bases `range` of packed sequence, in order; `at` counts from the start
    /// of `packed`.
    #[inline(always)]
    pub(crate) fn scan_packed(&self, packed: &[u8], range: Range<u64>, mut each: impl FnMut(SuperKmer)) {
        struct Open {
            hash: u64,
            at: u64,
            reverse: bool,
            first: u64,
            tied: bool,
        }
        let mut emit = |open: Open, last: u64| {
            if open.tied {
                self.scan_tied(packed, open.first..last + 1, &mut each);
            } else {
                each(self.super_kmer(open.hash, open.at, open.reverse, open.first, last));
            }
        };
        let flank = self.flank as usize;
        let mut block = Block { hashes: [0; BLOCK], strands: [0; BLOCK], minima: [[0; BLOCK]; 2] };
        let end = (range.end + 1).saturating_sub(u64::from(self.kmer.k));
        let mut start = range.start;
        let mut open: Option<Open> = None;
        while start < end {
            let windows = (end - start).min((BLOCK - flank) as u64) as usize;
            let outcome = window_minima(&self.minimizer, packed, start, flank + 1, &mut block, windows + flank);
            let minima = &block.minima[outcome][..windows];
            let mut first = 0;
            while let Some(&value) = minima.get(first) {
                let mut next = first + 1;
                while minima.get(next) == Some(&value) {
                    next += 1;
                }
                let hash = (value >> INDEX_BITS) as u64;
                let index = value as usize % BLOCK;
                let at = start + index as u64;
                if open.as_ref().is_none_or(|open| open.at != at) {
                    let reverse = block.strands[index] != 0;
                    let here = Open { hash, at, reverse, first: start + first as u64, tied: false };
                    if let Some(before) = open.replace(here) {
                        emit(before, start + first as u64 - 1);
                    }
                }
                // The minimum is the first of equal hashes, so others lie after it.
                let others = &block.hashes[index + 1..next + flank];
                if let Some(open) = &mut open {
                    open.tied |= others.iter().fold(false, |tied, &other| tied | (other == hash));
                }
                first = next;
            }
            start += windows as u64;
        }
        if let Some(open) = open {
            emit(open, end - 1);
        }
    }

    /// Super-k-mers of the k-mers that start in `windows`, one k-mer at a time.
    #[cold]
    fn scan_tied(&self, packed: &[u8], windows: Range<u64>, each: &mut impl FnMut(SuperKmer)) {
        let mut open: Option<(SuperKmer, u64)> = None;
        for start in windows {
            let kmer = bases_at(packed, start) >> (64 - 2 * self.kmer.k);
            let (hash, offset, reverse) = self.of_kmer(kmer);
            let at = start + u64::from(offset);
            match &mut open {
                Some((open, first)) if open.at == at => *open = self.super_kmer(hash, at, reverse, *first, start),
                _ => {
                    let here = self.super_kmer(hash, at, reverse, start, start);
                    if let Some((before, _)) = open.replace((here, start)) {
                        each(before);
                    }
                }
            }
        }
        if let Some((open, _)) = open {
            each(open);
        }
    }

    /// The super-k-mer of the k-mers that start at `first` to `last`.
    #[inline(always)]
    fn super_kmer(&self, hash: u64, at: u64, reverse: bool, first: u64, last: u64) -> SuperKmer {
        let (low, high) = ((at - last) as u32, (at - first) as u32);
        let (low, high) = if reverse { (self.flank - high, self.flank - low) } else { (low, high) };
        SuperKmer { key: self.key(hash), at, reverse, low, high }
    }

    /// The bases around the minimizer of a super-k-mer of `packed`, on the strand on which it reads forward.
    ///
    /// 4(k-m) bits: k-m bases before it, the nearest lowest, and k-m bases after it, the nearest highest; bases that
    /// belong to none of its k-mers are zero.
    #[inline(always)]
    pub(crate) fn context(&self, packed: &[u8], s: &SuperKmer) -> u64 {
        let flank = self.flank;
        let (low, high) = if s.reverse { (flank - s.high, flank - s.low) } else { (s.low, s.high) };
        // Two shifts, since one might be by 64 bits.
        let before = bases_at(packed, s.at - u64::from(high)) >> 1 >> (63 - 2 * high);
        let after = bases_at(packed, s.at + u64::from(self.minimizer.k)) >> (64 - 2 * flank);
        self.turned(before, after & !low_mask(2 * low), s)
    }

    /// The context of the one k-mer `kmer`, whose minimizer begins at base `offset` of it.
    #[inline(always)]
    pub(crate) fn context_of_kmer(&self, kmer: u64, offset: u32, s: &SuperKmer) -> u64 {
        let before = kmer >> 2 >> (2 * (self.kmer.k - offset) - 2);
        let after = kmer & low_mask(2 * (self.flank - offset));
        self.turned(before, after << (2 * offset), s)
    }

    /// Joins the flanks of a minimizer on the strand on which it reads forward.
    #[inline(always)]
    fn turned(&self, before: u64, after: u64, s: &SuperKmer) -> u64 {
        let flank = self.flank;
        let (before, after) = if s.reverse {
            let unused = 64 - 2 * flank;
            (
                (reverse_complement_word(after) >> unused) & low_mask(2 * s.high),
                (reverse_complement_word(before) >> unused) & !low_mask(2 * s.low),
            )
        } else {
            (before, after)
        };
        before << (2 * flank) | after
    }

    /// The k-mer with `offset` bases of `context` before the minimizer `minimizer` (a code on its stored strand).
    #[inline(always)]
    pub(crate) fn kmer(&self, minimizer: u64, context: u64, offset: u32) -> u64 {
        let flank = self.flank;
        let before = (context >> (2 * flank)) & low_mask(2 * offset);
        let after = (context & low_mask(2 * flank)) >> (2 * offset);
        ((before << (2 * self.minimizer.k) | minimizer) << (2 * (flank - offset))) | after
    }

    /// Bits of [`flanks`](Self::flanks).
    #[inline(always)]
    pub(crate) fn flanks_bits(&self) -> u32 {
        OFFSET_BITS + 2 * self.flank
    }

    /// Offset and context of a k-mer in few bits: only the bases that belong to it. Of two k-mers with one minimizer,
    /// that with fewer bases before it has the smaller flanks.
    #[inline(always)]
    pub(crate) fn flanks(&self, offset: u32, context: u64) -> u64 {
        u64::from(offset) << (2 * self.flank) | (context >> (2 * offset)) & low_mask(2 * self.flank)
    }

    /// Offset and context of these [`flanks`](Self::flanks).
    #[inline(always)]
    pub(crate) fn split_flanks(&self, flanks: u64) -> (u32, u64) {
        let offset = (flanks >> (2 * self.flank)) as u32;
        (offset, (flanks & low_mask(2 * self.flank)) << (2 * offset))
    }

    /// The part of a context that belongs to the k-mers with `low` to `high` bases before the minimizer.
    #[inline(always)]
    pub(crate) fn mask(&self, low: u32, high: u32) -> u64 {
        let flank = self.flank;
        low_mask(2 * (flank + high)) & !low_mask(2 * low)
    }

    /// Hash of the minimizer of a k-mer, the bases before it, and whether it reads there on its reverse strand.
    fn of_kmer(&self, kmer: u64) -> (u64, u32, bool) {
        minimizer_of(&self.minimizer, &self.kmer, kmer)
    }

    /// The super-k-mer of a single k-mer, and its context.
    #[inline]
    pub(crate) fn kmer_alone(&self, kmer: u64) -> (SuperKmer, u64) {
        let (hash, offset, reverse) = self.of_kmer(kmer);
        let s = self.super_kmer(hash, offset.into(), reverse, 0, 0);
        (s, self.context_of_kmer(kmer, offset, &s))
    }

    /// Calls `each(super-k-mer of one, its context)` for every k-mer.
    #[inline(always)]
    pub(crate) fn for_each_kmer(&self, kmers: &[u64], mut each: impl FnMut(SuperKmer, u64)) {
        let mut found = [(0, 0, false); KMERS];
        for kmers in kmers.chunks(KMERS) {
            minimizers_of(&self.minimizer, &self.kmer, kmers, &mut found);
            for (&kmer, &(hash, offset, reverse)) in kmers.iter().zip(&found) {
                let s = self.super_kmer(hash, offset.into(), reverse, 0, 0);
                each(s, self.context_of_kmer(kmer, offset, &s));
            }
        }
    }
}

/// 32 bases from base `start` on, the first in the highest bits; bases past the end read as zero.
#[inline(always)]
fn bases_at(packed: &[u8], start: u64) -> u64 {
    let (at, shift) = ((start / 4) as usize, 2 * (start % 4) as u32);
    let next = u64::from(packed.get(at + 8).copied().unwrap_or(0));
    big_endian(packed, at) << shift | next >> (8 - shift)
}

/// Hashes `count` m-mers from base `start` on and finds the minimum of every `span` neighbours: hash and, below it,
/// index in the block, so that the first of equal hashes is the smallest. Returns the index of the result in
/// `block.minima`.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+bmi2"))]
fn window_minima(codec: &KmerCodec, packed: &[u8], start: u64, span: usize, block: &mut Block, count: usize) -> usize {
    codec.hash_windows::<true>(packed, start, &mut block.hashes, &mut block.strands, count);
    let [mut from, mut to] = block.minima.each_mut();
    for (i, (value, &hash)) in from.iter_mut().zip(&block.hashes).enumerate() {
        *value = (hash << INDEX_BITS) as i64 | i as i64;
    }
    let (mut width, mut outcome) = (1, 0);
    while width < span {
        let step = width.min(span - width);
        for ((to, &here), &there) in to.iter_mut().zip(&*from).zip(&from[step..]) {
            *to = if there < here { there } else { here };
        }
        std::mem::swap(&mut from, &mut to);
        width += step;
        outcome = 1 - outcome;
    }
    outcome
}

/// Finds the minimizers of at most [`KMERS`] k-mers: hash, bases before it, whether it reads on its reverse strand. One
/// loop over lanes is one vector operation; each lane is a k-mer.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+bmi2"))]
fn minimizers_of(minimizer: &KmerCodec, codec: &KmerCodec, kmers: &[u64], found: &mut [(u64, u32, bool); KMERS]) {
    let flank = codec.k - minimizer.k;
    for (kmers, found) in kmers.chunks(LANES).zip(found.chunks_mut(LANES)) {
        let mut forward = [0; LANES];
        forward[..kmers.len()].copy_from_slice(kmers);
        let reverse = forward.map(|kmer| codec.reverse_complement(kmer));
        let (mut smallest, mut ties) = ([u64::MAX; LANES], [0u64; LANES]);
        for offset in 0..=flank {
            for lane in 0..LANES {
                let one = (forward[lane] >> (2 * (flank - offset))) & minimizer.mask;
                let other = (reverse[lane] >> (2 * offset)) & minimizer.mask;
                let (code, is_reverse) = minimizer.canonical_of::<true>(one, other);
                let value = minimizer.mix(code) << 6 | u64::from(offset) << 1 | u64::from(is_reverse);
                // Of equal hashes the first stays the smallest.
                ties[lane] = if value >> 6 < smallest[lane] >> 6 {
                    0
                } else {
                    ties[lane] | u64::from(value >> 6 == smallest[lane] >> 6)
                };
                smallest[lane] = smallest[lane].min(value);
            }
        }
        for (((found, &kmer), &value), &tie) in found.iter_mut().zip(kmers).zip(&smallest).zip(&ties) {
            *found = (value >> 6, (value >> 1) as u32 & 31, value & 1 == 1);
            if tie != 0 && codec.hash(kmer).1.is_reverse() {
                *found = last_minimizer(minimizer, codec, kmer);
            }
        }
    }
}

/// As [`minimizers_of`], for one k-mer: each lane is an m-mer of it.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+bmi2"))]
fn minimizer_of(minimizer: &KmerCodec, codec: &KmerCodec, kmer: u64) -> (u64, u32, bool) {
    let flank = codec.k - minimizer.k;
    let mut rest = kmer << (64 - 2 * codec.k);
    let (mut smallest, mut tied) = (u64::MAX, false);
    let (mut hashes, mut strands) = ([0; LANES], [0; LANES]);
    for first in (0..=flank).step_by(LANES) {
        minimizer.hash_window::<true>([rest, 0], &mut hashes, &mut strands);
        let mut values = [u64::MAX; LANES];
        for lane in 0..LANES {
            let offset = first + lane as u32;
            let value = hashes[lane] << 6 | u64::from(offset) << 1 | strands[lane];
            values[lane] = if offset <= flank { value } else { u64::MAX };
        }
        let here = values.iter().fold(u64::MAX, |least, &value| least.min(value));
        let equal = values.iter().fold(0, |equal, &value| equal + u32::from(value >> 6 == here >> 6));
        tied = if here >> 6 < smallest >> 6 { equal > 1 } else { tied | (here >> 6 == smallest >> 6) };
        smallest = smallest.min(here);
        rest <<= 2 * LANES;
    }
    if tied && codec.hash(kmer).1.is_reverse() {
        return last_minimizer(minimizer, codec, kmer);
    }
    (smallest >> 6, (smallest >> 1) as u32 & 31, smallest & 1 == 1)
}

/// As [`minimizers_of`], for a k-mer with several m-mers of the smallest hash: the last of them.
#[cold]
fn last_minimizer(minimizer: &KmerCodec, codec: &KmerCodec, kmer: u64) -> (u64, u32, bool) {
    let flank = codec.k - minimizer.k;
    let of = |offset: u32| {
        let (hash, strand) = minimizer.hash((kmer >> (2 * (flank - offset))) & minimizer.mask);
        (hash, flank - offset, strand.is_reverse())
    };
    let (hash, behind, reverse) = (0..=flank).map(of).min().unwrap_or_default();
    (hash, flank - behind, reverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(codes: &[u64]) -> Vec<u8> {
        codes.chunks(4).map(|c| c.iter().enumerate().fold(0, |b, (i, &c)| b | (c as u8) << (6 - 2 * i))).collect()
    }

    fn kmer_at(codes: &[u64], k: u32) -> u64 {
        codes[..k as usize].iter().fold(0, |kmer, &code| kmer << 2 | code)
    }

    /// Random bases, with tandem repeats and runs of one base.
    fn bases(length: usize) -> Vec<u64> {
        let mut state = 7u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> 20
        };
        let mut all: Vec<u64> = Vec::new();
        while all.len() < length {
            let period = random() % 5;
            let copies = random() % 60;
            if period == 0 {
                all.extend((0..300).map(|_| random() % 4));
            } else {
                let unit: Vec<u64> = (0..period).map(|_| random() % 4).collect();
                (0..copies).for_each(|_| all.extend(&unit));
            }
        }
        all.truncate(length);
        all
    }

    #[test]
    fn every_kmer_lies_in_one_super_kmer_and_comes_back_from_it() {
        let codes = bases(6000);
        let packed = pack(&codes);
        for (k, m) in [(31, 17), (31, 15), (32, 17), (32, 25), (21, 15), (22, 7), (25, 9), (9, 5), (3, 1), (12, 9)] {
            let minimizers = Minimizers::new(k, m).expect("m goes with k");
            let codec = KmerCodec::new(k).expect("in range");
            for range in [0..6000u64, 5..6000, 3..1700, 100..100 + u64::from(k), 7..7] {
                let mut seen = Vec::new();
                minimizers.scan_packed(&packed, range.clone(), |s| {
                    let context = minimizers.context(&packed, &s);
                    assert_eq!(context & !minimizers.mask(s.low, s.high), 0);
                    let minimizer = minimizers.minimizer_of_key(s.key);
                    let mut here = Vec::new();
                    for offset in s.low..=s.high {
                        let kmer = minimizers.kmer(minimizer, context, offset);
                        let (before, kmer) =
                            if s.reverse { (k - m - offset, codec.reverse_complement(kmer)) } else { (offset, kmer) };
                        here.push((
                            s.at - u64::from(before),
                            kmer,
                            s.key,
                            s.at,
                            offset,
                            context & minimizers.mask(offset, offset),
                        ));
                    }
                    here.sort();
                    seen.extend(here);
                });
                let starts = range.start..(range.end + 1).saturating_sub(k.into()).max(range.start);
                assert_eq!(seen.len() as u64, starts.end - starts.start);
                for (start, (at, kmer, key, minimizer_at, offset, context)) in starts.zip(seen) {
                    assert_eq!((at, kmer), (start, kmer_at(&codes[start as usize..], k)), "k {k} m {m}");
                    // Alone, and from the other strand, the k-mer has the same key, offset and context.
                    for (kmer, is_other) in [(kmer, false), (codec.reverse_complement(kmer), true)] {
                        let (s, alone) = minimizers.kmer_alone(kmer);
                        assert_eq!((s.key, s.low, s.high, alone), (key, offset, offset, context), "k {k} m {m}");
                        minimizers.for_each_kmer(&[kmer], |s, alone| {
                            assert_eq!((s.key, s.low, s.high, alone), (key, offset, offset, context), "k {k} m {m}");
                            if !is_other {
                                assert_eq!(start + s.at, minimizer_at);
                            }
                        });
                    }
                }
            }
        }
    }

    #[test]
    fn lengths_that_do_not_go_together_are_refused() {
        for (k, m) in [(31, 16), (31, 13), (31, 31), (9, 11)] {
            assert!(Minimizers::new(k, m).is_err());
        }
    }
}
