//! Cuts a stream of bytes into blocks of whole records, so that blocks can be parsed side by side in bounded memory.
//! Must not know what is in a record, only where it ends.

use std::io::{self, Read};

use memchr::{memchr, memchr2, memchr3, memrchr};

/// Longest accepted record (a line; for CSV with line breaks in quotes, all its lines) in bytes: 1 MiB.
pub(crate) const RECORD_BYTES_MAX: usize = 1 << 20;
/// Bytes read at a time; together with what is left of the block before, a little more than the longest record.
const READ_BYTES: usize = RECORD_BYTES_MAX + (64 << 10);
/// Bytes kept of a record that is too long, to show where it was.
pub(crate) const EXCERPT_BYTES: usize = 1 << 10;

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A line break.
    Lines,
    /// A line break outside quotes.
    Csv {
        /// Between fields.
        delimiter: u8,
        /// Around fields that hold delimiters or line breaks.
        quote: u8,
    },
    /// The end of an object in a top-level JSON array.
    JsonArray,
}

/// How records are told apart, and how long they may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Framing {
    pub(crate) shape: Shape,
    pub(crate) record_bytes_max: usize,
}

/// What lies at a position of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A record from `start` to `end`; the next one is looked for at `next`.
    Record { start: usize, end: usize, next: usize },
    /// The line from `start` to `end` begins a record that does not end within the limit.
    Broken { start: usize, end: usize, next: usize },
    /// Nothing but what stands between records.
    Nothing,
    /// More bytes are needed to tell.
    More,
}

impl Framing {
    pub(crate) const fn new(shape: Shape) -> Self {
        Self { shape, record_bytes_max: RECORD_BYTES_MAX }
    }

    /// The frame at `at`. `last` says that nothing comes after `bytes`.
    ///
    /// Reader and parser both walk by this function. They agree although the parser sees a shorter buffer, because
    /// whether a record is broken depends only on the `record_bytes_max` bytes behind its start, and the reader cuts
    /// behind whole frames only.
    pub(crate) fn next(self, bytes: &[u8], at: usize, last: bool) -> Frame {
        let rest = bytes.get(at..).unwrap_or(&[]);
        if rest.is_empty() {
            return if last { Frame::Nothing } else { Frame::More };
        }
        match self.shape {
            Shape::Lines => match memchr(b'\n', rest) {
                Some(length) => Frame::Record { start: at, end: at + length, next: at + length + 1 },
                None if last => Frame::Record { start: at, end: bytes.len(), next: bytes.len() },
                None => Frame::More,
            },
            Shape::Csv { delimiter, quote } => {
                let window = rest.get(..=self.record_bytes_max).unwrap_or(rest);
                match csv_end(window, delimiter, quote) {
                    Ok(length) => Frame::Record { start: at, end: at + length, next: at + length + 1 },
                    Err(_) if window.len() == rest.len() && !last => Frame::More,
                    Err(Inside::Plain) if window.len() == rest.len() => {
                        Frame::Record { start: at, end: bytes.len(), next: bytes.len() }
                    }
                    Err(_) => broken(bytes, at, last),
                }
            }
            Shape::JsonArray => self.next_element(bytes, at, last),
        }
    }

    fn next_element(self, bytes: &[u8], at: usize, last: bool) -> Frame {
        let start = at + between_elements(bytes.get(at..).unwrap_or(&[]));
        let rest = bytes.get(start..).unwrap_or(&[]);
        match rest.first() {
            None => return if last { Frame::Nothing } else { Frame::More },
            Some(b'{') => {}
            // Not an object: it ends where the next element may begin.
            Some(_) => {
                return match memchr3(b',', b'\n', b'{', rest) {
                    Some(length) => Frame::Broken { start, end: start + length, next: start + length },
                    None if last => Frame::Broken { start, end: bytes.len(), next: bytes.len() },
                    None => Frame::More,
                };
            }
        }
        let window = rest.get(..=self.record_bytes_max).unwrap_or(rest);
        match object_end(window) {
            Some(length) => Frame::Record { start, end: start + length, next: start + length },
            None if window.len() == rest.len() && !last => Frame::More,
            None => broken(bytes, start, last),
        }
    }

    /// Bytes at the front of `bytes` that hold whole frames only.
    fn whole(self, bytes: &[u8], last: bool) -> usize {
        if last {
            return bytes.len();
        }
        let plain = match self.shape {
            Shape::Lines => true,
            Shape::Csv { quote, .. } => memchr(quote, bytes).is_none(),
            Shape::JsonArray => false,
        };
        if plain {
            return memrchr(b'\n', bytes).map_or(0, |end| end + 1);
        }
        let mut at = 0;
        while let Frame::Record { next, .. } | Frame::Broken { next, .. } = self.next(bytes, at, false) {
            at = next;
        }
        if self.shape == Shape::JsonArray {
            at += between_elements(bytes.get(at..).unwrap_or(&[]));
        }
        at
    }
}

/// Bytes that stand between the elements of a JSON array.
fn between_elements(bytes: &[u8]) -> usize {
    let between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'[' | b']' | b',');
    bytes.iter().position(|byte| !between(byte)).unwrap_or(bytes.len())
}

