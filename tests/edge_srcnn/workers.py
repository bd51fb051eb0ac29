"""What the processes of ``test_child`` do."""

import ctypes
import os
import signal
import time

from edge_srcnn.errors import BadData


def adds(start=0):
    total = start

    def add(number):
        nonlocal total
        total += number
        return os.getpid(), total

    return add


def echoes():
    return lambda request: request


def misbehaves():
    def act(how):
        if how == "refuses":
            raise BadData("no, thank you")
        if how == "breaks":
            raise KeyError("a mistake")
        if how == "misses":
            open("/nowhere").close()
        if how == "hangs":
            ctypes.PyDLL(None).sleep(60)  # unlike CDLL, it keeps the interpreter's lock
        if how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "aborts":
            os.abort()
        if how == "stops":
            os.kill(os.getpid(), signal.SIGSTOP)
        if how == "sleeps":
            time.sleep(60)
        return how

    return act


def refuses_to_start():
    raise BadData("not today")


def sleeps_when_asked():
    return lambda: time.sleep(60)


def dies_when_asked():
    return lambda: os.kill(os.getpid(), signal.Signals[os.environ["WORKER_DIES_OF"]])


def reveals():
    def tell(fault):
        if fault:
            raise KeyError(fault)
        return dict(os.environ)

    return tell
