//! Every base of a genome and of a query is packed, so eight letters are packed at once, by arithmetic on one word.

use crate::sequence::{BASES, base_code};

/// Packs eight letters, the first in the lowest byte of `word`; `None` unless all are ACGT in the given case.
#[inline(always)]
pub(super) fn pack_eight(word: u64, lower: bool) -> Option<[u8; 2]> {
    /// One in each byte.
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Bits 1 and 2 of a letter are 0, 1, 2, 3 for A, C, T, G; the letter is made from them again and compared.
    let two = (word >> 1) & (3 * ONES);
    let (low, high) = (two & ONES, (two >> 1) & ONES);
    let letters = (0x41 * ONES) ^ (low * 0x02) ^ (high * 0x15) ^ ((low & high) * 0x11);
    let case = if lower { 0x20 * ONES } else { 0 };
    if letters | case != word {
        return None;
    }
    // Swap A and T: T=0, C=1, A=2, G=3.
    let codes = (two ^ ((!two & ONES) << 1)).swap_bytes();
    let by_two = (codes | codes >> 6) & 0x000F_000F_000F_000F;
    let by_four = (by_two | by_two >> 12) & 0x0000_00FF_0000_00FF;
    Some(((by_four | by_four >> 24) as u16).to_be_bytes())
}

/// Appends the packed bases of the run of ACGT, of either case, at the start of `ascii`. Returns its length in bases.
/// The last byte is filled with T.
pub(crate) fn pack_run(ascii: &[u8], packed: &mut Vec<u8>) -> usize {
    packed.reserve(ascii.len() / 4 + 1);
    let (eights, _) = ascii.as_chunks::<8>();
    let mut length = 0;
    for eight in eights {
        let word = u64::from_le_bytes(*eight);
        let Some(two_bytes) = pack_eight(word, false).or_else(|| pack_eight(word, true)) else { break };
        packed.extend_from_slice(&two_bytes);
        length += 8;
    }
    for &letter in &ascii[length..] {
        let Some(code) = base_code(letter) else { break };
        if length % 4 == 0 {
            packed.push(0);
        }
        if let Some(last) = packed.last_mut() {
            *last |= (code as u8) << (6 - 2 * (length % 4));
        }
        length += 1;
    }
    length
}

/// The four bases of a packed byte.
pub(super) const LETTERS: [[u8; 4]; 256] = {
    let mut letters = [[0; 4]; 256];
    let mut at = 0;
    while at < 4 * 256 {
        letters[at / 4][at % 4] = BASES[(at / 4) >> (6 - 2 * (at % 4)) & 3];
        at += 1;
    }
    letters
};
