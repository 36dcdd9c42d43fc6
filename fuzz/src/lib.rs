//! What every importer's fuzz target asserts: no panic, every record accounted for, and the same whatever the blocks.

use history::import::{Counts, Format, parse_bytes};

/// Parses `bytes` as `format` with two sizes of blocks and compares.
pub fn check(format: Format, bytes: &[u8]) {
    const RECORD_BYTES_MAX: usize = 512;
    let small = parse_bytes(format, bytes, RECORD_BYTES_MAX, 0);
    let large = parse_bytes(format, bytes, RECORD_BYTES_MAX, 1 << 20);
    for counts in [&small, &large].into_iter().flatten() {
        let Counts { records, with_rows, rejected, ignored, blank, rows, rejected_lines } = counts;
        assert_eq!(*records, with_rows + rejected + ignored + blank);
        assert_eq!(rejected, rejected_lines);
        assert!(rows >= with_rows);
    }
    // In a JSON array an element that is too long ends the run, earlier or later by the size of blocks.
    if format != Format::Ocsf {
        assert_eq!(small.ok(), large.ok());
    }
}
