"""The sweep in ClickHouse's SQL (chdb: the engine inside a Python process), as fast as we could make it.

What made it fast, in processor seconds at 100M rows by time: `PREWHERE` on the lower half of the address alone instead of
`WHERE` on the pair (5.2 instead of 7.5); a bit for each thing a customer did at an address instead of a conditional
distinct count for each (7.3 instead of 9.2); a chain of conditions instead of `transform` for those bits.
"""

import chdb
import chdb.session

import common


def sweep(arguments):
    session = chdb.session.Session()
    execute = session.query
    execute(f"SET max_threads = {arguments.threads}")
    execute("SET join_use_nulls = 1")
    execute("CREATE DATABASE sweep")
    execute("USE sweep")
    history = f"file('{arguments.history}/*.parquet', Parquet)"
    execute(
        f"""
        CREATE TABLE procedures ENGINE = Memory AS
        SELECT procedure, id, customer_key, kind, asn, country, ip_lo IS NOT NULL AS has_ip,
               assumeNotNull(ip_hi) AS p_hi, assumeNotNull(ip_lo) AS p_lo,
               device_key IS NOT NULL AS has_device, assumeNotNull(device_key) AS p_device,
               fromUnixTimestamp64Micro(time_us, 'UTC') AS at
        FROM file('{arguments.keys}', Parquet)"""
    )
    answer = core(execute, history) if arguments.columns == "core" else everything(execute, history)
    execute(
        f"""
        INSERT INTO FUNCTION file('{arguments.out}', CSVWithNames) {answer}
        SETTINGS engine_file_truncate_on_insert = 1, format_csv_null_representation = ''"""
    )
    session.close()


OF_CUSTOMERS = "PREWHERE customer_key IN (SELECT customer_key FROM procedures)"
# More than the procedures' addresses where only the upper half differs; the last join leaves those out.
OF_ADDRESSES = "PREWHERE ip_lo IN (SELECT p_lo FROM procedures WHERE has_ip) WHERE customer_key <> 0"

# Same customer and same /24 or /64. Both sides of an IPv4 address have ip_hi 0.
NETWORK_TABLE = """
    CREATE TABLE network ENGINE = Memory AS
    SELECT procedure,
           countIf(ip_lo = p_lo AND time < at) AS own_accesses,
           minIf(time, ip_lo = p_lo AND time < at) AS first_seen,
           maxIf(time, ip_lo = p_lo AND time < at) AS last_seen,
           {days}
           countIf(time < at) AS own_net_accesses,
           max(ip_lo = p_lo) AS own
    FROM own JOIN procedures ON own.customer_key = procedures.customer_key AND own.ip_hi = procedures.p_hi
    WHERE has_ip AND (ip_hi <> 0 OR bitShiftRight(ip_lo, 8) = bitShiftRight(p_lo, 8))
    GROUP BY procedure"""


def core(execute, history):
    execute(f"CREATE TABLE own ENGINE = Memory AS SELECT customer_key, ip_hi, ip_lo, time FROM {history} {OF_CUSTOMERS}")
    execute(NETWORK_TABLE.format(days=""))
    execute(
        f"""
        CREATE TABLE shared ENGINE = Memory AS
        SELECT ip_hi, ip_lo, uniqExact(customer_key) AS customers FROM {history} {OF_ADDRESSES} GROUP BY ip_hi, ip_lo"""
    )
    return """
        SELECT id,
               if(has_ip, ifNull(own_accesses, 0), NULL) AS own_accesses,
               if(own_accesses > 0, toUnixTimestamp64Micro(assumeNotNull(first_seen)), NULL) AS own_first_seen,
               if(own_accesses > 0, toUnixTimestamp64Micro(assumeNotNull(last_seen)), NULL) AS own_last_seen,
               if(has_ip, ifNull(own_net_accesses, 0), NULL) AS own_net_accesses,
               if(has_ip, toInt64(ifNull(customers, 0)) - ifNull(own, 0), NULL) AS other_customers
        FROM procedures
        LEFT JOIN network USING procedure
        LEFT JOIN shared ON shared.ip_hi = p_hi AND shared.ip_lo = p_lo
        ORDER BY procedure"""


