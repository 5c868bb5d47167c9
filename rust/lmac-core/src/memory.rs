//! Hints about memory: what will be needed soon, and what will be used at random. None of them changes a result.

/// Asks the processor for an element that will be needed soon; does nothing where it cannot.
#[inline]
pub(crate) fn prefetch<T>(elements: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let element = elements.as_ptr().wrapping_add(index);
        // SAFETY: a prefetch may be given any address; it never faults.
        unsafe { _mm_prefetch(element.cast(), _MM_HINT_T0) };
    }
    #[cfg(target_arch = "aarch64")]
    {
        let element = elements.as_ptr().wrapping_add(index);
        // SAFETY: a prefetch may be given any address; it never faults.
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{}]", in(reg) element,
                options(readonly, nostack, preserves_flags));
        }
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = (elements, index);
}

/// Zeros, in memory that the system has not touched yet, with large pages where they are worth it.
pub(crate) fn zeros_for_random_use(len: usize) -> Vec<u32> {
    let mut zeros = vec![0; len];
    use_large_pages(&mut zeros);
    zeros
}

/// Asks the system for large pages for elements that are used at random, so that fewer of their addresses have to be
/// translated; does nothing where it cannot, or where they are few. They must not have been touched before.
fn use_large_pages<T>(elements: &mut [T]) {
    #[cfg(target_os = "linux")]
    {
        /// More than the small pages of any processor, less than the large ones.
        const ALIGNMENT: usize = 1 << 16;
        const LEAST_BYTES: usize = 4 << 20;
        let bytes = size_of_val(elements);
        if bytes >= LEAST_BYTES {
            let start = elements.as_mut_ptr().cast::<u8>();
            let before = start.align_offset(ALIGNMENT);
            let whole = (bytes - before) / ALIGNMENT * ALIGNMENT;
            // SAFETY: the pages belong to `elements`, which are borrowed mutably, and the advice leaves what is in them.
            unsafe { libc::madvise(start.add(before).cast(), whole, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = elements;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_change_nothing() {
        for len in [0, 1, (4 << 20) - 1, 4 << 20, (5 << 20) + 3] {
            let mut elements = vec![7_u8; len];
            use_large_pages(&mut elements);
            prefetch(&elements, len / 2);
            prefetch(&elements, usize::MAX); // any address will do
            assert!(elements.iter().all(|&element| element == 7), "{len}");
        }
    }
}
