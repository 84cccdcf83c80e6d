//! To compare genomes across databases, contigs carry the digests by which they are known elsewhere: MD5, the M5 tag of
//! SAM headers (SAM specification, 1.3.2), and the GA4GH refget digest (sha512t24u:
//! <https://samtools.github.io/hts-specs/refget.html>). Both are of the letters as read, in upper case, without line
//! ends and with U as T: a genome spelled as RNA has the digests of its DNA.

use std::ops::Range;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::Digest;

use crate::Result;
use crate::genome::twobit::{Case, OtherLetters, TwoBitSequence};

/// Bases that are unpacked at a time: they stay in the first cache.
const PIECE: u64 = 1 << 13;

/// Digests of a contig's letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContigDigest {
    /// MD5.
    pub md5: [u8; 16],
    /// The first 24 bytes of SHA-512.
    pub sha512t24: [u8; 24],
    /// Letters that are neither A, C, G, T nor N. The packed genome stores them as N, the digests are of the letters
    /// read.
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

/// The refget digest of letters of any case that arrive in pieces.
#[derive(Default)]
pub(crate) struct RefgetDigester {
    sha512: sha2::Sha512,
    upper: Vec<u8>,
}

impl RefgetDigester {
    /// Appends letters.
    pub(crate) fn update(&mut self, letters: &[u8]) {
        self.upper.clear();
        self.upper.extend_from_slice(letters);
        self.upper.make_ascii_uppercase();
        self.sha512.update(&self.upper);
    }

    /// The digest of the letters so far: the first 24 bytes of their SHA-512. The next letters belong to another
    /// contig.
    pub(crate) fn finish(&mut self) -> [u8; 24] {
        cut(&self.sha512.finalize_reset())
    }
}

/// Digests of `contigs` contigs, in order, on the current rayon pool. `sequence` returns each from the packed genome;
/// `others`, ascending, are the letters that it stores as N.
pub(crate) fn digest_contigs<'a>(
    contigs: usize,
    sequence: impl Fn(usize) -> Result<TwoBitSequence<'a>> + Sync,
    others: &[OtherLetters],
) -> Result<Vec<ContigDigest>> {
    let first_of = |number: usize| others.partition_point(|run| (run.contig as usize) < number);
    let digest = |number: usize| {
        let others = &others[first_of(number)..first_of(number + 1)];
        Ok(Letters { sequence: sequence(number)?, others }.digest())
    };
    (0..contigs).into_par_iter().map(digest).collect()
}

/// The letters of a contig as they were read, in upper case.
struct Letters<'a> {
    sequence: TwoBitSequence<'a>,
    others: &'a [OtherLetters],
}

impl Letters<'_> {
    /// Both digests, in one pass.
    fn digest(&self) -> ContigDigest {
        let (mut md5, mut sha512, mut piece) = (md5::Md5::new(), sha2::Sha512::new(), Vec::new());
        let length = self.sequence.length();
        for start in (0..length).step_by(PIECE as usize) {
            self.unpack(start..length.min(start + PIECE), &mut piece);
            md5.update(&piece);
            sha512.update(&piece);
        }
        ContigDigest {
            md5: cut(&md5.finalize()),
            sha512t24: cut(&sha512.finalize()),
            other_letters: self.others.iter().map(|run| u64::from(run.length)).sum(),
        }
    }

    /// Replaces `piece` with a range of the letters.
    fn unpack(&self, range: Range<u64>, piece: &mut Vec<u8>) {
        piece.clear();
        self.sequence.bases(range.clone(), Case::Upper, piece);
        let first = self.others.partition_point(|run| u64::from(run.start) + u64::from(run.length) <= range.start);
        for run in self.others[first..].iter().take_while(|run| u64::from(run.start) < range.end) {
            let from = u64::from(run.start).max(range.start) - range.start;
            let to = (u64::from(run.start) + u64::from(run.length)).min(range.end) - range.start;
            piece[from as usize..to as usize].fill(run.letter);
        }
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
        /// A packed contig, with its N and other letters, has the digests of its text.
        #[test]
        fn of_the_letters(
            contigs in prop::collection::vec(
                "[ACGTacgt]{0,200}|[ACGTNnRrYy]{0,90}|(N{1,40}R{1,40}[acgt]{0,40}){0,4}",
                0..12,
            ),
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
