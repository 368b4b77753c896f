"""Celery at its best: one solo pool a process, prefetching, without anything that only watches."""
import warnings

import celery.worker.state
from celery import Celery
from celery.platforms import SecurityWarning

import work

warnings.simplefilter("ignore", SecurityWarning)


def new_app(url, **more):
    app = Celery("bench", broker=url)
    settings = dict(
        worker_prefetch_multiplier=64,
        worker_disable_rate_limits=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
    )
    app.conf.update(**settings, **more)
    return app


def run_worker(app):
    worker = app.Worker(
        pool="solo",
        loglevel="ERROR",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()


class Side:
    def __init__(self, url):
        self.app = new_app(url, task_ignore_result=True)
        self.send = self.app.task(work.send, name="send")

    def enqueue(self, given):
        self.send.delay(given)

    def enqueue_many(self, inputs):
        """It has no call for many jobs: this is one connection kept for all."""
        with self.app.producer_pool.acquire(block=True) as producer:
            for given in inputs:
                self.send.apply_async((given,), producer=producer)

    def run(self, jobs):
        """Runs this many jobs, or what there is until the process ends."""
        if jobs is not None:
            self.stop_after(jobs)
        run_worker(self.app)

    def stop_after(self, jobs):
        def counted(given):
            result = work.send(given)
            if work.ran == jobs:
                celery.worker.state.should_stop = 0
            return result

        self.app.tasks.unregister("send")
        self.send = self.app.task(counted, name="send")
