"""``make bench``: what lmac makes of this machine, as one table under benches/results.

Every figure that is compared with another is measured in the same run. A rate is the median of several
measurements; the fractions of the machine's peak alternate with measurements of that peak.

    python benches/report.py [MESSAGES.jsonl] [--quick]
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import lmac
import numpy as np
from lmac.predictors.onnx_executor import OnnxExecutor

ROOT = Path(__file__).parent.parent
MODEL = Path(lmac.__file__).parent / "models" / "default.onnx"


@dataclass(frozen=True)
class Amounts:
    """How much is measured."""

    repetitions: int = 5
    steps: tuple[int, int] = (200, 20)  # of the native executor and of ONNX Runtime in each repetition
    records: int = 4000
    blocks_bytes: int = 64_000
    executor: Sequence[str] = ()  # arguments of the two programs of `cargo bench`
    coding: Sequence[str] = ()


QUICK = Amounts(1, (2, 1), 20, 4000, ["decode/1x1/1"], ["--quick", "frequency_table"])  # tells that everything runs, and not how fast


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("messages", nargs="?", type=Path, metavar="MESSAGES.jsonl", help="records to measure with (default: words by chance)")
    parser.add_argument("--quick", action="store_true", help="a little of everything, and nothing written: whether it runs, not how fast")
    arguments = parser.parse_args()
    amounts = QUICK if arguments.quick else Amounts()
    lines = []
    for line in report(arguments.messages, amounts):
        print(line, flush=True)
        lines.append(f"{line}\n")
    if not arguments.quick:
        folder = ROOT / "benches" / "results"
        folder.mkdir(exist_ok=True)
        (folder / f"{datetime.date.today()}.md").write_text("".join(lines))


def report(messages: Path | None, amounts: Amounts) -> Iterator[str]:
    """All lines, each table as soon as it is measured."""
    yield f"# {processor()}"
    yield ""
    yield f"{datetime.date.today()}, {platform.system()}, lmac {lmac.__version__}, `make bench`. A thread's peak is that of a plain product of"
    yield "bytes from the first-level cache; a share of it counts dense multiply-adds alone, without attention."
    tables: list[Callable[[], list[str]]] = [
        partial(executor_table, amounts),
        partial(coding_table, amounts),
        partial(onnxruntime_table, amounts),
        partial(records_table, amounts, messages),
        partial(blocks_table, amounts),
        partial(start_table, amounts),
    ]
    for table in tables:
        yield ""
        yield from table()


def processor() -> str:
    """Its name, as far as the system says."""
    info = Path("/proc/cpuinfo")
    fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line) if info.exists() else {}
    name = next((value.strip() for key, value in fields.items() if key.strip() == "model name"), platform.processor() or platform.machine())
    return name


def cargo_bench(*arguments: str) -> str:
    """The standard output of ``cargo bench``; what goes wrong, and what it builds, is on standard error."""
    return subprocess.run(["cargo", "bench", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def executor_table(amounts: Amounts) -> list[str]:
    """Steps and calls of the native executor."""
    rows = ["| executor | KB/s | of the peak of its threads |", "|---|---|---|"]
    for line in cargo_bench("--bench", "throughput", "--", *amounts.executor).splitlines():
        name, *values = line.split("  ")
        rows.append(f"| {name} | {' | '.join(values)} |")
    return rows


def coding_table(amounts: Amounts) -> list[str]:
    """What criterion measures in rust/lmac-core/benches/coding.rs."""
    cargo_bench("--bench", "coding", "--", *amounts.coding)
    rows = ["| coding | nanoseconds a symbol |", "|---|---|"]
    for estimates in sorted((ROOT / "target" / "criterion").glob("*/*/new/estimates.json")):
        group, name = estimates.parts[-4:-2]
        benchmark = json.loads(estimates.with_name("benchmark.json").read_text())
        throughput = benchmark["throughput"]
        symbols = throughput.get("Elements") or throughput.get("Bytes")
        if group.startswith("executor"):
            continue
        rows.append(f"| {group}: {name} | {json.loads(estimates.read_text())['median']['point_estimate'] / symbols:.1f} |")
    return rows


def rate(work: Callable[[], int], amounts: Amounts) -> float:
    """Bytes a second of ``work``, which returns how many it did."""
    rates = []
    for _ in range(amounts.repetitions):
        began = time.perf_counter()
        done = work()
        rates.append(done / (time.perf_counter() - began))
    return median(rates)


def onnxruntime_table(amounts: Amounts) -> list[str]:
    """The same model, the same steps, in ONNX Runtime on the CPU."""
    rows = ["| 64 lanes, a step at a time | native, KB/s | ONNX Runtime, KB/s | ratio |", "|---|---|---|---|"]
    model = lmac._core.Model(MODEL.read_bytes())
    for threads in (1, 2):
        native = rate(steps(lmac._core.Executor(model, threads=threads), amounts.steps[0]), amounts)
        other = rate(steps(OnnxExecutor(MODEL.read_bytes(), device="cpu", threads=threads), amounts.steps[1]), amounts)
        rows.append(f"| {threads} threads | {native / 1e3:.1f} | {other / 1e3:.1f} | {native / other:.1f} |")
    return rows


def steps(executor: lmac.Predictor, count: int) -> Callable[[], int]:
    """Work: ``count`` steps of 64 lanes whose windows are full."""
    executor.start(64)
    symbols = np.random.default_rng(0).integers(0, 256, (64, 160))
    executor.advance(symbols)

    def work() -> int:
        for step in range(count):
            executor.advance(symbols[:, step % 160 : step % 160 + 1])
        return 64 * count

    return work


def records_table(amounts: Amounts, messages: Path | None) -> list[str]:
    """Many short records as a batch and one by one."""
    if messages is None:
        rng = np.random.default_rng(0)
        words = [b"request", b"from", b"failed", b"user", b"after", b"retry", b"the", b"connection", b"was", b"closed"]
        records = [b" ".join(rng.choice(words, rng.integers(5, 40))) for _ in range(amounts.records)]
    else:
        records = messages.read_bytes().splitlines()[: amounts.records]
    size = sum(map(len, records))
    codec = lmac.Codec()
    frames = codec.compress_many(records)

    def seconds(work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    compress = seconds(lambda: [codec.compress(record) for record in records]) / seconds(lambda: codec.compress_many(records))
    decompress = seconds(lambda: [codec.decompress(frame) for frame in frames]) / seconds(lambda: codec.decompress_many(frames))
    return [
        f"| {len(records)} records of {size / len(records):.0f} bytes | a loop's time over a batch's |",
        "|---|---|",
        f"| compress | {compress:.1f} |",
        f"| decompress | {decompress:.1f} |",
    ]


def blocks_table(amounts: Amounts) -> list[str]:
    """Text of four blocks on one thread and on two."""
    content = b"".join(path.read_bytes() for path in sorted((ROOT / "docs").glob("*.md")))[: amounts.blocks_bytes]
    codecs = [lmac.Codec(threads=threads, block_len=len(content) // 4 + 1) for threads in (1, 2)]
    frame = codecs[0].compress(content)

    def compress(codec: lmac.Codec) -> int:
        codec.compress(content)
        return len(content)

    def decompress(codec: lmac.Codec) -> int:
        return len(codec.decompress(frame))

    def speed_up(work: Callable[[lmac.Codec], int]) -> float:
        alone, both = (rate(partial(work, codec), amounts) for codec in codecs)
        return both / alone

    return [
        "| 4 blocks | two threads over one |",
        "|---|---|",
        f"| compress | {speed_up(compress):.2f}x |",
        f"| decompress | {speed_up(decompress):.2f}x |",
    ]


def start_table(amounts: Amounts) -> list[str]:
    """What it takes to begin: the command on 100 bytes, beside an import of numpy."""
    content = bytes(range(100))
    program = [sys.executable, "-m", "lmac", "-c"]

    def seconds(command: list[str]) -> float:
        def work() -> int:
            subprocess.run(command, input=content, check=True, stdout=subprocess.DEVNULL)
            return 1

        return 1 / rate(work, amounts)

    ratio = seconds(program) / seconds([sys.executable, "-c", "import numpy"])
    return ['| start | time over that of `python -c "import numpy"` |', "|---|---|", f"| `lmac` on 100 bytes | {ratio:.2f} |"]


if __name__ == "__main__":
    main()
