"""RQ at its best: its worker that does not fork for each job."""
import logging

from redis import Redis
from rq import Queue, SimpleWorker

import work


class Side:
    def __init__(self, url):
        self.connection = Redis.from_url(url)
        self.queue = Queue("bench", connection=self.connection)
        logging.disable(logging.INFO)

    def enqueue(self, given):
        self.queue.enqueue(work.send, given)

    def enqueue_many(self, inputs):
        self.queue.enqueue_many([Queue.prepare_data(work.send, (given,)) for given in inputs])

    def run(self, jobs):
        """Runs until nothing is left."""
        SimpleWorker([self.queue], connection=self.connection).work(burst=True)
