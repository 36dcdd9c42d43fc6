//! Standard input that can be given up: a read waits for whoever writes, perhaps for ever, and a run that is asked to stop
//! must not. Must not know what comes.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::Watch;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 16;
/// Chunks read ahead.
const CHUNKS_AHEAD: usize = 4;
/// How often a read that waits looks whether it should go on.
const PATIENCE: Duration = Duration::from_millis(50);

/// Standard input, read by a thread of its own, which is left behind when the run stops.
pub(crate) struct Stdin<'a> {
    chunks: Receiver<io::Result<Vec<u8>>>,
    current: io::Cursor<Vec<u8>>,
    watch: &'a Watch,
}

impl<'a> Stdin<'a> {
    pub(crate) fn begin(watch: &'a Watch) -> Self {
        let (sender, chunks) = sync_channel(CHUNKS_AHEAD);
        std::thread::spawn(move || {
            let mut input = io::stdin().lock();
            loop {
                let mut chunk = vec![0; CHUNK_BYTES];
                let read = input.read(&mut chunk).map(|read| {
                    chunk.truncate(read);
                    chunk
                });
                let ended = read.as_ref().map_or(true, Vec::is_empty);
                if sender.send(read).is_err() || ended {
                    return;
                }
            }
        });
        Self { chunks, current: io::Cursor::default(), watch }
    }
}

impl Read for Stdin<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.current.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.chunks.recv_timeout(PATIENCE) {
                Ok(chunk) => {
                    let chunk = chunk?;
                    if chunk.is_empty() {
                        return Ok(0);
                    }
                    self.current = io::Cursor::new(chunk);
                }
                Err(RecvTimeoutError::Timeout) => self.watch.check().map_err(io::Error::other)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
    }
}
