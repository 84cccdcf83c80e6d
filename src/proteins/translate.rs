//! Translation in six frames.

use std::ops::Range;

use crate::kmer::Strand;
use crate::sequence::reverse_complement;

/// Amino acids of the standard genetic code, by codon in the order of the base codes (T, C, A, G).
const AMINO_ACIDS: &[u8; 64] = b"FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG";
/// Any amino acid.
const ANY: u8 = b'X';
const STOP: u8 = b'*';
/// Codons that are examined together.
const WINDOW: usize = 60;
/// Maximum number of stop codons among them, if they may code: random codons have 2.8, and 0 or 1 in a quarter of all
/// windows, while old repeats have some stops where they once coded. Of the rice library as many sequences get a class as
/// without this, in six tenths of the time.
const MAX_STOPS: usize = 1;
/// Codons of a piece at least: shorter domains have no significant score.
const MIN_PIECE: usize = 20;

/// One of the six reading frames of a sequence.
pub(super) struct Frame {
    pub(super) strand: Strand,
    /// Letters of the amino acids; `X` for a codon with other letters than ACGT, and `*` for a stop codon.
    residues: Vec<u8>,
    /// Bases of its strand before the first codon.
    offset: usize,
    /// Bases of the sequence.
    length: usize,
}

impl Frame {
    /// The codons of pieces that may code: those in windows with at most one stop codon.
    pub(super) fn pieces(&self) -> Vec<Range<usize>> {
        let mut pieces: Vec<Range<usize>> = Vec::new();
        let window = WINDOW.min(self.residues.len());
        let is_stop = |&residue: &u8| usize::from(residue == STOP);
        let mut stops: usize = self.residues[..window].iter().map(is_stop).sum();
        for start in 0..=self.residues.len() - window {
            if start > 0 {
                stops += is_stop(&self.residues[start + window - 1]);
                stops -= is_stop(&self.residues[start - 1]);
            }
            if stops > MAX_STOPS {
                continue;
            }
            match pieces.last_mut() {
                Some(last) if last.end >= start => last.end = start + window,
                _ => pieces.push(start..start + window),
            }
        }
        pieces.retain(|piece| piece.len() >= MIN_PIECE);
        pieces
    }

    /// Letters of the amino acids of codons; stop codons are `X`, since a domain goes on behind them.
    pub(super) fn residues(&self, codons: &Range<usize>) -> Vec<u8> {
        let readable = |&residue: &u8| if residue == STOP { ANY } else { residue };
        self.residues[codons.clone()].iter().map(readable).collect()
    }

    /// The bases of the sequence, 0-based and half-open on its forward strand, that codons `first..end` consist of.
    pub(super) fn bases(&self, first: usize, end: usize) -> (u64, u64) {
        let (first, end) = (self.offset + 3 * first, self.offset + 3 * end);
        match self.strand {
            Strand::Forward => (first as u64, end as u64),
            Strand::Reverse => ((self.length - end) as u64, (self.length - first) as u64),
        }
    }
}

/// The six frames of a sequence of base codes, those of the forward strand first.
pub(super) fn frames(codes: &[u8]) -> impl Iterator<Item = Frame> {
    let reverse: Vec<u8> = reverse_complement(codes).collect();
    let frame = |strand, codes: &[u8], offset| Frame {
        strand,
        residues: codes.get(offset..).unwrap_or_default().chunks_exact(3).map(amino_acid).collect(),
        offset,
        length: codes.len(),
    };
    let forward: Vec<Frame> = (0..3).map(|offset| frame(Strand::Forward, codes, offset)).collect();
    forward.into_iter().chain((0..3).map(move |offset| frame(Strand::Reverse, &reverse, offset)))
}

fn amino_acid(codon: &[u8]) -> u8 {
    let number = codon.iter().try_fold(0, |number, &code| (code < 4).then_some(4 * number + usize::from(code)));
    number.map_or(ANY, |number| AMINO_ACIDS[number])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::codes;

    #[test]
    fn six_frames_are_read_and_located() {
        let sequence: Vec<u8> = codes(b"ATGGCNTAAGGTGA").collect();
        let frames: Vec<Frame> = frames(&sequence).collect();
        let residues: Vec<&str> = frames.iter().map(|f| std::str::from_utf8(&f.residues).expect("ASCII")).collect();
        // Reverse complement: TCACCTTANGCCAT.
        assert_eq!(residues, ["MX*G", "WXKV", "GXR*", "SPXA", "HLXP", "TLXH"]);
        assert_eq!(frames[1].bases(0, 2), (1, 7));
        // Codons 0 and 1 of the second frame of the reverse strand, CACCTT, are AAGGTG at 7 of the forward one.
        assert_eq!(frames[4].bases(0, 2), (7, 13));
        assert!(frames[0].bases(0, 4).1 <= 14 && frames[5].bases(0, 4) == (0, 12));
        assert!(super::frames(&[]).all(|frame| frame.residues.is_empty() && frame.pieces().is_empty()));
        assert_eq!(frames[0].residues(&(1..4)), b"XXG");
    }

    #[test]
    fn pieces_have_few_stop_codons() {
        // 100 codons of lysine, 50 stop codons, 70 of lysine.
        let sequence: Vec<u8> = codes(&[b"AAA".repeat(100), b"TAA".repeat(50), b"AAA".repeat(70)].concat()).collect();
        let frame = frames(&sequence).next().expect("six frames");
        assert_eq!(frame.pieces(), [0..101, 149..220]);
        let short = frames(&sequence[..90]).next().expect("six frames");
        assert_eq!(short.pieces(), vec![0..30]);
        assert!(frames(&sequence[..30]).all(|frame| frame.pieces().is_empty()));
    }
}
