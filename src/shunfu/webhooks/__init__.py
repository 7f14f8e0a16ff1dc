"""Webhooks: signed messages from us to the merchant's server, in order, tried again for three days."""

from shunfu.webhooks.addresses import check_url
from shunfu.webhooks.events import WebhookEndpointDisabled, WebhookEndpointFailing
from shunfu.webhooks.jobs import make_handlers
from shunfu.webhooks.model import Fact, Outgoing, Sent
from shunfu.webhooks.sender import Carrier, Sender, SenderSettings
from shunfu.webhooks.signing import SECRET_BYTES, headers, read_secret, write_body, write_secret
from shunfu.webhooks.usecases import (
    After,
    Announcement,
    NewEndpoint,
    NewSecret,
    Shown,
    WebhookTools,
    announce,
    create_endpoint,
    disable_endpoint,
    enable_endpoint,
    list_tries,
    read_endpoint,
    read_feed,
    read_message,
    replay_message,
    rotate_secret,
)

__all__ = [
    "SECRET_BYTES",
    "After",
    "Announcement",
    "Carrier",
    "Fact",
    "NewEndpoint",
    "NewSecret",
    "Outgoing",
    "Sender",
    "SenderSettings",
    "Sent",
    "Shown",
    "WebhookEndpointDisabled",
    "WebhookEndpointFailing",
    "WebhookTools",
    "announce",
    "check_url",
    "create_endpoint",
    "disable_endpoint",
    "enable_endpoint",
    "headers",
    "list_tries",
    "make_handlers",
    "read_endpoint",
    "read_feed",
    "read_message",
    "read_secret",
    "replay_message",
    "rotate_secret",
    "write_body",
    "write_secret",
]
