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
    Told,
    list_tries,
    read_feed,
    read_message,
    replay_message,
)
from shunfu.webhooks.usecases.tools import DELIVER_JOB, WebhookTools

__all__ = [
    "DELIVER_JOB",
    "After",
    "Announcement",
    "Feed",
    "NewEndpoint",
    "NewSecret",
    "Shown",
    "Told",
    "WebhookTools",
    "announce",
    "create_endpoint",
    "deliver",
    "disable_endpoint",
    "enable_endpoint",
    "list_endpoints",
    "list_tries",
    "read_endpoint",
    "read_feed",
    "read_message",
    "replay_message",
    "rotate_secret",
]
