"""The webhooks room's stories, one file a subject."""

from shunfu.webhooks.usecases.announcing import Announcement, announce
from shunfu.webhooks.usecases.delivering import deliver
from shunfu.webhooks.usecases.endpoints import (
    NewEndpoint,
    NewSecret,
    Shown,
    create_endpoint,
    disable_endpoint,
    enable_endpoint,
    list_endpoints,
    read_endpoint,
    rotate_secret,
)
from shunfu.webhooks.usecases.messages import (
    After,
    Feed,
    Replay,
    Told,
    list_tries,
    read_feed,
    read_message,
    read_newest,
    replay_message,
)
from shunfu.webhooks.usecases.resealing import list_secret_ages, reseal_secrets
from shunfu.webhooks.usecases.tools import DELIVER_JOB, WebhookTools

__all__ = [
    "DELIVER_JOB",
    "After",
    "Announcement",
    "Feed",
    "NewEndpoint",
    "NewSecret",
    "Replay",
    "Shown",
    "Told",
    "WebhookTools",
    "announce",
    "create_endpoint",
    "deliver",
    "disable_endpoint",
    "enable_endpoint",
    "list_endpoints",
    "list_secret_ages",
    "list_tries",
    "read_endpoint",
    "read_feed",
    "read_message",
    "read_newest",
    "replay_message",
    "reseal_secrets",
    "rotate_secret",
]
