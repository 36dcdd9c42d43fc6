"""The sweep in Polars' lazy frames on its streaming engine, as fast as we could make it.

What made it fast, in processor seconds at 100M rows by time: `is_in`, which Polars pushes into the Parquet reader, so that
other columns are decoded for matching rows only (a semi join is not pushed: half as much again); `n_unique` in a group
instead of `unique` and a count (4.0 instead of 5.0).
"""

import polars
from polars import col, lit

import common

ADDRESS = ["ip_hi", "ip_lo"]


def sweep(arguments):
    if polars.thread_pool_size() != arguments.threads:
        raise SystemExit(f"set POLARS_MAX_THREADS={arguments.threads} before the start")
    procedures = polars.read_parquet(arguments.keys).with_columns(
        at=col("time_us").cast(polars.Datetime("us", "UTC"))
    )
    answer = core if arguments.columns == "core" else everything
    answer(arguments.history, procedures).write_csv(arguments.out)


def rows_of_customers(history, procedures, columns):
    customers = procedures["customer_key"].unique().implode()
    rows = polars.scan_parquet(f"{history}/*.parquet", parallel="prefiltered")
    return rows.filter(col("customer_key").is_in(customers)).select(columns).collect(engine="streaming")


def rows_of_addresses(history, procedures, columns):
    """Lazily: rows with a procedure's address, and some that share the lower half only. Nobody's rows are left out."""
    lower_halves = procedures["ip_lo"].drop_nulls().unique().implode()
    rows = polars.scan_parquet(f"{history}/*.parquet", parallel="prefiltered")
    rows = rows.filter(col("ip_lo").is_in(lower_halves)).select(["customer_key", *ADDRESS, *columns])
    return rows.filter(col("customer_key") != 0)


def in_network(own, procedures):
    """Rows with a procedure of the same customer and the same /24 or /64."""
    columns = ["procedure", "customer_key", "ip_hi", "at", col("ip_lo").alias("procedure_ip_lo"), "kind_code"]
    pairs = own.lazy().join(procedures.lazy().select(columns), on=["customer_key", "ip_hi"])
    network = lambda name: col(name) // 256  # noqa: E731
    same = (col("ip_hi") != 0) | (network("ip_lo") == network("procedure_ip_lo"))
    return pairs.filter(same).with_columns(
        same_ip=col("ip_lo") == col("procedure_ip_lo"), before=col("time") < col("at")
    )


def given(condition, value):
    """A count where there is something to compare with, else nothing."""
    return polars.when(col(condition).is_not_null()).then(value.fill_null(0)).otherwise(None)


OWN_CORE = [
    (col("same_ip") & col("before")).sum().alias("own_accesses"),
    col("time").filter(col("same_ip") & col("before")).min().cast(polars.Int64).alias("own_first_seen"),
    col("time").filter(col("same_ip") & col("before")).max().cast(polars.Int64).alias("own_last_seen"),
    col("before").sum().alias("own_net_accesses"),
]


def core(history, procedures):
    own = rows_of_customers(history, procedures, ["customer_key", "ip_hi", "ip_lo", "time"])
    procedures = procedures.with_columns(kind_code=lit(0))
    network = in_network(own, procedures).group_by("procedure").agg(*OWN_CORE, own=col("same_ip").any())
    shared = rows_of_addresses(history, procedures, []).group_by(ADDRESS).agg(customers=col("customer_key").n_unique())
    network, shared = polars.collect_all([network, shared], engine="streaming")
    answer = procedures.join(network, on="procedure", how="left").join(shared, on=ADDRESS, how="left")
    own = col("own").fill_null(False).cast(polars.Int64)
    return answer.sort("procedure").select(
        "id",
        given("ip_lo", col("own_accesses")),
        "own_first_seen",
        "own_last_seen",
        given("ip_lo", col("own_net_accesses")),
        given("ip_lo", col("customers").cast(polars.Int64) - own).alias("other_customers"),
    )


