//! The constants of the layout, which writer and reader share.

/// First word of a file.
pub(super) const SIGNATURE: u32 = 0x1A41_2743;
/// Bytes of the header: signature, version, number of contigs, and a reserved word.
pub(super) const HEADER: usize = 16;
/// Bytes of a name; its length is one byte.
pub(super) const MAX_NAME: usize = 255;
