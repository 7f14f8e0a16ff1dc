"""`shunfu signature`: reads a message, lets the channel's workbench take it apart, prints what came of it as JSON.

The message may hold private keys: nothing of the input is printed but what the workbench tells.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from shunfu.driver import discover
from shunfu.gateway.reading import MAX_BYTES, JsonObject, parse_object
from shunfu.gateway.workbench import Workbench, Worked
from shunfu.kernel.errors import SetupFault

Deed = Literal["sign", "verify", "decrypt"]
Language = Literal["zh-CN", "en", "both"]

EXIT_GOOD, EXIT_BAD, EXIT_INPUT = 0, 1, 2
STANDARD_INPUT = Path("-")
_NO_OBJECT = {
    "zh-CN": "输入须是一个 UTF-8 的 JSON 对象：没有重名、NaN，不超过 24 层。",
    "en": "The input must be one JSON object in UTF-8, without a name twice, NaN, or more than 24 levels.",
}


def work(deed: Deed, channel: str, path: Path, language: Language) -> int:
    """Do it, print one JSON object, and return the exit code: 0 it holds, 1 it does not, 2 the input is not enough.

    Raises SetupFault for an unknown channel.
    """
    found = discover()
    about = found.find(channel)
    if about is None:
        raise SetupFault(f"There is no channel {channel!r}; there are: {', '.join(found.channels)}.")
    read = _read(path)
    worked = read if isinstance(read, Worked) else _worked(about.workbench, deed, read)
    json.dump(shown(worked, language), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
    return exit_code(deed, worked)


def shown(worked: Worked, language: Language) -> dict[str, object]:
    """The output's JSON object: every member is there, null where there is nothing to say.

    The reason is one text, in Chinese and English with a slash between them unless one language was asked for.
    """
    told = asdict(worked)
    if worked.reason is not None:
        languages = ("zh-CN", "en") if language == "both" else (language,)
        told["reason"] = " / ".join(worked.reason[one] for one in languages)
    return told


def exit_code(deed: Deed, worked: Worked) -> int:
    """0 when it was signed, verified or decrypted; 2 when the input lacks a part; else 1."""
    if worked.failed_step == "input":
        return EXIT_INPUT
    is_good = {
        "sign": worked.signature is not None,
        "verify": worked.valid is True,
        "decrypt": worked.plaintext is not None,
    }[deed]
    return EXIT_GOOD if is_good and worked.failed_step is None else EXIT_BAD


def _worked(bench: Workbench, deed: Deed, source: JsonObject) -> Worked:
    match deed:
        case "sign":
            return bench.sign(source)
        case "verify":
            return bench.verify(source)
        case "decrypt":
            return bench.decrypt(source)


def _read(path: Path) -> JsonObject | Worked:
    """The message's JSON object, or what is wrong with it as a first failed step."""
    try:
        if path == STANDARD_INPUT:
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        return _no_input(f"读不了输入：{why}。", f"The input cannot be read: {why}.")
    if len(content) > MAX_BYTES:
        return _no_input("输入超过 1 MiB。", "The input is larger than 1 MiB.")
    source = parse_object(content)
    return source if source is not None else _no_input(_NO_OBJECT["zh-CN"], _NO_OBJECT["en"])


def _no_input(chinese: str, english: str) -> Worked:
    return Worked(failed_step="input", reason={"zh-CN": chinese, "en": english})
