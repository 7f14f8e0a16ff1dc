"""`python -m shunfu` is the command `shunfu`."""

from shunfu.app.cli import main

main()