def everything(history, procedures):
    kinds = sorted(procedures["kind"].unique())
    codes = common.kind_codes(kinds)
    deed = polars.lit(0, polars.Int8)
    for kind, code in codes.items():
        deed = polars.when(col("kind") == kind).then(lit(code, polars.Int8)).otherwise(deed)
    columns = ["customer_key", *ADDRESS, "device_key", "time", "asn", "balance_share_ppm"]
    failed = col("outcome") == "failed"
    own = rows_of_customers(history, procedures, [*columns, deed.alias("deed"), failed.alias("failed")])
    procedures = procedures.with_columns(kind_code=col("kind").replace_strict(codes, return_dtype=polars.Int8))
    did = [(col("kind") == kind).any().alias(f"did_{kind}") for kind in kinds]
    shared = (
        rows_of_addresses(history, procedures, ["kind", "outcome"])
        .group_by(*ADDRESS, "customer_key")
        .agg(*did, failed=((col("kind") == "login") & failed).any())
        .group_by(ADDRESS)
        .agg(polars.len().alias("customers"), col("failed").sum(), *[col(f"did_{kind}").sum() for kind in kinds])
    )
    *parts, shared = polars.collect_all([*own_side(own, procedures), shared], engine="streaming")
    answer = procedures
    for part in parts:
        answer = answer.join(part, on="procedure", how="left")
    answer = answer.join(shared, on=ADDRESS, how="left").sort("procedure")
    one = lambda name: col(name).fill_null(False).cast(polars.Int64)  # noqa: E731
    of_kind = lit(None, polars.Int64)
    for kind in kinds:
        of_kind = polars.when(col("kind") == kind).then(col(f"did_{kind}").cast(polars.Int64)).otherwise(of_kind)
    return answer.select(
        "id",
        given("ip_lo", col("own_accesses")),
        "own_first_seen",
        "own_last_seen",
        given("ip_lo", col("own_days")),
        given("ip_lo", col("own_net_accesses")),
        given("asn", col("own_asn_accesses")),
        given("device_key", col("own_device_accesses")),
        given("ip_lo", col("customers").cast(polars.Int64) - one("own")).alias("other_customers"),
        given("ip_lo", of_kind - one("own_kind")).alias("other_procedures"),
        given("ip_lo", col("failed")).alias("ip_failed_customers"),
        "country",
        "asn",
        col("contact_changes_72h", "password_changes_72h", "factor_changes_72h", "withdrawals_30d").fill_null(0),
        given("ip_lo", col("withdrawals_30d_same_ip")),
        "withdrawals_30d_share",
    )


def own_side(own, procedures):
    """Lazily: the columns that compare a customer with itself, by procedure."""
    network = in_network(own, procedures).group_by("procedure").agg(
        *OWN_CORE,
        own_days=(col("time").cast(polars.Int64) // common.DAY_US).filter(col("same_ip") & col("before")).n_unique(),
        own=col("same_ip").any(),
        own_kind=(col("same_ip") & (col("deed") == col("kind_code"))).any(),
    )
    before = col("time") < col("at")
    counted = lambda key, name: (  # noqa: E731
        own.lazy().select("customer_key", "time", key)
        .join(procedures.lazy().select("procedure", "customer_key", "at", key), on=["customer_key", key])
        .filter(before).group_by("procedure").agg(polars.len().alias(name))
    )
    pairs = lambda deeds: (  # noqa: E731
        own.lazy().filter(~col("failed") & deeds).join(procedures.lazy(), on="customer_key", suffix="_procedure")
    )
    changes = (
        pairs(col("deed").is_between(common.CONTACT, common.FACTOR))
        .filter(before & (col("time") >= col("at") - polars.duration(hours=72)))
        .group_by("procedure")
        .agg(
            contact_changes_72h=(col("deed") == common.CONTACT).sum(),
            password_changes_72h=(col("deed") == common.PASSWORD).sum(),
            factor_changes_72h=(col("deed") == common.FACTOR).sum(),
        )
    )
    same_ip = (col("ip_hi") == col("ip_hi_procedure")) & (col("ip_lo") == col("ip_lo_procedure"))
    money = (
        pairs(col("deed") == common.MONEY)
        .filter((col("time") > col("at")) & (col("time") <= col("at") + polars.duration(days=30)))
        .group_by("procedure")
        .agg(
            withdrawals_30d=polars.len(),
            withdrawals_30d_same_ip=same_ip.sum(),
            withdrawals_30d_share=col("balance_share_ppm").cast(polars.Int64).sum(),
        )
    )
    asn, device = counted("asn", "own_asn_accesses"), counted("device_key", "own_device_accesses")
    return [network, asn, device, changes, money]


if __name__ == "__main__":
    common.run(polars.__version__, sweep)
