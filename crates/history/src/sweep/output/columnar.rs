//! `result.parquet`: the columns of `result.csv` with types. Empty text is null. Must not know what the columns mean.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use arrow_schema::{Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::OutputOptions;
use crate::sweep::Finding;
use crate::{HistoryError, Watch};

/// Rows put together at a time, and in a row group.
const BATCH_ROWS: usize = 1 << 16;

/// Writes the findings in their order.
pub(super) fn write(
    path: &Path,
    findings: &[Finding],
    options: &OutputOptions,
    watch: &Watch,
) -> Result<(), HistoryError> {
    let writing = |error: parquet::errors::ParquetError| {
        HistoryError::io(path, "writing")(std::io::Error::other(error))
    };
    let names = options.columns.names();
    let fields: Vec<Field> = names
        .iter()
        .map(|name| Field::new(*name, array(name, &[], options.unmask).data_type().clone(), *name != "id"))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder()
        .set_created_by("sekisho".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(BATCH_ROWS))
        .build();
    let file = File::create(path).map_err(HistoryError::io(path, "creating"))?;
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(writing)?;
    for chunk in findings.chunks(BATCH_ROWS) {
        watch.check()?;
        let columns = names.iter().map(|name| array(name, chunk, options.unmask)).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(HistoryError::arrow(path))?;
        writer.write(&batch).map_err(writing)?;
    }
    writer.close().map(|_metadata| ()).map_err(writing)
}

/// A column of [`super::COLUMNS`]: times and counts from what was counted, all else from its text.
fn array(name: &str, findings: &[Finding], unmask: bool) -> ArrayRef {
    let texts =
        || findings.iter().map(|finding| Some(finding.column(name, unmask)).filter(|text| !text.is_empty()));
    match name {
        "time" => times(findings, |finding| Some(finding.examined.procedure.time.as_us())),
        "own_first_seen" => times(findings, |finding| finding.own.ip.first),
        "own_last_seen" => times(findings, |finding| finding.own.ip_last),
        "own_accesses" | "own_net_accesses" | "own_asn_accesses" | "own_device_accesses" => {
            Arc::new(texts().map(|text| text?.parse().ok()).collect::<UInt64Array>())
        }
        "own_days"
        | "other_customers"
        | "other_procedures"
        | "ip_failed_customers"
        | "asn"
        | "contact_changes_72h"
        | "password_changes_72h"
        | "factor_changes_72h"
        | "withdrawals_30d"
        | "withdrawals_30d_same_ip" => {
            Arc::new(texts().map(|text| text?.parse().ok()).collect::<UInt32Array>())
        }
        "withdrawals_30d_share" => Arc::new(texts().map(|text| text?.parse().ok()).collect::<Float64Array>()),
        _ => Arc::new(texts().collect::<StringArray>()),
    }
}

fn times(findings: &[Finding], time: impl Fn(&Finding) -> Option<i64>) -> ArrayRef {
    let times: TimestampMicrosecondArray = findings.iter().map(time).collect();
    Arc::new(times.with_timezone("UTC"))
}
