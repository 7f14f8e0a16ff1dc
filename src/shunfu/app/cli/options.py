"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Config = Annotated[Path | None, typer.Option("--config", help="The settings file; default: shunfu.toml here.")]
Format = Annotated[Literal["text", "json"], typer.Option("--format", help="text or json.")]
DataFolder = Annotated[Path | None, typer.Option("--data", help="The data folder.")]
