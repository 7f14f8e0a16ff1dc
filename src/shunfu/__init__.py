"""Shunfu 顺付: the self-hosted payment platform for mini programs that you can prove correct on a laptop."""

__version__ = "0.1.0"
