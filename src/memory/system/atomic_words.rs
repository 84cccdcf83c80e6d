//! Words that several threads fill at once; the standard library has this for vectors of atomic numbers alone, which are
//! not in huge pages.

use std::sync::atomic::AtomicU32;

/// The words as atomic numbers, for as long as they are borrowed.
pub(crate) fn as_atomic(words: &mut [u32]) -> &[AtomicU32] {
    // SAFETY: AtomicU32 has the size, the alignment and the valid values of u32 (a static assertion below checks the
    // first two), and the exclusive borrow lasts as long as the result, so every access to the words is atomic.
    #[allow(unsafe_code)]
    unsafe {
        std::slice::from_raw_parts(words.as_mut_ptr().cast(), words.len())
    }
}

const _: () = assert!(size_of::<AtomicU32>() == size_of::<u32>() && align_of::<AtomicU32>() == align_of::<u32>());

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn threads_count_in_the_same_words() {
        let mut words = vec![0u32; 10];
        let counts = as_atomic(&mut words);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|i| _ = counts[i % 10].fetch_add(1, Ordering::Relaxed)));
            }
        });
        assert_eq!(words, [400; 10]);
    }
}
