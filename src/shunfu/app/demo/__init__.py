"""The demo: a shop, a server with worker and a sandbox as separate processes, over one embedded database."""

from shunfu.app.demo.run import DemoOptions, run_demo

__all__ = ["DemoOptions", "run_demo"]
