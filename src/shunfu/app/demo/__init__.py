"""The demo: a shop, a server with worker and a sandbox as separate processes, over one embedded database."""
