"""Celery's canvas: chains, chords, and chords of chords, with their results in the same Redis."""
import celery.worker.state
from celery import chain, chord, group

import work
from celery_side import new_app, run_worker

PARTS = [6, 5, 5]


class Flows:
    def __init__(self, url):
        self.app = new_app(url, result_backend=url)
        self.steps = None
        self.whole = 0

        # It counts the arguments of a method with its self.
        def step(before, given=None):
            return self.run_step(before)

        self.step = self.app.task(step, name="step")

    def send(self, shape, flows):
        make = {"chain": self.chain, "chord": self.chord, "graph": self.graph}[shape["name"]]
        for _ in range(flows):
            make(shape["size"]).apply_async()

    def firsts(self, count):
        return group(self.step.si(None, work.an_input(number)) for number in range(count))

    def chain(self, size):
        return chain(self.step.si(None, work.an_input(0)), *(self.step.s() for _ in range(size - 1)))

    def chord(self, size):
        return chord(self.firsts(size), self.step.s())

    def graph(self, _):
        return chord([chord(self.firsts(part), self.step.s()) for part in PARTS], self.step.s())

    def run(self, steps, flows):
        """Runs so many steps; the last of each workflow must have the results of all."""
        self.steps, self.each = steps, steps // flows
        run_worker(self.app)
        if self.whole != flows:
            raise AssertionError(f"{self.whole} of {flows} workflows came to their end with all results")

    def run_step(self, before):
        results = before if isinstance(before, list) else [] if before is None else [before]
        sent = 1 + sum(result["sent"] for result in results)
        work.ran += 1
        if sent == self.each:
            self.whole += 1
        if work.ran == self.steps:
            celery.worker.state.should_stop = 0
        return {"sent": sent, "messageId": f"<{sent}@mail.example.com>"}


def steps_of(shape):
    return shape["size"] + {"chain": 0, "chord": 1, "graph": len(PARTS) + 1}[shape["name"]]
