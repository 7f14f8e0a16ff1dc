"""The database room: pool and unit of work, named SQL, migrations, jobs, inbox, outbox, the embedded server.

Must not know: any business word.
"""

from shunfu.db.driver import Record
from shunfu.db.durability import check_durability
from shunfu.db.embedded import EmbeddedServer, EmbeddedSettings, Urls, default_folder, running_urls
from shunfu.db.inbox import Remembered, remember
from shunfu.db.jobs import (
    NEVER_GIVE_UP,
    Again,
    ClaimedJob,
    Done,
    Handler,
    Job,
    JobFigure,
    Jobs,
    delete_done,
    job_figures,
    merchants_with_done,
    revive_job,
)
from shunfu.db.migrations import Applied, Migration, collect, migrate, pending, schema_packages
from shunfu.db.outbox import Outbox, Subscriptions, read_event
from shunfu.db.pool import (
    Bell,
    ConstraintViolated,
    Database,
    Labour,
    PoolFigure,
    PoolSettings,
    Reader,
    Transaction,
    WriteConflict,
)
from shunfu.db.queries import NamedQueries, Query, named_queries
from shunfu.db.recovery import begin_recovery, end_recovery, list_recovering, recovering_since
from shunfu.db.worker import Worker, WorkerSettings

__all__ = [
    "NEVER_GIVE_UP",
    "Again",
    "Applied",
    "Bell",
    "ClaimedJob",
    "ConstraintViolated",
    "Database",
    "Done",
    "EmbeddedServer",
    "EmbeddedSettings",
    "Handler",
    "Job",
    "JobFigure",
    "Jobs",
    "Labour",
    "Migration",
    "NamedQueries",
    "Outbox",
    "PoolFigure",
    "PoolSettings",
    "Query",
    "Reader",
    "Record",
    "Remembered",
    "Subscriptions",
    "Transaction",
    "Urls",
    "Worker",
    "WorkerSettings",
    "WriteConflict",
    "begin_recovery",
    "check_durability",
    "collect",
    "default_folder",
    "delete_done",
    "end_recovery",
    "job_figures",
    "list_recovering",
    "merchants_with_done",
    "migrate",
    "named_queries",
    "pending",
    "read_event",
    "recovering_since",
    "remember",
    "revive_job",
    "running_urls",
    "schema_packages",
]
