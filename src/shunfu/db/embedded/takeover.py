"""The end of a restore: the prepared cluster takes the place of the old one, which is kept beside it.

Written down before it is begun, and finished at the next start if the machine stops on the way: there is no moment at
which a start would find no data and make an empty database.
"""

from __future__ import annotations

import shutil

from shunfu.db.embedded.account import flush_folder, write_private
from shunfu.db.embedded.settings import EmbeddedSettings


def take_over(settings: EmbeddedSettings, aside: str) -> None:
    """Put `restoring/data` in the place of `data`, which from now on is called `aside`."""
    draft = settings.restoring / "accepted.new"
    write_private(draft, aside)
    draft.rename(settings.restoring / "accepted")
    flush_folder(settings.restoring)
    finish_takeover(settings)


def finish_takeover(settings: EmbeddedSettings) -> None:
    """Finish what was written down as accepted; nothing when nothing was. Harmless to repeat after any stop."""
    accepted = settings.restoring / "accepted"
    if not accepted.exists():
        return
    prepared, passwords = settings.restoring / "data", settings.restoring / "passwords.json"
    if prepared.exists():
        if settings.data.exists():
            settings.data.rename(settings.folder / accepted.read_text())
        flush_folder(settings.folder)
        prepared.rename(settings.data)
    if passwords.exists():
        passwords.replace(settings.passwords)
    flush_folder(settings.folder)
    shutil.rmtree(settings.restoring)
