//! The compiled lookup: from an address to a value, over ranges that may overlap and come in any order.
//!
//! Ranges are gathered in a [`Builder`] and compiled once to [`Ranges`], a [`table`] per family. Gaps hold
//! `V::default()`, which means "unknown".
//!
//! **Overlaps.** For an address that several ranges hold: the earlier file wins; in one file the narrowest range; of
//! equally wide ones the earlier line.
//!
//! **Memory.** Per change of value: for countries and AS numbers 8 bytes (IPv4) or 24 (IPv6), for sets of lists 16 or
//! 24. A range needs one change, or two with a gap after it. Adjacent ranges of one value become one. The index takes
//! 256 KiB per family in use, and 1 KiB for each /16 with more than 256 changes.
//!
//! It must not know what the values mean.

mod index;
mod table;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;

use crate::span::Span;

pub(crate) use table::{Address, Table, TableBuilder};

/// Values by address, for both families.
#[derive(Default)]
pub(crate) struct Ranges<V> {
    pub(crate) v4: Table<u32, V>,
    pub(crate) v6: Table<u128, V>,
}

impl<V: Copy + Default + Eq> Ranges<V> {
    /// The value for an address; `V::default()` where nothing is known.
    pub(crate) fn get(&self, ip: IpAddr) -> V {
        match ip.to_canonical() {
            IpAddr::V4(ip) => self.v4.get(ip.into()),
            IpAddr::V6(ip) => self.v6.get(ip.into()),
        }
    }

    /// Bytes in use.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.v4.memory_bytes().saturating_add(self.v6.memory_bytes())
    }
}

/// A range as it came.
struct Raw<A, V> {
    start: A,
    end: A,
    file: u16,
    order: u32,
    value: V,
}

/// Gathers ranges of any order and overlap.
#[derive(Default)]
pub(crate) struct Builder<V> {
    v4: Vec<Raw<u32, V>>,
    v6: Vec<Raw<u128, V>>,
    file: u16,
    order: u32,
}

impl<V: Copy + Default + Eq> Builder<V> {
    /// What is added from now on comes from the next file and yields to the files before.
    pub(crate) fn next_file(&mut self) {
        self.file = self.file.saturating_add(1);
    }

