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
