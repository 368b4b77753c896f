"""
The program of every child of a Python side: the same talk as ../stage.ts, in lines of JSON.
Takes one assignment, answers with one number, and ends.
"""
import json
import os
import queue
import sys
import threading
import time
import traceback

import work

SLICE = 1000

# What a library prints must not be taken for an answer.
talk = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

words = queue.Queue()


def listen():
    """Hears what the parent says; without a parent nobody would stop a worker."""
    for line in sys.stdin:
        words.put(json.loads(line))
    os._exit(1)


def say(**message):
    talk.write(json.dumps(message) + "\n")


def rate(jobs, call):
    started = time.monotonic()
    call()
    return jobs / (time.monotonic() - started)


def enqueue_many(side, jobs):
    inputs = [work.an_input(number) for number in range(jobs)]

    def call():
        for at in range(0, jobs, SLICE):
            side.enqueue_many(inputs[at : at + SLICE])

    return rate(jobs, call)


def enqueue_single(side, jobs):
    """One after the other: neither has a client that can wait for several at once."""
    inputs = [work.an_input(number) for number in range(jobs)]

    def call():
        for given in inputs:
            side.enqueue(given)

    return rate(jobs, call)


def drain(side, jobs):
    answer = rate(jobs, lambda: side.run(jobs))
    if work.ran != jobs:
        raise AssertionError(f"{work.ran} of {jobs} jobs were run")
    return answer


def crew(side, _):
    """One of several workers: begins at the first word, ends at the second or when nothing is left."""
    say(note=0)
    words.get()
    threading.Thread(target=tell_count, daemon=True).start()
    threading.Thread(target=end_at_next_word, daemon=True).start()
    side.run(None)
    return work.ran


def tell_count():
    while True:
        say(note=work.ran)
        time.sleep(0.02)


def end_at_next_word():
    """Both record a job's end before they take the next one, so that nothing is left to do."""
    words.get()
    say(answer=work.ran)
    os._exit(0)


def flows(assignment):
    from celery_flows import Flows, steps_of

    steps, shape = assignment["jobs"], assignment["flow"]
    count = steps // steps_of(shape)
    side = Flows(assignment["store"])
    if assignment["stage"] == "send-flows":
        side.send(shape, count)
        return 0
    return rate(steps, lambda: side.run(steps, count))


stages = {
    "fill": enqueue_many,
    "enqueue-many": enqueue_many,
    "enqueue-single": enqueue_single,
    "drain": drain,
    "crew": crew,
}


def load(name, url):
    if name == "celery":
        from celery_side import Side
    else:
        from rq_side import Side
    return Side(url)


def answer_to(assignment):
    if "flow" in assignment:
        return flows(assignment)
    side = load(assignment["side"], assignment["store"])
    return stages[assignment["stage"]](side, assignment["jobs"])


def main():
    threading.Thread(target=listen, daemon=True).start()
    assignment = words.get()
    try:
        say(answer=answer_to(assignment))
    except BaseException:
        say(failure=traceback.format_exc())
    talk.flush()
    os._exit(0)


main()
