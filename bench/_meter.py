"""What is measured with: a clock, processor time and memory of a process from /proc, percentiles, raw RSA-2048.

Linux only, because of /proc. Must not know: what is being measured.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name: state, ppid, …; empty when the process has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def cpu_seconds(pid: int, *, with_children: bool = False) -> float:
    """Processor time of a process so far, user and system; `with_children` adds its children, ended ones too."""
    fields = _stat(pid)
    if not fields:
        return 0.0
    ticks = sum(int(field) for field in fields[11 : 15 if with_children else 13])
    seconds = ticks / TICKS_A_SECOND
    if not with_children:
        return seconds
    others = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return seconds + sum(cpu_seconds(other) for other in others if _stat(other)[1:2] == [str(pid)])


def resident_mib(pid: int) -> float:
    """Resident memory of a process now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def peak_mib(*, afresh: bool = False) -> float:
    """The most resident memory that this process ever had; `afresh` forgets what was before and begins to look now."""
    if afresh:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    line = next(line for line in Path("/proc/self/status").read_text("ascii").splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 2**10, 1)


def percentile_ms(seconds: list[float], percent: float) -> float:
    """The value that `percent` of the sorted samples do not exceed, in milliseconds."""
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000, 2)


def ratio(value: float, limit: float) -> float:
    """A share with three digits; 0 when there is nothing to compare with."""
    return round(value / limit, 3) if limit else 0.0


def raw_rsa(seconds: float) -> dict[str, float]:
    """RSA-2048 with SHA-256, PKCS#1 v1.5, in one thread: signs and verifies a second, nothing else around them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public, message = key.public_key(), b"x" * 1000
    signature = key.sign(message, PKCS1v15(), SHA256())
    return {
        "signs_a_second": rate(lambda: key.sign(message, PKCS1v15(), SHA256()), seconds),
        "verifies_a_second": rate(lambda: public.verify(signature, message, PKCS1v15(), SHA256()), seconds),
    }


def rate(work: Callable[[], object], seconds: float) -> float:
    """How often this can be done in a second of this process's processor time, one after another."""
    began, count = time.process_time(), 0
    while (took := time.process_time() - began) < seconds:
        work()
        count += 1
    return round(count / took)
