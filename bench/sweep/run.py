#!/usr/bin/env python3
"""Runs the sweep and the same question in DuckDB, Polars and ClickHouse on the same files; checks that all answers agree.

Needs Python 3.11 and nothing else; the other engines go into an environment of their own. See README.md.
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "engines"))
import common  # noqa: E402  (needs nothing installed)

SIZES = {200_000: "200k", 1_000_000: "1m", 20_000_000: "20m", 100_000_000: "100m"}
SMOKE_ROWS = 200_000
BASELINES = ["duckdb", "polars", "chdb"]
COLUMNS = {"core": common.CORE_COLUMNS, "all": common.ALL_COLUMNS}
# What the product has to hold at 100M rows: a share of DuckDB's median, and memory.
BARS = {"core": 0.6, "all": 0.7}
MEMORY_BAR_MIB = 512
SECONDS_MAX = 1800
DIFFERENCES_SHOWN = 8


def main():
    options = read_options()
    if options.smoke:
        with tempfile.TemporaryDirectory(prefix="sekisho-sweep-") as scratch:
            options.data = options.data or pathlib.Path(scratch)
            compare_all(options)
    else:
        options.data = options.data or HERE / "data"
        compare_all(options)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--rows", type=int, default=20_000_000, choices=[rows for rows in SIZES if rows != SMOKE_ROWS])
    add("--order", default="both", choices=["time", "customer", "both"], help="how the rows lie in the files")
    add("--runs", type=int, default=5, help="measured runs of every engine, after one that is not measured")
    add("--threads", type=int, default=2)
    add("--engines", default=",".join(["sekisho", *BASELINES]), help="which, separated by commas")
    add("--columns", default="both", choices=["core", "all", "both"])
    add("--core-only", action="store_const", dest="columns", const="core", help="short for --columns core")
    add("--data", type=pathlib.Path, help="where data lies or is to be made (default: data beside this file)")
    add("--environment", type=pathlib.Path, default=HERE / "data" / "environment", help="of Python, for the baselines")
    add("--sekisho", type=pathlib.Path, default=default_binary(), help="the binary (default: the release build)")
    add("--smoke", action="store_true", help=f"{SMOKE_ROWS} rows, once, sekisho and DuckDB if it is installed")
    options = parser.parse_args()
    options.engines = options.engines.split(",")
    unknown = set(options.engines) - {"sekisho", *BASELINES}
    if unknown or options.runs < 1 or options.threads < 1:
        parser.error(f"--engines takes {', '.join(['sekisho', *BASELINES])}; --runs and --threads at least 1")
    if options.smoke:
        options.rows, options.runs, options.engines = SMOKE_ROWS, 1, ["sekisho", "duckdb"]
    # Absolute, because programs are started elsewhere; not resolved, because an environment's python is a link.
    options.environment = options.environment.absolute()
    options.sekisho = options.sekisho.absolute()
    options.data = options.data and options.data.absolute()
    return options


def default_binary():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parents[1] / "target"))
    return target / "release" / "sekisho"


def compare_all(options):
    python = options.environment / "bin" / "python"
    if not options.smoke and set(options.engines) & set(BASELINES):
        install(options.environment, python)
    if options.smoke and not can_import(python):
        python = pathlib.Path(sys.executable)
        if not can_import(python):
            print("duckdb, pyarrow or xxhash is not installed: sekisho's answer is not compared with another")
            options.engines = ["sekisho"]
    agreed = True
    for order in ["time", "customer"] if options.order == "both" else [options.order]:
        folder = made_data(options, order)
        keys = folder / "procedures.keys.parquet"
        if set(options.engines) & set(BASELINES) and not keys.exists():
            given = ["--procedures", folder / "procedures.csv", "--out", keys]
            subprocess.run([python, HERE / "engines" / "keys.py", *given], check=True)
        for columns in COLUMNS if options.columns == "both" else [options.columns]:
            agreed &= compare(options, python, folder, order, columns)
    if not agreed:
        sys.exit("the answers differ")


def can_import(python):
    test = [python, "-c", "import duckdb, pyarrow, xxhash"]
    try:
        return subprocess.run(test, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install(environment, python):
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", "install", *quiet, "-r", HERE / "requirements.txt"], check=True)


def made_data(options, order):
    """The folder of this size and order; made if it is not there. procedures.csv appears last."""
    folder = options.data / f"{SIZES[options.rows]}-{order}"
    if not (folder / "procedures.csv").exists():
        need_binary(options)
        print(f"making {options.rows:,} rows by {order} in {folder}", flush=True)
        wanted = ["--rows", str(options.rows), "--order", order, "--out", folder]
        subprocess.run([options.sekisho, "bench", "data", *wanted], check=True)
    return folder


def need_binary(options):
    if not options.sekisho.exists():
        sys.exit(f"{options.sekisho}: not there; run `cargo build --release` first, or name the binary with --sekisho")


def compare(options, python, folder, order, columns):
    """Runs every engine in turn, again and again, so that whatever else the machine does falls on all alike."""
    if "sekisho" in options.engines:
        need_binary(options)
    measured = {engine: [] for engine in options.engines}
    answers = {}
    with tempfile.TemporaryDirectory(prefix="sekisho-sweep-") as scratch:
        scratch = pathlib.Path(scratch)
        for run in range(options.runs + (not options.smoke)):
            for engine in options.engines:
                measure = run_engine(options, python, folder, engine, columns, scratch)
                if run == 0:
                    answers[engine] = read_answer(engine, measure["answer"], COLUMNS[columns])
                if run > 0 or options.smoke:
                    measured[engine].append(measure)
    title = f"{options.rows:,} rows by {order}, {columns} columns, {options.threads} threads, {options.runs} runs"
    print(f"\n## {title}\n")
    if not options.smoke:
        print_table(options, measured, columns)
    return agree(answers, COLUMNS[columns])


def run_engine(options, python, folder, engine, columns, scratch):
    """One run in a fresh process: seconds, peak memory and processor time of it, and where its answer lies."""
    threads = str(options.threads)
    history, procedures = folder / "history", folder / "procedures.csv"
    out = scratch / engine
    shutil.rmtree(out, ignore_errors=True)
    if engine == "sekisho":
        command = [options.sekisho, "sweep", "--procedures", procedures, "--history", history]
        command += ["--threads", threads, "--out", out]
        command += ["--columns", "core", "--no-report"] if columns == "core" else []
        answer = out / "result.csv"
    else:
        out.mkdir()
        answer = out / "answer.csv"
        command = [python, HERE / "engines" / f"with_{engine}.py", "--keys", folder / "procedures.keys.parquet"]
        command += ["--history", history, "--columns", columns, "--threads", threads, "--out", answer]
    environment = dict(os.environ, POLARS_MAX_THREADS=threads)
    with open(scratch / "said", "w+b") as said:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=environment, cwd=scratch)
        usage = wait(process, engine)
        seconds = time.perf_counter() - begin
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode != 0 or not answer.exists():
        end = f"signal {-process.returncode}" if process.returncode < 0 else f"status {process.returncode}"
        sys.exit(f"{engine} ended with {end} and gave no answer:\n{text}")
    # Sekisho is charged for its whole process, the others for their work after Python's start and imports.
    version = ""
    if engine != "sekisho":
        told = json.loads(text.strip().splitlines()[-1])
        seconds, version = told["seconds"], told["version"]
    processor = usage.ru_utime + usage.ru_stime
    return {
        "seconds": seconds,
        "version": version,
        "mib": usage.ru_maxrss / 1024,
        "processor": processor,
        "answer": answer,
    }


def wait(process, engine):
    """Waits for the process and gives its own resource usage."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        # A short sleep would be added to every time: ask often.
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        if time.monotonic() > deadline:
            process.kill()
            os.wait4(process.pid, 0)
            sys.exit(f"{engine} did not end within {SECONDS_MAX} s")
        time.sleep(0.002)


