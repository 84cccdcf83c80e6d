//! The digests by which contigs are known elsewhere: MD5, as the M5 tag of SAM headers (SAM specification, 1.3.2), and the
//! GA4GH refget digest (sha512t24u: <https://samtools.github.io/hts-specs/refget.html>). Both are of the letters as read, in
//! upper case, without line ends and with U as T: those of a genome spelled as RNA are those of its DNA.

mod lanes;

use std::ops::Range;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use lanes::{BlockHash, LANES, LEAST, Md5, Sha512, has_vectors};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::Digest;

use crate::Result;
use crate::genome::{Case, Record};

/// Bases that are unpacked at a time.
const PIECE: u64 = 1 << 13;

/// Digests of a contig's letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContigDigest {
    /// MD5.
    pub md5: [u8; 16],
    /// The first 24 bytes of SHA-512.
    pub sha512t24: [u8; 24],
    /// Letters that are neither A, C, G, T nor N; the packed genome keeps them as N, the digests are of what was read.
    pub other_letters: u64,
}

impl ContigDigest {
    /// The value of an M5 tag: MD5 in hexadecimal.
    pub fn m5(&self) -> String {
        HEXLOWER.encode(&self.md5)
    }

    /// The refget identifier: `SQ.` and 32 letters of URL-safe base64.
    pub fn refget(&self) -> String {
        format!("SQ.{}", BASE64URL_NOPAD.encode(&self.sha512t24))
    }
}

/// A run of one letter that the packed genome keeps as N though it is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherLetters {
    /// Number of the contig.
    pub contig: u32,
    /// First base in the contig.
    pub start: u32,
    /// Bases.
    pub length: u32,
    /// The letter, in upper case.
    pub letter: u8,
}

/// Takes the letters of a contig in pieces, of any case; gives the first 24 bytes of their SHA-512.
#[derive(Default)]
pub(crate) struct RefgetDigester {
    sha512: sha2::Sha512,
    upper: Vec<u8>,
}

impl RefgetDigester {
    pub(crate) fn update(&mut self, letters: &[u8]) {
        self.upper.clear();
        self.upper.extend_from_slice(letters);
        self.upper.make_ascii_uppercase();
        self.sha512.update(&self.upper);
    }

    /// The digest; the next letters begin another contig.
    pub(crate) fn finish(&mut self) -> [u8; 24] {
        cut(&self.sha512.finalize_reset())
    }
}

/// Digests of `contigs` contigs, in order, on the current rayon pool: `record` finds them in the packed genome, and
/// `others`, ascending, are the letters that it does not hold.
pub(crate) fn digest_contigs<'a>(
    contigs: usize,
    record: impl Fn(usize) -> Result<Record<'a>> + Sync,
    others: &[OtherLetters],
) -> Result<Vec<ContigDigest>> {
    let of_contig = |number: usize| {
        let at = |number: usize| others.partition_point(|run| (run.contig as usize) < number);
        &others[at(number)..at(number + 1)]
    };
    let letters = |number| Ok((record(number)?, of_contig(number)));
    // The longest first, so that those side by side are of about one length.
    let lengths: Vec<u64> = (0..contigs).map(|number| Ok(record(number)?.length())).collect::<Result<_>>()?;
    let mut order: Vec<usize> = (0..contigs).collect();
    order.sort_by_key(|&number| std::cmp::Reverse(lengths[number]));
    // Apart, so that few contigs keep two threads busy.
    let (md5, sha512) =
        rayon::join(|| digest_all::<Md5, 16>(&order, letters), || digest_all::<Sha512, 24>(&order, letters));
    let other_letters = |number| of_contig(number).iter().map(|run| u64::from(run.length)).sum();
    let all = md5?.into_iter().zip(sha512?).enumerate();
    Ok(all.map(|(i, (md5, sha512t24))| ContigDigest { md5, sha512t24, other_letters: other_letters(i) }).collect())
}

/// Digests by number of the contigs that `order` is the order of.
fn digest_all<'a, H: BlockHash, const N: usize>(
    order: &[usize],
    letters: impl Fn(usize) -> Result<(Record<'a>, &'a [OtherLetters])> + Sync,
) -> Result<Vec<[u8; N]>> {
    let some = |numbers: &[usize]| {
        let all: Vec<_> = numbers.iter().map(|&number| letters(number)).collect::<Result<_>>()?;
        Ok(digest_side_by_side::<H, N>(&all))
    };
    let digests: Vec<Vec<[u8; N]>> = order.par_chunks(LANES).map(some).collect::<Result<_>>()?;
    let mut all = vec![[0; N]; order.len()];
    for (&number, digest) in order.iter().zip(digests.into_iter().flatten()) {
        all[number] = digest;
    }
    Ok(all)
}

