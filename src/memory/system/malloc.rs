//! Corrects two defaults of glibc's allocator: it keeps freed memory, and reserves addresses for each thread.

/// Returns free memory of the allocator to the system. Only glibc's allocator keeps enough of it to matter; for any
/// other this does nothing.
pub(crate) fn malloc_trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `malloc_trim` takes the locks of the allocator itself, touches free memory only, and may be called by
        // any thread at any time. If the program has another allocator, this has no effect. Tested below.
        #[allow(unsafe_code)]
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

/// Makes all threads allocate from one arena. By default glibc's allocator reserves 64 MiB of addresses for each
/// thread, which count against a limit of the address space even if unused. Call it before threads start.
pub(crate) fn share_one_arena() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `mallopt` takes the lock of the allocator, and sets a number that is read when an arena is created.
        // Tested by the builds under `ulimit -v` in tests/limits.rs.
        #[allow(unsafe_code)]
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1);
        }
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;
    use crate::memory::resident_memory;

    #[test]
    fn free_memory_is_returned() {
        // Too small for maps of their own, and every 64th stays, so that the heap cannot shrink on its own.
        let mut pieces: Vec<Vec<u8>> = (0..2048).map(|i| vec![i as u8 | 1; 64 << 10]).collect();
        let mut number = 0;
        pieces.retain(|_| {
            number += 1;
            number % 64 == 0
        });
        let before = resident_memory().expect("Linux has /proc").anonymous;
        malloc_trim();
        let after = resident_memory().expect("Linux has /proc").anonymous;
        assert!(before - after.min(before) > 64 << 20, "{before} B before, {after} B after");
        assert!(pieces.iter().all(|piece| piece[0] & 1 == 1));
    }
}
