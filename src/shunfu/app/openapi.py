"""Prints the OpenAPI document: `python -m shunfu.app.openapi`. Needs no database and no key file."""

from __future__ import annotations

import json
import sys
from typing import cast

from shunfu.app.http.server import build_api, openapi_document
from shunfu.app.settings import load
from shunfu.app.wiring import build
from shunfu.db import Database
from shunfu.driver import Driver, DriverSettings
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.ids import PLATFORM
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer
from shunfu.merchants import KeyRing


def document() -> dict[str, object]:
    """The OpenAPI document of this version."""
    ring = KeyRing({}, PLATFORM, Signer(Secret(b"")))
    no_database = cast("Database", None)  # routes are described here, never called
    source = Source(SystemClock(), SystemEntropy())
    parts = (source, no_database, Driver(DriverSettings(), source))
    return openapi_document(build_api(build(load({}, {}), ring, parts)))


def main() -> None:
    """Write the document to standard output, keys in a stable order."""
    json.dump(document(), sys.stdout, ensure_ascii=False, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