    pub(crate) fn add(&mut self, span: Span, value: V) {
        let (file, order) = (self.file, self.order);
        self.order = self.order.saturating_add(1);
        match span {
            Span::V4(start, end) => self.v4.push(Raw { start, end, file, order, value }),
            Span::V6(start, end) => self.v6.push(Raw { start, end, file, order, value }),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.v4.len().saturating_add(self.v6.len())
    }

    pub(crate) fn compile(self) -> Ranges<V> {
        Ranges { v4: resolve(self.v4), v6: resolve(self.v6) }
    }
}

/// What decides between overlapping ranges, lowest first: file, width, line.
type Rank = (u16, u128, u32);

/// A sweep from the lowest address to the highest. The heap holds the ranges begun and not yet found ended, the
/// winner on top. Each step goes to the winner's end or to the next start, so there are at most twice as many steps
/// as ranges.
fn resolve<A: Address, V: Copy + Default + Eq>(mut ranges: Vec<Raw<A, V>>) -> Table<A, V> {
    ranges.sort_unstable_by_key(|range| (range.start, range.order));
    let mut table = TableBuilder::new();
    let mut upcoming = ranges.iter().enumerate().peekable();
    let mut begun: BinaryHeap<Reverse<(Rank, usize, A)>> = BinaryHeap::new();
    let mut at = A::FIRST;
    loop {
        while begun.peek().is_some_and(|Reverse((_, _, end))| *end < at) {
            begun.pop();
        }
        if begun.is_empty() {
            table.push(at, V::default());
            match upcoming.peek() {
                Some((_, next)) => at = next.start,
                None => break,
            }
        }
        while let Some((number, range)) = upcoming.next_if(|(_, range)| range.start <= at) {
            let width = range.start.distance(range.end);
            begun.push(Reverse(((range.file, width, range.order), number, range.end)));
        }
        let Some(&Reverse((_, winner, end))) = begun.peek() else { break };
        table.push(at, ranges.get(winner).map_or_else(V::default, |range| range.value));
        at = match (upcoming.peek(), end.next()) {
            (Some((_, next)), _) if next.start <= end => next.start,
            (_, Some(after)) => after,
            (_, None) => break,
        };
    }
    table.finish()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::{Builder, Ranges};
    use crate::span::Span;

    fn compile(ranges: &[(u32, u32, u32)]) -> Ranges<u32> {
        let mut builder = Builder::default();
        for &(start, end, value) in ranges {
            builder.add(Span::V4(start, end), value);
        }
        builder.compile()
    }

    fn get(ranges: &Ranges<u32>, address: u32) -> u32 {
        ranges.get(IpAddr::V4(address.into()))
    }

    #[test]
    fn nothing_is_known_without_ranges() {
        let none = compile(&[]);
        assert!(none.v4.is_empty() && none.v6.is_empty());
        assert_eq!(none.memory_bytes(), 0);
        assert_eq!(get(&none, 0), 0);
        assert_eq!(none.get(IpAddr::V6(Ipv6Addr::LOCALHOST)), 0);
    }

    #[test]
    fn the_ends_belong_to_the_range() {
        let ranges = compile(&[(10, 20, 7), (0, 0, 1), (u32::MAX, u32::MAX, 9)]);
        for (address, value) in
            [(0, 1), (1, 0), (9, 0), (10, 7), (20, 7), (21, 0), (u32::MAX - 1, 0), (u32::MAX, 9)]
        {
            assert_eq!(get(&ranges, address), value, "{address}");
        }
    }

    #[test]
    fn the_whole_space() {
        let ranges = compile(&[(0, u32::MAX, 5)]);
        assert_eq!((get(&ranges, 0), get(&ranges, 0x8000_0000), get(&ranges, u32::MAX)), (5, 5, 5));
    }

    #[test]
    fn the_narrowest_wins_then_the_earlier_line() {
        let ranges = compile(&[(0, 100, 1), (40, 60, 2), (50, 70, 3), (45, 45, 4), (45, 45, 5)]);
        for (address, value) in
            [(39, 1), (40, 2), (45, 4), (46, 2), (50, 2), (60, 2), (61, 3), (70, 3), (71, 1), (101, 0)]
        {
            assert_eq!(get(&ranges, address), value, "{address}");
        }
    }

    #[test]
    fn an_earlier_file_wins_even_when_wider() {
        let mut builder = Builder::default();
        builder.add(Span::V4(0, 100), 1_u32);
        builder.next_file();
        builder.add(Span::V4(50, 60), 2);
        builder.add(Span::V4(90, 110), 3);
        let ranges = builder.compile();
        assert_eq!((get(&ranges, 55), get(&ranges, 100), get(&ranges, 101)), (1, 1, 3));
    }

    #[test]
    fn neighbours_of_one_value_become_one_entry() {
        let ranges = compile(&[(0, 9, 1), (10, 19, 1), (20, 29, 2)]);
        let apart = compile(&[(0, 29, 1)]);
        assert_eq!(ranges.memory_bytes(), apart.memory_bytes() + 8, "one change of value more");
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        let ranges = compile(&[(0xc000_0200, 0xc000_02ff, 7)]);
        assert_eq!(ranges.get("::ffff:192.0.2.9".parse().unwrap()), 7);
        assert_eq!(ranges.get("::192.0.2.9".parse().unwrap()), 0);
    }

    /// What the compiled table must agree with: every range tried for every address.
    fn naive(ranges: &[(u16, u128, u128, u32)], address: u128) -> u32 {
        (0_usize..)
            .zip(ranges)
            .filter(|(_, (_, start, end, _))| (*start..=*end).contains(&address))
            .min_by_key(|(line, (file, start, end, _))| (*file, end - start, *line))
            .map_or(0, |(_, (_, _, _, value))| *value)
    }

    /// Addresses that lie close together, at both ends of the space and at the borders of the index.
    fn address() -> impl Strategy<Value = u32> {
        prop_oneof![0..40_u32, 0xffff_ffd8..=u32::MAX, 0x0001_ffe0..0x0002_0020_u32, any::<u32>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn lookup_equals_a_linear_scan(
            input in prop::collection::vec((0..3_u16, address(), address(), 0..5_u32), 0..30),
            probes in prop::collection::vec(address(), 20),
            v6 in any::<bool>(),
        ) {
            // In IPv6 the same numbers are spread over the top 32 bits, so that the index is used there too.
            let wide = |address: u32| if v6 { u128::from(address) << 96 } else { u128::from(address) };
            let mut input: Vec<_> =
                input.into_iter().map(|(file, a, b, value)| (file, a.min(b), a.max(b), value)).collect();
            input.sort_by_key(|range| range.0);
            let ranges: Vec<_> =
                input.iter().map(|&(file, start, end, value)| (file, wide(start), wide(end), value)).collect();
            let mut builder = Builder::default();
            for &(file, start, end, value) in &input {
                while builder.file < file {
                    builder.next_file();
                }
                let span = if v6 { Span::V6(wide(start), wide(end)) } else { Span::V4(start, end) };
                builder.add(span, value);
            }
            let table = builder.compile();
            let ends = input.iter().flat_map(|&(_, start, end, _)| {
                [start, end, start.saturating_sub(1), end.saturating_add(1)]
            });
            for probe in probes.into_iter().chain(ends) {
                let ip = if v6 {
                    IpAddr::V6(Ipv6Addr::from(wide(probe)))
                } else {
                    IpAddr::V4(Ipv4Addr::from(probe))
                };
                prop_assert_eq!(table.get(ip), naive(&ranges, wide(probe)), "{}", ip);
            }
        }
    }
}
