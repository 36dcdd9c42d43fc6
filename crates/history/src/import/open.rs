//! Opens an input, unpacks it, and looks at its first bytes. Must not know formats of logs, only of compression.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::stdin::Stdin;
use crate::watch::WatchedReader;
use crate::{HistoryError, Watch};

/// Decompressed bytes looked at before the format and the header are known; a CSV header must fit.
pub(crate) const HEAD_BYTES: usize = 64 << 10;
const READ_BUFFER_BYTES: usize = 256 << 10;

/// Where lines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file, plain or compressed with gzip or zstd (told by its first bytes, not by its name).
    Path(PathBuf),
    /// Standard input, likewise.
    Stdin,
}

impl Input {
    /// The input that a command line's argument names: `-` is standard input.
    #[must_use]
    pub fn from_argument(argument: &Path) -> Self {
        if argument.as_os_str() == "-" { Self::Stdin } else { Self::Path(argument.to_owned()) }
    }

    /// The path for messages; standard input is `(standard input)`.
    #[must_use]
    pub fn shown(&self) -> &Path {
        match self {
            Self::Path(path) => path,
            Self::Stdin => Path::new("(standard input)"),
        }
    }

    /// The name that identifiers of events begin with where a log has none: the file's name without its folder.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Path(path) => {
                path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
            }
            Self::Stdin => "stdin".to_owned(),
        }
    }

    /// Bytes of a file; `None` for standard input.
    ///
    /// # Errors
    /// The file does not exist, is not readable, or is a folder.
    pub(crate) fn bytes(&self) -> Result<Option<u64>, HistoryError> {
        let Self::Path(path) = self else { return Ok(None) };
        let metadata = std::fs::metadata(path).map_err(HistoryError::io(path, "opening"))?;
        if metadata.is_dir() {
            return Err(HistoryError::unsuitable(path, "is a folder; give the files in it"));
        }
        Ok(Some(metadata.len()))
    }
}

/// A decompressed input whose first bytes are known. A byte order mark is taken away.
pub(crate) struct Opened<'a> {
    /// The first bytes, at most [`HEAD_BYTES`]; `reader` gives them again.
    pub(crate) head: Vec<u8>,
    /// Everything.
    pub(crate) reader: Box<dyn Read + Send + 'a>,
}

/// Opens `input`; bytes read from it (before unpacking) advance `watch`.
pub(crate) fn open<'a>(input: &Input, watch: &'a Watch) -> Result<Opened<'a>, HistoryError> {
    let raw: Box<dyn Read + Send + 'a> = match input {
        Input::Path(path) => Box::new(File::open(path).map_err(HistoryError::io(path, "opening"))?),
        Input::Stdin => Box::new(Stdin::begin(watch)),
    };
    unpack(raw, input.shown(), watch)
}

/// Unpacks a stream and looks at its first bytes.
pub(crate) fn unpack<'a>(
    raw: Box<dyn Read + Send + 'a>,
    path: &Path,
    watch: &'a Watch,
) -> Result<Opened<'a>, HistoryError> {
    let reading = || HistoryError::io(path, "reading");
    let mut reader = decompress(WatchedReader::new(raw, watch)).map_err(reading())?;
    let mut head = take(&mut reader, HEAD_BYTES).map_err(reading())?;
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        let problem = "is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8";
        return Err(HistoryError::unsuitable(path, problem));
    }
    if head.starts_with(b"\xef\xbb\xbf") {
        head.drain(..3);
    }
    let reader = Box::new(Cursor::new(head.clone()).chain(reader));
    Ok(Opened { head, reader })
}

/// A stream unpacked if its first bytes are those of gzip (of any number of members) or zstd (of any number of frames),
/// else as it is.
///
/// # Errors
/// Reading fails, or the stream is compressed in a way that is not read here (xz, bzip2, zip).
pub fn decompress<'a>(mut raw: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
    let magic = take(&mut raw, 8)?;
    let packing = Packing::of(&magic);
    let whole = BufReader::with_capacity(READ_BUFFER_BYTES, Cursor::new(magic).chain(raw));
    Ok(match packing {
        Packing::None => Box::new(whole),
        Packing::Gzip => Box::new(MultiGzDecoder::new(whole)),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(whole)?),
        Packing::Foreign(name, tool) => {
            let problem =
                format!("it is compressed as {name}, which is not read here; unpack it first: {tool}");
            return Err(io::Error::new(io::ErrorKind::Unsupported, problem));
        }
    })
}

/// How a stream is compressed.
enum Packing {
    None,
    Gzip,
    Zstd,
    Foreign(&'static str, &'static str),
}

impl Packing {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or a skippable frame before it (RFC 8878).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Foreign("xz", "xz -dc"),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26] => Self::Foreign("bzip2", "bzip2 -dc"),
            [b'P', b'K', 3, 4, ..] => Self::Foreign("zip", "unzip -p"),
            _ => Self::None,
        }
    }
}

/// The first `count` bytes, or fewer if there are no more.
fn take(reader: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(u64::try_from(count).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::path::Path;

    use super::{Opened, unpack};
    use crate::{HistoryError, Watch};

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: Vec<u8>) -> Result<String, HistoryError> {
        let watch = Watch::default();
        let size = u64::try_from(bytes.len()).unwrap();
        let path = Path::new("x");
        let Opened { mut reader, .. } = unpack(Box::new(std::io::Cursor::new(bytes)), path, &watch)?;
        let mut text = String::new();
        reader.read_to_string(&mut text).map_err(HistoryError::io(path, "reading"))?;
        assert_eq!(watch.read().done, size, "all bytes are counted");
        Ok(text)
    }

    #[test]
    fn unpacks_gzip_members_and_zstd_frames_and_drops_the_byte_order_mark() {
        assert_eq!(read(b"\xef\xbb\xbfplain".to_vec()).unwrap(), "plain");
        assert_eq!(read(b"".to_vec()).unwrap(), "");
        assert_eq!(read([gzip("one\n"), gzip("two\n")].concat()).unwrap(), "one\ntwo\n");
        let frame = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7][..]].concat();
        assert_eq!(read([frame("one\n"), frame("two\n")].concat()).unwrap(), "one\ntwo\n");
        assert_eq!(read([skippable, frame("one\n")].concat()).unwrap(), "one\n");
    }

    #[test]
    fn refuses_what_is_cut_off_or_packed_otherwise() {
        let mut cut = gzip(&"a line\n".repeat(1000));
        cut.truncate(cut.len() - 12);
        assert!(read(cut).is_err());
        let mut cut = zstd::encode_all("a line\n".repeat(1000).as_bytes(), 1).unwrap();
        cut.truncate(cut.len() - 3);
        assert!(read(cut).is_err());
        let refused = |bytes: &[u8]| format!("{:?}", read(bytes.to_vec()).unwrap_err());
        assert!(refused(b"\xfd7zXZ\x00\x00\x00").contains("xz -dc"));
        assert!(refused(b"PK\x03\x04....").contains("unzip"));
        assert!(refused(b"\xff\xfea\x00").contains("iconv"));
    }
}
