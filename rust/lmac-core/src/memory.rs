//! Memory that comes or is refused with an error, and hints about it: what will be needed soon, what will be used at random.
//!
//! Whatever a header or a content decides the length of is made here, since the standard library's own ways end the process
//! when memory is short.

use std::alloc::{Layout, alloc_zeroed};

use crate::error::{Error, Result};

/// Copies of an element.
pub(crate) fn filled<T: Clone>(element: T, len: usize) -> Result<Vec<T>> {
    let mut elements = Vec::new();
    reserve(&mut elements, len)?;
    elements.resize(len, element);
    Ok(elements)
}

/// A copy of some elements.
pub(crate) fn copied<T: Copy>(elements: &[T]) -> Result<Vec<T>> {
    let mut copy = Vec::new();
    reserve(&mut copy, elements.len())?;
    copy.extend_from_slice(elements);
    Ok(copy)
}

/// Appends elements.
pub(crate) fn extend<T: Copy>(elements: &mut Vec<T>, more: &[T]) -> Result<()> {
    let reserved = elements.try_reserve(more.len());
    reserved.map_err(|_| out_of_memory::<T>(more.len()))?;
    elements.extend_from_slice(more);
    Ok(())
}

/// Makes room for exactly `more` elements.
pub(crate) fn reserve<T>(elements: &mut Vec<T>, more: usize) -> Result<()> {
    let reserved = elements.try_reserve_exact(more);
    reserved.map_err(|_| out_of_memory::<T>(more))
}

/// Checks that so much memory can be had, before it is asked for in many small parts.
pub(crate) fn check_room(bytes: usize) -> Result<()> {
    reserve(&mut Vec::<u8>::new(), bytes)
}

fn out_of_memory<T>(len: usize) -> Error {
    Error::OutOfMemory {
        bytes: (len as u64).saturating_mul(size_of::<T>() as u64),
    }
}

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
#[expect(
    clippy::cast_ptr_alignment,
    clippy::same_length_and_capacity,
    reason = "the layout is that of as many numbers"
)]
pub(crate) fn zeros_for_random_use(len: usize) -> Result<Vec<u32>> {
    let layout = Layout::array::<u32>(len).map_err(|_| out_of_memory::<u32>(len))?;
    if layout.size() == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the layout is not empty.
    let zeros = unsafe { alloc_zeroed(layout) }.cast::<u32>();
    if zeros.is_null() {
        return Err(out_of_memory::<u32>(len));
    }
    // SAFETY: the allocator has made them with the layout of so many, and zeros are numbers.
    let mut zeros = unsafe { Vec::from_raw_parts(zeros, len, len) };
    use_large_pages(&mut zeros);
    Ok(zeros)
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
    fn what_no_machine_has_is_an_error() {
        let too_long = usize::MAX >> 4;
        assert!(matches!(
            zeros_for_random_use(too_long),
            Err(Error::OutOfMemory { .. })
        ));
        assert!(matches!(
            filled(0_u8, too_long),
            Err(Error::OutOfMemory { .. })
        ));
        assert!(zeros_for_random_use(0).unwrap().is_empty());
        assert_eq!(zeros_for_random_use(3).unwrap(), [0; 3]);
    }

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
