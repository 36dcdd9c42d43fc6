//! What a durable write costs on this disk at this hour, with nothing of the product in between: what no answer that waits for one
//! can go below. Must not know what is measured beside it.

use std::fs::File;
use std::io::{Seek as _, Write as _};

use anyhow::Context as _;

use crate::session::Stopwatch;

/// Bytes of a write: a page, as the journal appends them.
const PAGE: usize = 4 << 10;
/// Pages of the file, which is as long from the start on: the journal's log is written over, too.
const PAGES: usize = 1 << 10;

/// Microseconds that a write of a page and its sync took, in order of length: so many of them, one after the other.
pub(super) fn syncs(count: u32) -> anyhow::Result<Vec<u64>> {
    let mut file = tempfile::tempfile().context("a temporary file is needed")?;
    let page = [0x5a; PAGE];
    for _ in 0..PAGES {
        file.write_all(&page)?;
    }
    file.sync_all()?;
    let mut took = Vec::new();
    for number in 0..count {
        if usize::try_from(number)? % PAGES == 0 {
            file.rewind()?;
        }
        took.push(sync(&mut file, &page)?);
    }
    took.sort_unstable();
    Ok(took)
}

fn sync(file: &mut File, page: &[u8]) -> anyhow::Result<u64> {
    let timer = Stopwatch::start();
    file.write_all(page)?;
    file.sync_data()?;
    Ok(timer.micros())
}
