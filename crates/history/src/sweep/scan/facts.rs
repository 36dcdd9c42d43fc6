//! The columns of a batch as a scan reads them, in any of the forms that writers leave. Must not know which rows matter.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, TimestampMicrosecondType, UInt32Type};
use arrow_array::{Array as _, ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::DataType;
use model::{EventKind, Outcome};

use crate::HistoryError;
use crate::columns::texts;
use crate::files::HistoryFile;
use crate::reading::{u64_values, wrong_type};
use crate::schema::column;
use crate::sweep::tally::kind_bit;

/// What a batch says of its rows; a column that was not asked for, or that the file lacks, says nothing.
#[derive(Default)]
pub(super) struct Facts<'a> {
    times: Option<&'a [i64]>,
    highs: &'a [u64],
    kinds: Words<'a, (EventKind, u32)>,
    outcomes: Words<'a, Outcome>,
    devices: &'a [u64],
    asns: Optional<'a>,
    shares: Optional<'a>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(file: &HistoryFile, batch: &'a RecordBatch) -> Result<Self, HistoryError> {
        let times = batch.column_by_name(column::TIME).map(|column| {
            let times = column.as_primitive_opt::<TimestampMicrosecondType>();
            times.map(|times| &**times.values()).ok_or_else(|| wrong_type(file, column::TIME))
        });
        let keys = |name| match batch.column_by_name(name) {
            Some(_) => u64_values(file, batch, name),
            None => Ok(&[][..]),
        };
        Ok(Self {
            times: times.transpose()?,
            highs: keys(column::IP_HI)?,
            kinds: Words::of(batch.column_by_name(column::KIND), |word| {
                EventKind::from_word(word).map(|kind| (kind, kind_bit(kind)))
            }),
            outcomes: Words::of(batch.column_by_name(column::OUTCOME), Outcome::from_word),
            devices: keys(column::DEVICE_KEY)?,
            asns: Optional::of(batch.column_by_name(column::ASN)),
            shares: Optional::of(batch.column_by_name(column::BALANCE_SHARE_PPM)),
        })
    }

    pub(super) fn time(&self, place: usize) -> Option<i64> {
        self.times?.get(place).copied()
    }

    /// Upper half of the address; 0 unless read, as it is for every IPv4 address.
    pub(super) fn ip_hi(&self, place: usize) -> u64 {
        self.highs.get(place).copied().unwrap_or(0)
    }

    /// The kind and its [`kind_bit`].
    pub(super) fn kind(&self, place: usize) -> Option<(EventKind, u32)> {
        self.kinds.get(place)
    }

    pub(super) fn outcome(&self, place: usize) -> Option<Outcome> {
        self.outcomes.get(place)
    }

    /// 0 for none.
    pub(super) fn device_key(&self, place: usize) -> u64 {
        self.devices.get(place).copied().unwrap_or(0)
    }

    pub(super) fn asn(&self, place: usize) -> Option<u32> {
        self.asns.get(place)
    }

    pub(super) fn share_ppm(&self, place: usize) -> u32 {
        self.shares.get(place).unwrap_or(0)
    }
}

/// A nullable 32-bit column that may be absent.
#[derive(Default)]
struct Optional<'a>(Option<&'a UInt32Array>);

impl<'a> Optional<'a> {
    fn of(column: Option<&'a ArrayRef>) -> Self {
        Self(column.and_then(|column| column.as_primitive_opt::<UInt32Type>()))
    }

    fn get(&self, place: usize) -> Option<u32> {
        let column = self.0?;
        (place < column.len() && column.is_valid(place))
            .then(|| column.values().get(place).copied())
            .flatten()
    }
}

/// A column of words: a dictionary as we write it, or plain text as others do.
#[derive(Default)]
enum Words<'a, T> {
    #[default]
    Absent,
    Dictionary {
        keys: &'a [i32],
        values: Vec<Option<T>>,
    },
    Text(Vec<Option<T>>),
}

impl<'a, T: Copy> Words<'a, T> {
    fn of(column: Option<&'a ArrayRef>, parse: impl Fn(&str) -> Option<T>) -> Self {
        let Some(column) = column else { return Self::Absent };
        match column.data_type() {
            DataType::Dictionary(..) => match column.as_dictionary_opt::<Int32Type>() {
                Some(dictionary) => {
                    let values = texts(dictionary.values()).map(|text| text.and_then(&parse)).collect();
                    Self::Dictionary { keys: dictionary.keys().values(), values }
                }
                None => Self::Absent,
            },
            _ => Self::Text(texts(column).map(|text| text.and_then(&parse)).collect()),
        }
    }

    fn get(&self, place: usize) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Dictionary { keys, values } => {
                let key = usize::try_from(*keys.get(place)?).ok()?;
                values.get(key).copied().flatten()
            }
            Self::Text(values) => values.get(place).copied().flatten(),
        }
    }
}
