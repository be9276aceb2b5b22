"""Run commands in processes that are killed: at their N-th change of the file system, or at a random instant.

Run as a script, so that the processes are copies of one that has imported everything and has no threads. It prints what
the commands printed; a line that came out whole is an acknowledgement.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from itertools import count
from pathlib import Path

from pipeline import analyze  # noqa: F401 - imports what the commands import
from pipeline.cli.main import run
from pipeline.export.formats import all_outputs

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.truncate", "shutil.rmtree"}
"""Audit events of Python before a change of the file system; `open` is one when it is for writing."""


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(step):
    """Kill this process before its change number `step` of the file system; half of a written line is one too."""
    changes = count()

    def change():
        if next(changes) == step:
            die()

    def heard(event, arguments):
        if event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
            change()

    real, flush = os.pwrite, os.fsync

    def pwrite(handle, data, place):
        if next(changes) == step:
            real(handle, data[: len(data) // 2], place)
            die()
        written = real(handle, data, place)
        change()
        return written

    def fsync(handle):
        change()
        flush(handle)
        change()

    os.pwrite, os.fsync = pwrite, fsync
    sys.addaudithook(heard)


def start(arguments, step=None):
    """Run a command in a process of its own."""
    if child := os.fork():
        return child
    code = 99
    try:
        if step is not None:
            kill_at(step)
        code = run(arguments)
    finally:
        sys.stdout.flush()
        os._exit(code)


def fate(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def at_steps(stride, template, work, *command):
    """Run a command in a copy of a folder, killed at each step (or each `stride`th) until it runs to its end."""
    for step in count(step=int(stride)):
        place = Path(work) / str(step)
        shutil.copytree(template, place)
        code = fate(start([word.replace("@", str(place)) for word in command], step))
        if code != -signal.SIGKILL:
            assert code == 0, (step, code)
            return


def at_random(kills, seed, *commands):
    """Run commands, separated by `--`, one after the other at random; kill each at a random instant, or never."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    choices = [words.split("\x1f") for words in "\x1f".join(commands).split("\x1f--\x1f")]
    killed = 0
    takes = {}
    while killed < int(kills):
        which = chance.randrange(len(choices))
        begun = time.monotonic()
        child = start(choices[which])
        if which in takes and chance.random() < 0.9:
            time.sleep(chance.random() * takes[which])
            os.kill(child, signal.SIGKILL)
        code = fate(child)
        assert code in (0, -signal.SIGKILL), (choices[which], code)
        killed += code != 0
        if code == 0:
            takes[which] = time.monotonic() - begun


if __name__ == "__main__":
    all_outputs()
    {"at_steps": at_steps, "at_random": at_random}[sys.argv[1]](*sys.argv[2:])
