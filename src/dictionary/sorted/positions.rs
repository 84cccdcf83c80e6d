//! Reads the position list of a k-mer from its block. No pointer to it is stored: its offset follows from the
//! frequencies of the k-mers before it.

use crate::dictionary::sorted::codec::SortedCodec;
use crate::dictionary::sorted::search::PageView;
use crate::format::positions::Ascending;

impl PageView<'_> {
    /// Calls `each` for the first `limit` coded positions of the list at bit `at` of the payload `block`, which belongs
    /// to a k-mer of this frequency. `damage` makes an error of a problem that continues "position block 3 ".
    ///
    /// # Errors
    /// Errors of `each` and `damage`.
    pub(crate) fn read_list<E>(
        self,
        block: &[u8],
        (at, frequency): (u64, u64),
        limit: u64,
        damage: impl Fn(&str) -> E,
        mut each: impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let SortedCodec { filters, lists, .. } = self.codec;
        let stored = filters.stored_positions(frequency);
        let wanted = stored.min(limit);
        let mut list = Ascending::below(lists.universe());
        let mut outcome = Ok(());
        if wanted > 0 && at.saturating_add(lists.bits(stored)) <= self.shape.block_bits {
            lists.read_while(block, at, stored, |position| {
                if list.take(position) {
                    outcome = each(position);
                }
                outcome.is_ok() && list.seen() < wanted
            });
        }
        outcome?;
        if list.is_whole(wanted) { Ok(()) } else { Err(damage("does not have the positions that its page states")) }
    }
}
