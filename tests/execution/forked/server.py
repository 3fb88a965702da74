"""The process that workers are forked off: it has loaded what each of them loads first.

Started as ``python -I -S -B server.py SOCKET FOLDER ...``, and ends with that socket.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import traceback

#: What comes with a question: the worker's pipes, and the one on which its end is told.
PIPES = 4


def main() -> None:
    """Fork off a worker for each question, and tell its number and how it ended."""
    ask = socket.socket(fileno=int(sys.argv[1]))
    sys.path[:] = [*sys.argv[2:], *sys.path[1:]]
    _load()
    told: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as waiting:
        waiting.register(ask, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is not ask:
                    waiting.unregister(key.fd)
                    _tell_the_end(key.fd, *told.pop(key.fd))
                    continue
                question, pipes, _, _ = socket.recv_fds(ask, 2**16, PIPES)
                if not question:
                    return
                worker = os.fork()
                if not worker:
                    _be_a_worker(json.loads(question), pipes[:3])
                for pipe in pipes[:3]:
                    os.close(pipe)
                os.write(pipes[3], b"%d\n" % worker)
                ended = os.pidfd_open(worker)
                told[ended] = worker, pipes[3]
                waiting.register(ended, selectors.EVENT_READ)


def _load() -> None:
    import numpy.random  # noqa: F401

    import gradcheck.execution.worker
    import gradcheck.reading

    for package in (gradcheck.reading, gradcheck.execution):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")


def _tell_the_end(ended: int, worker: int, pipe: int) -> None:
    os.close(ended)
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    with contextlib.suppress(OSError):  # whoever asked may be gone
        os.write(pipe, b"%d\n" % code)
    os.close(pipe)


def _be_a_worker(question: dict, pipes: list[int]) -> None:
    """Do what a worker does that was started; never returns."""
    code = 1
    try:
        os.setsid()
        for number, pipe in enumerate(pipes):
            os.dup2(pipe, number)
        os.closerange(3, 256)
        signal.set_wakeup_fd(-1)
        os.environ.clear()
        os.environ.update(question["environment"])
        os.chdir(question["folder"])
        for name in ("random", "numpy.random"):  # each worker has chances of its own
            if name in sys.modules:
                sys.modules[name].seed()
        from gradcheck.execution import worker

        worker.main(question["arguments"])
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
