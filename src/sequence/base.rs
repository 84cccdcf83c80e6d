//! One code for bases in the whole program, that of .2bit, so that packed sequence is compared and complemented as it
//! is.

/// Two-bit code of an ASCII base of either case, or `None` for anything but ACGT and U, the T of RNA: T=0, C=1, A=2,
/// G=3, as in .2bit, so that the complement is `xor 2`.
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

/// The code of each base as [`base_code`] assigns it, for code that names a base.
pub(crate) mod code {
    pub(crate) const T: u8 = 0;
    pub(crate) const C: u8 = 1;
    pub(crate) const A: u8 = 2;
    pub(crate) const G: u8 = 3;
}

/// Upper-case ASCII of a two-bit code (0 to 3).
pub const BASES: [u8; 4] = *b"TCAG";

/// Code of a position without a base: letters other than ACGT, and separators between sequences.
pub(crate) const NO_BASE: u8 = 4;

/// Codes of all ASCII letters: [`base_code`], or [`NO_BASE`].
pub(crate) static CODES: [u8; 256] = {
    let mut codes = [NO_BASE; 256];
    let mut letter = 0;
    while letter < 256 {
        if let Some(code) = base_code(letter as u8) {
            codes[letter] = code as u8;
        }
        letter += 1;
    }
    codes
};

/// Codes of ASCII letters, one a byte.
pub(crate) fn codes(letters: &[u8]) -> impl Iterator<Item = u8> + '_ {
    letters.iter().map(|&letter| CODES[usize::from(letter)])
}

/// Upper-case ASCII of codes 0 to 3, one a byte; the bits above the lowest two are ignored.
pub(crate) fn letters(codes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    codes.iter().map(|&code| BASES[usize::from(code & 3)])
}

/// The code of the complement; anything but a base stays as it is.
pub(crate) const fn complement(code: u8) -> u8 {
    if code < 4 { code ^ 2 } else { code }
}

/// The codes of the reverse complement; anything but a base stays as it is.
pub(crate) fn reverse_complement(codes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    codes.iter().rev().map(|&code| complement(code))
}

/// The reverse complement of letters of either case; anything but ACGT stays as it is. Letters have their own function
/// because codes lose what is not ACGT.
pub(crate) fn reverse_complement_letters(letters: &[u8]) -> Vec<u8> {
    let other = |&letter: &u8| match letter {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        b'T' => b'A',
        b'a' => b't',
        b'c' => b'g',
        b'g' => b'c',
        b't' => b'a',
        unchanged => unchanged,
    };
    letters.iter().rev().map(other).collect()
}
