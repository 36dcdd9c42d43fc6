//! Columns as other writers leave them, turned into ours: plain text for dictionaries, times without a zone. Must not know
//! files.

use std::sync::Arc;

use arrow_array::builder::{StringBuilder, StringDictionaryBuilder};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::DataType;

/// The texts of a column in any of Arrow's text types, dictionaries included; all null for other types.
pub(crate) fn texts(column: &ArrayRef) -> Box<dyn Iterator<Item = Option<&str>> + '_> {
    if let Some(texts) = column.as_string_opt::<i32>() {
        Box::new(texts.iter())
    } else if let Some(texts) = column.as_string_opt::<i64>() {
        Box::new(texts.iter())
    } else if let Some(texts) = column.as_string_view_opt() {
        Box::new(texts.iter())
    } else if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() {
        let values: Vec<Option<&str>> = texts(dictionary.values()).collect();
        let keys = dictionary.keys().iter();
        Box::new(keys.map(move |key| values.get(usize::try_from(key?).ok()?).copied().flatten()))
    } else {
        Box::new(std::iter::repeat_n(None, column.len()))
    }
}

/// `column` as `wanted`, where that is only a matter of form.
pub(crate) fn convert(column: &ArrayRef, wanted: &DataType) -> Option<ArrayRef> {
    let is_text = matches!(
        column.data_type(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..)
    );
    match wanted {
        DataType::Dictionary(..) if is_text => {
            let mut builder = StringDictionaryBuilder::<Int32Type>::new();
            builder.extend(texts(column));
            Some(Arc::new(builder.finish()))
        }
        DataType::Utf8 if is_text => {
            let mut builder = StringBuilder::new();
            builder.extend(texts(column));
            Some(Arc::new(builder.finish()))
        }
        DataType::Timestamp(..) => {
            let times = column.as_primitive_opt::<TimestampMicrosecondType>()?;
            Some(Arc::new(times.clone().with_data_type(wanted.clone())))
        }
        _ => None,
    }
}
