//! Bases as codes of two bits, and back to letters.

/// Two-bit code of an ASCII base of either case, or `None` for anything but ACGT and U, the T of RNA: T=0, C=1, A=2, G=3,
/// as in .2bit, so that the complement is `xor 2`.
#[inline]
pub const fn base_code(ascii: u8) -> Option<u64> {
    match ascii {
        b'T' | b't' | b'U' | b'u' => Some(0),
        b'C' | b'c' => Some(1),
        b'A' | b'a' => Some(2),
        b'G' | b'g' => Some(3),
        _ => None,
    }
}

/// Upper-case ASCII of a two-bit code (0 to 3).
pub const BASES: [u8; 4] = *b"TCAG";

/// Upper-case ASCII of codes 0 to 3, one a byte; bits above them are marks and tell nothing.
pub(crate) fn letters(codes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    codes.iter().map(|&code| BASES[usize::from(code & 3)])
}

/// The code of the complement; anything but a base stays.
pub(crate) const fn complement(code: u8) -> u8 {
    if code < 4 { code ^ 2 } else { code }
}

/// The codes of the other strand, read from its own start; anything but a base stays what it is.
pub(crate) fn reverse_complement(codes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    codes.iter().rev().map(|&code| complement(code))
}

/// The other strand of upper-case letters, read from its own start; anything but ACGT stays what it is.
pub(crate) fn reverse_complement_letters(letters: &[u8]) -> Vec<u8> {
    let other = |&letter: &u8| match letter {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        b'T' => b'A',
        unchanged => unchanged,
    };
    letters.iter().rev().map(other).collect()
}