def read_answer(engine, path, columns):
    """The answer by procedure, in one form: integers and texts, None where there is none."""
    read = from_sekisho if engine == "sekisho" else from_baseline
    answer = {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        missing = [column for column in ["id", *columns] if column not in (rows.fieldnames or [])]
        if missing:
            sys.exit(f"{engine}: {path.name} lacks {', '.join(missing)}; it has {', '.join(rows.fieldnames or [])}")
        for row in rows:
            if row["id"] in answer:
                sys.exit(f"{engine}: procedure {row['id']} has two rows")
            answer[row["id"]] = [read(column, row[column]) for column in columns]
    return answer


def from_baseline(column, text):
    if text == "":
        return None
    return text if column == "country" else int(text)


def from_sekisho(column, text):
    if text == "":
        return None
    if column in ("own_first_seen", "own_last_seen"):
        since = datetime.datetime.fromisoformat(text) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return since // datetime.timedelta(microseconds=1)
    if column == "withdrawals_30d_share":
        whole, _, fraction = text.partition(".")
        return int(whole) * 1_000_000 + int(fraction.ljust(6, "0"))
    return from_baseline(column, text)


def agree(answers, columns):
    """Whether all answers are the same; says where they are not."""
    (first, expected), *others = answers.items()
    same = True
    for engine, answer in others:
        differences = [
            f"  procedure {procedure}, {column}: {first} {left}, {engine} {right}"
            for procedure in expected.keys() & answer.keys()
            for column, left, right in zip(columns, expected[procedure], answer[procedure])
            if left != right
        ]
        lonely = expected.keys() ^ answer.keys()
        differences += [f"  procedure {procedure} is in one answer only" for procedure in lonely]
        if differences:
            same = False
            print(f"{first} and {engine} differ in {len(differences)} values:")
            print("\n".join(sorted(differences)[:DIFFERENCES_SHOWN]))
    if same and others:
        print(f"{' and '.join(answers)} agree on {len(expected):,} procedures × {len(columns)} columns")
    return same


def print_table(options, measured, columns):
    medians = {engine: statistics.median(run["seconds"] for run in runs) for engine, runs in measured.items()}
    base = medians.get("duckdb")
    print("| engine | median s | least–most s | ÷ DuckDB | processor s | peak MiB |")
    print("|---|---:|---:|---:|---:|---:|")
    for engine, runs in measured.items():
        seconds = [run["seconds"] for run in runs]
        ratio = f"{medians[engine] / base:.2f}" if base else ""
        processor = statistics.median(run["processor"] for run in runs)
        memory = max(run["mib"] for run in runs)
        name = f"{engine} {runs[0]['version']}".strip()
        spread = f"{min(seconds):.2f}–{max(seconds):.2f}"
        print(f"| {name} | {medians[engine]:.2f} | {spread} | {ratio} | {processor:.2f} | {memory:.0f} |")
    print()
    if base and "sekisho" in medians and options.rows == 100_000_000:
        memory = max(run["mib"] for run in measured["sekisho"])
        held = medians["sekisho"] <= BARS[columns] * base and memory <= MEMORY_BAR_MIB
        said = "held" if held else "MISSED"
        print(f"bar of at most {BARS[columns]} × DuckDB and {MEMORY_BAR_MIB} MiB: {said}\n")


if __name__ == "__main__":
    main()
