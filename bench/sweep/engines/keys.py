"""Gives procedures the fixed-width keys that history is joined by, in a Parquet file for all engines of the comparison.

Sekisho does this itself from procedures.csv. The others get the finished file and are not charged for it: none of them
has all of the functions, and hashing ten thousand texts is no part of what is compared.
"""

import argparse
import csv
import datetime
import ipaddress

import pyarrow
import pyarrow.parquet
import xxhash

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MICROSECOND = datetime.timedelta(microseconds=1)

SCHEMA = pyarrow.schema(
    [
        pyarrow.field("procedure", pyarrow.uint32(), nullable=False),
        pyarrow.field("id", pyarrow.string(), nullable=False),
        pyarrow.field("customer_key", pyarrow.uint64(), nullable=False),
        pyarrow.field("time_us", pyarrow.int64(), nullable=False),
        pyarrow.field("kind", pyarrow.string(), nullable=False),
        pyarrow.field("ip_hi", pyarrow.uint64()),
        pyarrow.field("ip_lo", pyarrow.uint64()),
        pyarrow.field("device_key", pyarrow.uint64()),
        pyarrow.field("asn", pyarrow.uint32()),
        pyarrow.field("country", pyarrow.string()),
    ]
)


def text_key(text):
    """The key of a customer or device: XXH3-64, never 0."""
    return max(1, xxhash.xxh3_64_intdigest(text.encode()))


def halves(text):
    """Upper and lower 64 bits of an address, IPv4 in its mapped form; None twice for none."""
    if not text:
        return None, None
    address = ipaddress.ip_address(text)
    bits = int(address) | (0xFFFF << 32) if address.version == 4 else int(address)
    return bits >> 64, bits & (2**64 - 1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--procedures", required=True)
    arguments.add_argument("--out", required=True)
    arguments = arguments.parse_args()
    rows = []
    with open(arguments.procedures, newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            ip_hi, ip_lo = halves(row["ip"])
            time = datetime.datetime.fromisoformat(row["time"])
            rows.append(
                {
                    "procedure": number,
                    "id": row["id"],
                    "customer_key": text_key(row["customer"]),
                    "time_us": (time - EPOCH) // MICROSECOND,
                    "kind": row["kind"],
                    "ip_hi": ip_hi,
                    "ip_lo": ip_lo,
                    "device_key": text_key(row["device"]) if row["device"] else None,
                    "asn": int(row["asn"]) if row["asn"] else None,
                    "country": row["country"] or None,
                }
            )
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=SCHEMA), arguments.out)


if __name__ == "__main__":
    main()
