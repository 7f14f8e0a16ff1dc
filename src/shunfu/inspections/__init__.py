"""Inspections: so far the alarms, kept until somebody has seen to them. Checks, scores and trends come here too."""

from shunfu.inspections.model import ALARM_STATES, Alarm, AlarmState
from shunfu.inspections.usecases import acknowledge_alarm, count_open_alarms, keep_alarm, list_alarms, read_alarm

__all__ = [
    "ALARM_STATES",
    "Alarm",
    "AlarmState",
    "acknowledge_alarm",
    "count_open_alarms",
    "keep_alarm",
    "list_alarms",
    "read_alarm",
]
