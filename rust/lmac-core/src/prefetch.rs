//! `prefetch`: memory asked for before it is needed.

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
