/// Asks for the line of the processor's caches that holds byte `at`, without waiting for it; nothing where there is no such
/// byte, or where the processor has no such instruction.
///
/// A load would do as well, but the processor retires its instructions in order, and so soon waits for the first of many.
#[inline(always)]
pub(crate) fn prefetch(bytes: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(byte) = bytes.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the pointer is that of a byte of the slice; the instruction reads nothing that the program sees, and every
        // processor of this architecture has it. Tested below.
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
    fn any_place_may_be_asked_for() {
        for bytes in [&[][..], &[1], &[7; 1000]] {
            for at in [0, 1, 999, 1000, usize::MAX] {
                super::prefetch(bytes, at);
            }
        }
    }
}