def everything(execute, history):
    kinds = str(execute("SELECT DISTINCT kind FROM procedures ORDER BY kind", "TSV")).split()
    own_side(execute, history, common.kind_codes(kinds))
    # One row for a customer at an address: a bit for each thing it did there that a column asks for.
    bits = {kind: 2 << place for place, kind in enumerate(kinds)}
    chain = "".join(f", kind = '{kind}', {bit}" for kind, bit in bits.items())
    did = f"multiIf(kind = 'login', toUInt32(outcome = 'failed'){chain}, 0)"
    execute(
        f"""
        CREATE TABLE pairs ENGINE = Memory AS
        SELECT ip_hi, ip_lo, customer_key, groupBitOr({did}) AS did
        FROM {history} {OF_ADDRESSES} GROUP BY ip_hi, ip_lo, customer_key"""
    )
    counts = "".join(f", countIf(bitAnd(did, {bit}) <> 0) AS kind{bit}" for bit in bits.values())
    execute(
        f"""
        CREATE TABLE shared ENGINE = Memory AS
        SELECT ip_hi, ip_lo, count() AS customers, countIf(bitAnd(did, 1) <> 0) AS failed{counts}
        FROM pairs GROUP BY ip_hi, ip_lo"""
    )
    counted = ", ".join(f"kind = '{kind}', kind{bit}" for kind, bit in bits.items())
    own_bit = "multiIf(" + ", ".join(f"kind = '{kind}', {bit}" for kind, bit in bits.items()) + ", 0)"
    given = lambda what: f"if(has_ip, ifNull({what}, 0), NULL)"  # noqa: E731
    return f"""
        SELECT id,
               {given("own_accesses")} AS own_accesses,
               if(network.own_accesses > 0, toUnixTimestamp64Micro(assumeNotNull(first_seen)), NULL) AS own_first_seen,
               if(network.own_accesses > 0, toUnixTimestamp64Micro(assumeNotNull(last_seen)), NULL) AS own_last_seen,
               {given("own_days")} AS own_days,
               {given("own_net_accesses")} AS own_net_accesses,
               if(asn IS NULL, NULL, ifNull(own_asn_accesses, 0)) AS own_asn_accesses,
               if(has_device, ifNull(own_device_accesses, 0), NULL) AS own_device_accesses,
               {given("toInt64(customers) - (did IS NOT NULL)")} AS other_customers,
               {given(f"toInt64(multiIf({counted}, 0)) - (bitAnd(ifNull(did, 0), {own_bit}) <> 0)")}
                   AS other_procedures,
               {given("failed")} AS ip_failed_customers,
               country, asn,
               ifNull(contact_changes, 0) AS contact_changes_72h,
               ifNull(password_changes, 0) AS password_changes_72h,
               ifNull(factor_changes, 0) AS factor_changes_72h,
               ifNull(withdrawals, 0) AS withdrawals_30d,
               {given("same_ip")} AS withdrawals_30d_same_ip,
               share AS withdrawals_30d_share
        FROM procedures
        LEFT JOIN network USING procedure LEFT JOIN providers USING procedure LEFT JOIN devices USING procedure
        LEFT JOIN changes USING procedure LEFT JOIN money USING procedure
        LEFT JOIN shared ON shared.ip_hi = p_hi AND shared.ip_lo = p_lo
        LEFT JOIN pairs ON pairs.ip_hi = p_hi AND pairs.ip_lo = p_lo
            AND pairs.customer_key = procedures.customer_key
        ORDER BY procedure"""


def own_side(execute, history, codes):
    """What the procedures' customers did, and from it the columns that compare a customer with itself."""
    names = ", ".join(f"'{kind}'" for kind in codes)
    numbers = ", ".join(str(code) for code in codes.values())
    # The code of the kind, negative for what failed.
    deed = f"toInt8(transform(kind, [{names}], [{numbers}], 0) * if(outcome = 'failed', -1, 1))"
    execute(
        f"""
        CREATE TABLE own ENGINE = Memory AS
        SELECT customer_key, ip_hi, ip_lo, device_key, time, asn, balance_share_ppm, {deed} AS deed
        FROM {history} {OF_CUSTOMERS}"""
    )
    days = f"uniqExactIf(intDiv(toUnixTimestamp64Micro(time), {common.DAY_US}), ip_lo = p_lo AND time < at) AS own_days,"
    execute(NETWORK_TABLE.format(days=days))
    joined = "FROM own JOIN procedures ON own.customer_key = procedures.customer_key"
    execute(
        f"""
        CREATE TABLE providers ENGINE = Memory AS
        SELECT procedure, count() AS own_asn_accesses {joined} AND own.asn = procedures.asn
        WHERE time < at GROUP BY procedure"""
    )
    execute(
        f"""
        CREATE TABLE devices ENGINE = Memory AS
        SELECT procedure, count() AS own_device_accesses {joined} AND own.device_key = procedures.p_device
        WHERE has_device AND time < at GROUP BY procedure"""
    )
    execute(
        f"""
        CREATE TABLE changes ENGINE = Memory AS
        SELECT procedure, countIf(deed = {common.CONTACT}) AS contact_changes,
               countIf(deed = {common.PASSWORD}) AS password_changes, countIf(deed = {common.FACTOR}) AS factor_changes
        {joined}
        WHERE deed BETWEEN {common.CONTACT} AND {common.FACTOR} AND time < at AND time >= at - INTERVAL 72 HOUR
        GROUP BY procedure"""
    )
    execute(
        f"""
        CREATE TABLE money ENGINE = Memory AS
        SELECT procedure, count() AS withdrawals, countIf(has_ip AND ip_hi = p_hi AND ip_lo = p_lo) AS same_ip,
               ifNull(sum(balance_share_ppm), 0) AS share
        {joined}
        WHERE deed = {common.MONEY} AND time > at AND time <= at + INTERVAL 30 DAY
        GROUP BY procedure"""
    )


if __name__ == "__main__":
    common.run(chdb.__version__, sweep)
