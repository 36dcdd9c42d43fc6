//! Values by address of one family, as sorted arrays: where the value changes, and what it is from there on.
//!
//! An [`Index`] tells between which positions to search. An IPv6 start is kept as two numbers of 64 bits, because the
//! search nearly always needs only the first; that halves the time against comparing 128 bits.

use super::index::{Index, Leading};

/// An address as a number.
pub(crate) trait Address: Copy + Ord {
    /// The part that is searched first.
    type Head: Copy + Ord;
    /// The rest.
    type Tail: Copy + Ord;
    /// The lowest address.
    const FIRST: Self;
    /// Head and tail; they order like the address.
    fn split(self) -> (Self::Head, Self::Tail);
    /// The bits that the index goes by; the head alone decides them.
    fn leading(head: Self::Head) -> Leading;
    /// The address after this one, if there is one.
    fn next(self) -> Option<Self>;
    /// How far it is to `end`.
    fn distance(self, end: Self) -> u128;
}

impl Address for u32 {
    type Head = Self;
    type Tail = ();
    const FIRST: Self = 0;

    fn split(self) -> (Self, ()) {
        (self, ())
    }

    fn leading(head: Self) -> Leading {
        let [a, b, c, ..] = head.to_be_bytes();
        Leading { bucket: u16::from_be_bytes([a, b]).into(), slot: c.into() }
    }

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn distance(self, end: Self) -> u128 {
        end.saturating_sub(self).into()
    }
}

impl Address for u128 {
    type Head = u64;
    type Tail = u64;
    const FIRST: Self = 0;

    fn split(self) -> (u64, u64) {
        let [a, b, c, d, e, f, g, h, tail @ ..] = self.to_be_bytes();
        (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes(tail))
    }

    fn leading(head: u64) -> Leading {
        let [a, b, c, ..] = head.to_be_bytes();
        Leading { bucket: u16::from_be_bytes([a, b]).into(), slot: c.into() }
    }

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn distance(self, end: Self) -> u128 {
        end.saturating_sub(self)
    }
}

/// Invariants: entries and tails are equally long; a start (head, tail) rises strictly and the first is the lowest
/// address (or both are empty); neighbouring values differ; `index` is that of the heads.
pub(crate) struct Table<A: Address, V> {
    /// Head of a start, and the value from there on: side by side, because a lookup that has found the one has the
    /// other in its cache line.
    entries: Vec<(A::Head, V)>,
    /// Tail of each start.
    tails: Vec<A::Tail>,
    index: Index,
}

impl<A: Address, V> Default for Table<A, V> {
    fn default() -> Self {
        Self { entries: Vec::new(), tails: Vec::new(), index: Index::default() }
    }
}

impl<A: Address, V: Copy + Default + Eq> Table<A, V> {
    /// True when no address has a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value for an address; `V::default()` where nothing is known.
    pub(super) fn get(&self, address: A) -> V {
        self.find(address).unwrap_or_default()
    }

    /// The value of the last start at or below the address.
    fn find(&self, address: A) -> Option<V> {
        let (head, tail) = address.split();
        let (low, high) = self.index.bounds(A::leading(head))?;
        let within = self.entries.get(low..high)?.partition_point(|(start, _)| *start <= head);
        // When none of these is at or below the address, the one before them is it.
        let at = low.checked_add(within)?.checked_sub(1)?;
        let (start, value) = *self.entries.get(at)?;
        if start != head || *self.tails.get(at)? <= tail {
            return Some(value);
        }
        // Several starts share the head, and the last of them lies above the address.
        let first = self.entries.get(..at)?.partition_point(|(start, _)| *start < head);
        let within = self.tails.get(first..at)?.partition_point(|start| *start <= tail);
        self.entries.get(first.checked_add(within)?.checked_sub(1)?).map(|(_, value)| *value)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        [size_of_val(self.entries.as_slice()), size_of_val(self.tails.as_slice()), self.index.memory_bytes()]
            .into_iter()
            .fold(0, usize::saturating_add)
    }
}

/// A table while it is made.
pub(crate) struct TableBuilder<A: Address, V> {
    table: Table<A, V>,
}

impl<A: Address, V: Copy + Default + Eq> TableBuilder<A, V> {
    /// Unknown everywhere.
    pub(crate) fn new() -> Self {
        let mut builder = Self { table: Table::default() };
        builder.append(A::FIRST, V::default());
        builder
    }

    /// From `start` on the value holds. Starts come in rising order; of equal ones the last counts.
    pub(crate) fn push(&mut self, start: A, value: V) {
        let (head, tail) = start.split();
        let table = &mut self.table;
        if table.entries.last().is_some_and(|(last, _)| *last == head) && table.tails.last() == Some(&tail) {
            table.entries.pop();
            table.tails.pop();
        }
        if table.entries.last().is_none_or(|(_, last)| *last != value) {
            self.append(start, value);
        }
    }

    fn append(&mut self, start: A, value: V) {
        let (head, tail) = start.split();
        self.table.entries.push((head, value));
        self.table.tails.push(tail);
    }

    /// The table, ready for lookups.
    pub(crate) fn finish(self) -> Table<A, V> {
        let mut table = self.table;
        if table.entries.iter().all(|(_, value)| *value == V::default()) {
            return Table::default();
        }
        table.index = Index::new(&table.entries, |(head, _)| A::leading(head));
        table.entries.shrink_to_fit();
        table.tails.shrink_to_fit();
        table
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, Table, TableBuilder};

    fn table<A: Address>(changes: &[(A, u32)]) -> Table<A, u32> {
        let mut builder = TableBuilder::new();
        for &(start, value) in changes {
            builder.push(start, value);
        }
        builder.finish()
    }

    #[test]
    fn of_equal_starts_the_last_counts() {
        let table = table(&[(0_u32, 1), (5, 2), (5, 1), (9, 0)]);
        assert_eq!(table.entries, [(0, 1), (9, 0)]);
    }

    #[test]
    fn nothing_known_takes_no_memory() {
        for empty in [table::<u128>(&[]), table(&[(7, 0)]), Table::default()] {
            assert!(empty.is_empty());
            assert_eq!((empty.memory_bytes(), empty.get(7)), (0, 0));
        }
    }

    #[test]
    fn starts_that_share_their_head() {
        let head = 0x2001_0db8_u128 << 96;
        let table = table(&[(head + 5, 1), (head + 9, 2), (head + 20, 3), (head + 30, 0)]);
        let expected = [(4, 0), (5, 1), (8, 1), (9, 2), (19, 2), (20, 3), (29, 3), (30, 0), (1 << 70, 0)];
        for (offset, value) in expected {
            assert_eq!(table.get(head + offset), value, "{offset}");
        }
        assert_eq!(table.get(head - 1), 0);
    }

    #[test]
    fn memory_is_as_stated() {
        let v4 = table(&[(1_u32, 1), (2, 2), (3, 0)]);
        assert_eq!(v4.memory_bytes(), 4 * (4 + 4) + 65_537 * 4);
        let v6 = table(&[(1_u128, 1), (2, 2), (3, 0)]);
        assert_eq!(v6.memory_bytes(), 4 * (16 + 8) + 65_537 * 4);
    }
}
