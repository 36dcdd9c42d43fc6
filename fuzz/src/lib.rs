//! What every importer's fuzz target asserts: no panic but those of the Parquet library that become errors, every record accounted for, and the same whatever the blocks.

#![cfg(feature = "history")]

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

/// The Parquet library panics on some damaged files; `history::guard` makes errors of these, which libFuzzer's hook would
/// not wait for. All other panics still abort.
pub fn abort_on_unguarded_panics() {
    let abort = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !history::guard::is_guarded() {
            abort(panic);
        }
    }));
}
