"""Scripts and styles that others wrote, and the browser's proof that they are what we checked (SRI, W3C).

`static/vendor/SHA256SUMS` has every file's hash; a page names a file with it, so that a browser runs nothing else.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "static" / "vendor"


@cache
def integrity(name: str) -> str:
    """The `integrity` of a vendored file: `sha256-` and its hash in base 64. Raises KeyError for a file not listed."""
    lines = (_FOLDER / "SHA256SUMS").read_text("ascii").splitlines()
    sums = {line.split()[1]: line.split()[0] for line in lines if line}
    return f"sha256-{b64encode(bytes.fromhex(sums[name])).decode()}"
