//! Hides the latency of random reads in batches: the cache line is requested long before it is read.

/// Requests the cache line of byte `at` without waiting for it. Does nothing if there is no such byte, or if the
/// processor has no such instruction.
///
/// A load would wait: the processor retires instructions in order, so many loads soon stall on the first.
#[inline(always)]
pub(crate) fn prefetch(bytes: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(byte) = bytes.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the pointer is that of a byte of the slice; the instruction reads nothing that the program sees, and
        // every processor of this architecture has it. Tested below.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, at);
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_offset_is_allowed() {
        for bytes in [&[][..], &[1], &[7; 1000]] {
            for at in [0, 1, 999, 1000, usize::MAX] {
                super::prefetch(bytes, at);
            }
        }
    }
}
