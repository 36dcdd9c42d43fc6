"""What the engines share: their arguments, what they report, and the codes that stand for kinds of event."""

import argparse
import json
import time

# Columns of the answer after `id`. Times are microseconds since 1970, shares millionths; an empty field means none.
CORE_COLUMNS = [
    "own_accesses",
    "own_first_seen",
    "own_last_seen",
    "own_net_accesses",
    "other_customers",
]
ALL_COLUMNS = [
    "own_accesses",
    "own_first_seen",
    "own_last_seen",
    "own_days",
    "own_net_accesses",
    "own_asn_accesses",
    "own_device_accesses",
    "other_customers",
    "other_procedures",
    "ip_failed_customers",
    "country",
    "asn",
    "contact_changes_72h",
    "password_changes_72h",
    "factor_changes_72h",
    "withdrawals_30d",
    "withdrawals_30d_same_ip",
    "withdrawals_30d_share",
]

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
BEFORE_US = 72 * HOUR_US
AFTER_US = 30 * DAY_US

# Small numbers in place of texts make the rows that matter narrow. The first three are the changes before a procedure.
CONTACT, PASSWORD, FACTOR, MONEY, LOGIN = 1, 2, 3, 4, 5
KIND_CODES = {
    "contact.change": CONTACT,
    "password.change": PASSWORD,
    "password.reset": PASSWORD,
    "factor.enroll": FACTOR,
    "factor.remove": FACTOR,
    "withdrawal": MONEY,
    "transfer": MONEY,
    "login": LOGIN,
}


def kind_codes(procedure_kinds):
    """Codes of all kinds that any column asks for. The comparison's procedures are of kinds that have no code yet."""
    shared = sorted(set(procedure_kinds) & set(KIND_CODES))
    if shared:
        raise SystemExit(f"procedures of kinds {', '.join(shared)}: this comparison is for bank_account.* only")
    codes = dict(KIND_CODES)
    for kind in sorted(set(procedure_kinds)):
        codes[kind] = len(codes) + 1
    return codes


def run(version, sweep):
    """Runs `sweep` as a program: answers into --out, and tells the seconds it took without Python's start and imports."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--keys", required=True, help="procedures with keys, from keys.py")
    arguments.add_argument("--history", required=True, help="folder of history files")
    arguments.add_argument("--columns", choices=["core", "all"], required=True)
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--out", required=True)
    arguments = arguments.parse_args()
    begin = time.perf_counter()
    sweep(arguments)
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "version": version}))
