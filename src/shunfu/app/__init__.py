"""App: settings, wiring, HTTP edge, worker, sandbox host, shop, commands. It builds and passes; it decides nothing."""
