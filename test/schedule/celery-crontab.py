"""
Celery's crontab, asked when its beat would fire. Reads cases from stdin as JSON, and writes the answers.

The rule says how long it is from a moment to the next tick, and says another thing once clocks have changed. So it is asked as
its beat asks it: again and again, and on the way of a long rest too.
"""
import json
import sys
from datetime import datetime, timedelta, timezone

from celery import Celery
from celery.schedules import crontab

# Its beat rests five minutes at most; from further away it is enough to come near.
REST = timedelta(minutes=5)
NEAR = timedelta(hours=3)

apps = {}


def app_in(zone):
    if zone not in apps:
        apps[zone] = Celery("oracle", set_as_current=False)
        apps[zone].conf.update(timezone=zone, enable_utc=True)
    return apps[zone]


class Clock:
    def __init__(self, zone, at):
        self.zone = zone
        self.at = at

    def now(self):
        return self.at.astimezone(self.zone)

    def run_to_next(self, rule):
        last = self.now()
        while (left := rule.remaining_estimate(last)) > timedelta(0):
            self.at += left - NEAR if left > NEAR else min(left, REST)


def ticks(case):
    minute, hour, day_of_month, month_of_year, day_of_week = case["cron"].split(" ")
    app = app_in(case["zone"])
    clock = Clock(app.timezone, datetime.fromtimestamp(case["from"] / 1000, timezone.utc))
    rule = crontab(minute, hour, day_of_week, day_of_month, month_of_year, nowfun=clock.now, app=app)
    found = []
    while len(found) < case["count"]:
        clock.run_to_next(rule)
        found.append(round(clock.at.timestamp() * 1000))
    return found


def offset(probe):
    """Milliseconds from UTC, by the time zones that this Python knows."""
    at = datetime.fromtimestamp(probe["at"] / 1000, app_in(probe["zone"]).timezone)
    return round(at.utcoffset().total_seconds() * 1000)


asked = json.load(sys.stdin)
answers = {
    "ticks": [ticks(case) for case in asked["cases"]],
    "offsets": [offset(probe) for probe in asked["probes"]],
}
json.dump(answers, sys.stdout)