/// Digests of up to [`LANES`] contigs.
fn digest_side_by_side<H: BlockHash, const N: usize>(contigs: &[(Record<'_>, &[OtherLetters])]) -> Vec<[u8; N]> {
    let mut states = [H::START; LANES];
    let mut pieces: [Vec<u8>; LANES] = Default::default();
    let mut at = [0; LANES];
    let whole = |at: u64, length: u64| ((length - at).min(PIECE) as usize) / H::BLOCK * H::BLOCK;
    if has_vectors() {
        loop {
            let left: [usize; LANES] =
                std::array::from_fn(|l| contigs.get(l).map_or(0, |c| whole(at[l], c.0.length())));
            let bytes = left.iter().copied().filter(|&bytes| bytes > 0).min().unwrap_or(0);
            if left.iter().filter(|&&bytes| bytes > 0).count() < LEAST {
                break;
            }
            for (l, contig) in contigs.iter().enumerate().filter(|(l, _)| left[*l] > 0) {
                unpack(contig, at[l]..at[l] + bytes as u64, &mut pieces[l]);
                at[l] += bytes as u64;
            }
            // A lane that has no message repeats its last one in vain.
            let before = states;
            pieces.iter_mut().for_each(|piece| piece.resize(bytes, 0));
            H::blocks_of_lanes(&mut states, &pieces.each_ref().map(Vec::as_slice));
            for l in (0..LANES).filter(|&l| left[l] == 0) {
                states[l] = before[l];
            }
        }
    }
    let mut piece = Vec::new();
    let ended = contigs.iter().enumerate().map(|(l, contig)| {
        let (mut state, mut at, length) = (states[l], at[l], contig.0.length());
        loop {
            let bytes = whole(at, length);
            if bytes == 0 {
                break;
            }
            unpack(contig, at..at + bytes as u64, &mut piece);
            H::blocks(&mut state, &piece);
            at += bytes as u64;
        }
        unpack(contig, at..length, &mut piece);
        H::pad(&mut piece, length);
        H::blocks(&mut state, &piece);
        let mut bytes = H::digest(&state);
        std::array::from_fn(|_| bytes.next().unwrap_or_default())
    });
    ended.collect()
}

/// The letters of a part of a contig.
fn unpack(contig: &(Record<'_>, &[OtherLetters]), range: Range<u64>, piece: &mut Vec<u8>) {
    let (record, others) = contig;
    piece.clear();
    record.bases(range.clone(), Case::Upper, piece);
    let first = others.partition_point(|run| u64::from(run.start) + u64::from(run.length) <= range.start);
    for run in others[first..].iter().take_while(|run| u64::from(run.start) < range.end) {
        let from = u64::from(run.start).max(range.start) - range.start;
        let to = (u64::from(run.start) + u64::from(run.length)).min(range.end) - range.start;
        piece[from as usize..to as usize].fill(run.letter);
    }
}

/// The first bytes of a digest.
fn cut<const N: usize>(digest: &[u8]) -> [u8; N] {
    std::array::from_fn(|i| digest[i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::{TwoBit, TwoBitWriter};
    use proptest::prelude::*;

    /// Packs contigs and digests what was packed.
    fn packed(contigs: &[&[u8]], cut: usize) -> Vec<ContigDigest> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sequence.2bit");
        let mut writer = TwoBitWriter::create(&path).expect("created");
        for (number, contig) in contigs.iter().enumerate() {
            writer.begin(&number.to_string());
            for piece in contig.chunks(cut) {
                writer.bases(piece).expect("written");
            }
            writer.end().expect("written");
        }
        let summary = writer.finish().expect("written");
        let genome = TwoBit::open(&path).expect("it was written");
        let record = |number: usize| genome.record_at(summary.records[number]);
        digest_contigs(contigs.len(), record, &summary.others).expect("a sound file")
    }

    /// The vectors of the refget specification, of RFC 1321 and of `printf ... | md5sum`.
    #[test]
    fn known_digests() {
        let digests = packed(&[b"ACGT", b"acgu", b"", b"NNRYacgtu-*."], 5);
        assert_eq!(digests[0].refget(), "SQ.aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2");
        assert_eq!(digests[0].m5(), "f1f8f4bf413b16ad135722aa4591043e");
        assert_eq!(digests[0], digests[1]);
        assert_eq!(digests[2].m5(), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(digests[2].refget(), "SQ.z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXc");
        assert_eq!(digests[3].m5(), "8c26dcb40a00a612d719fb37d4960761");
        assert_eq!(digests[3].other_letters, 5);
    }

    proptest! {
        /// What was packed, with its runs of N and the letters beside them, is digested as the letters themselves are.
        #[test]
        fn of_the_letters(
            contigs in prop::collection::vec("[ACGTacgt]{0,200}|[ACGTNnRrYy]{0,90}|(N{1,40}R{1,40}[acgt]{0,40}){0,4}", 0..12),
            part in 1usize..100,
        ) {
            let letters: Vec<&[u8]> = contigs.iter().map(|c| c.as_bytes()).collect();
            for (digest, contig) in packed(&letters, part).iter().zip(&contigs) {
                let upper = contig.to_uppercase();
                prop_assert_eq!(digest.md5, cut(&md5::Md5::digest(&upper)));
                prop_assert_eq!(digest.sha512t24, cut(&sha2::Sha512::digest(&upper)));
                let others = upper.bytes().filter(|b| !b"ACGTN".contains(b)).count() as u64;
                prop_assert_eq!(digest.other_letters, others);
                let mut streamed = RefgetDigester::default();
                contig.as_bytes().chunks(part).for_each(|piece| streamed.update(piece));
                prop_assert_eq!(streamed.finish(), digest.sha512t24);
                prop_assert_eq!(streamed.finish(), cut(&sha2::Sha512::digest("")));
            }
        }
    }

    /// Runs of other letters across the pieces in which contigs are unpacked.
    #[test]
    fn across_pieces() {
        let mut letters = b"ACGTTGCAAC".repeat(20_000);
        letters[65_530..65_545].fill(b'K');
        letters[100_000..200_000].fill(b'M');
        let digest = packed(&[&letters], 1000)[0];
        assert_eq!(digest.md5, cut(&md5::Md5::digest(&letters)));
        assert_eq!(digest.sha512t24, cut(&sha2::Sha512::digest(&letters)));
        assert_eq!(digest.other_letters, 100_015);
    }
}