/// The first line of a record that does not end within the limit.
fn broken(bytes: &[u8], start: usize, last: bool) -> Frame {
    match memchr(b'\n', bytes.get(start..).unwrap_or(&[])) {
        Some(length) => Frame::Broken { start, end: start + length, next: start + length + 1 },
        None if last => Frame::Broken { start, end: bytes.len(), next: bytes.len() },
        None => Frame::More,
    }
}

/// Where a search for a record's end stopped.
enum Inside {
    Plain,
    Quotes,
}

/// The length of the first CSV record, without its line break. A quote opens only at the start of a field.
fn csv_end(window: &[u8], delimiter: u8, quote: u8) -> Result<usize, Inside> {
    let find = |from: usize| window.get(from..).unwrap_or(&[]);
    let mut at = 0;
    loop {
        let Some(found) = memchr2(quote, b'\n', find(at)).map(|place| at + place) else {
            return Err(Inside::Plain);
        };
        if window.get(found) == Some(&b'\n') {
            return Ok(found);
        }
        at = found + 1;
        let opens = found.checked_sub(1).is_none_or(|before| window.get(before) == Some(&delimiter));
        if !opens {
            continue;
        }
        loop {
            let Some(found) = memchr(quote, find(at)).map(|place| at + place) else {
                return Err(Inside::Quotes);
            };
            if window.get(found + 1) == Some(&quote) {
                at = found + 2;
            } else {
                at = found + 1;
                break;
            }
        }
    }
}

/// The length of the JSON object at the front of `window`.
fn object_end(window: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut bytes = window.iter().enumerate();
    while let Some((place, byte)) = bytes.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(place + 1);
                }
            }
            b'"' => loop {
                match bytes.next()?.1 {
                    b'"' => break,
                    b'\\' => {
                        bytes.next()?;
                    }
                    _ => {}
                }
            },
            _ => {}
        }
    }
    None
}

/// Whole records, or one record that is too long to be held.
#[derive(Debug)]
pub(crate) struct Block {
    /// The bytes; of a record that is too long, only its beginning.
    pub(crate) bytes: Vec<u8>,
    /// Number of the first line, from 1.
    pub(crate) line: u64,
    /// Line breaks in it.
    pub(crate) lines: u64,
    /// The whole length in bytes of a record that is too long; then `bytes` is only its beginning.
    pub(crate) oversize: Option<u64>,
}

/// The blocks of a stream, in order.
pub(crate) struct Blocks<R> {
    reader: R,
    framing: Framing,
    read_bytes: usize,
    carry: Vec<u8>,
    line: u64,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    pub(crate) fn new(reader: R, framing: Framing) -> Self {
        Self::with_read_bytes(reader, framing, READ_BYTES)
    }

    /// As [`Self::new`] with another size of reads, so that tests cross many borders. Must exceed the longest record.
    pub(crate) fn with_read_bytes(reader: R, framing: Framing, read_bytes: usize) -> Self {
        let read_bytes = read_bytes.max(framing.record_bytes_max.saturating_add(2));
        Self { reader, framing, read_bytes, carry: Vec::new(), line: 1, ended: false }
    }

    /// The next block. Where blocks begin depends on the bytes alone, not on how the source delivers them.
    pub(crate) fn next(&mut self) -> io::Result<Option<Block>> {
        let mut bytes = std::mem::take(&mut self.carry);
        if !self.ended {
            bytes.reserve_exact(self.read_bytes);
            self.fill(&mut bytes)?;
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let whole = self.framing.whole(&bytes, self.ended);
        if whole == 0 {
            return self.oversize(bytes).map(Some);
        }
        self.carry = bytes.split_off(whole);
        let (line, lines) = (self.line, newlines(&bytes));
        self.line += lines;
        Ok(Some(Block { bytes, line, lines, oversize: None }))
    }

    fn fill(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let wanted = u64::try_from(self.read_bytes).unwrap_or(u64::MAX);
        let read = self.reader.by_ref().take(wanted).read_to_end(bytes)?;
        self.ended = read < self.read_bytes;
        Ok(())
    }

    /// Skips the rest of a line that fills the buffer, keeping its beginning.
    fn oversize(&mut self, mut bytes: Vec<u8>) -> io::Result<Block> {
        let mut length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let head: Vec<u8> = bytes.iter().copied().take(EXCERPT_BYTES).collect();
        while !self.ended {
            bytes.clear();
            self.fill(&mut bytes)?;
            if let Some(end) = memchr(b'\n', &bytes) {
                self.carry = bytes.split_off(end + 1);
                length = length.saturating_add(u64::try_from(end).unwrap_or(u64::MAX));
                break;
            }
            length = length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        }
        let line = self.line;
        self.line += 1;
        Ok(Block { bytes: head, line, lines: 1, oversize: Some(length) })
    }
}

/// Line breaks in `bytes`.
pub(crate) fn newlines(bytes: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', bytes).count()).unwrap_or(u64::MAX)
}
