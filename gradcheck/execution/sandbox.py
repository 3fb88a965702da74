"""Sandbox levels: how well a worker is shut in, and the command that does it.

=====  =======================================================================
level  what it is
=====  =======================================================================
3      bubblewrap: nothing is mounted but Python, the worker and the one
       submission; no network, a process tree and temporary folder of its own,
       an empty environment; started by root, it becomes a user with no rights
2      kept free for landlock and seccomp
1      a process of its own with limits; it can read what its user can
0      in process: for one's own code only
=====  =======================================================================

Nothing is believed about a machine: the first worker that says it is ready is the probe.
What does not work is remembered for the rest of the process.

This imports little: a worker starts while the rest of gradcheck is being imported.
"""

import atexit
import os
import secrets
import shutil
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gradcheck.errors import SandboxError
from gradcheck.execution import wire
from gradcheck.execution.limits import Limits, WorkerLostError
from gradcheck.execution.process import Command, Process
from gradcheck.execution.staging import ARCHIVE, StagedCode, stage
from gradcheck.execution.worker import Confinement
from gradcheck.reading.target import Target, is_installed

#: The user that a worker of root becomes: none of these is given to people or services.
_USERS = range(60_000, 65_000)

#: Bytes of the temporary folder at level 3.
_SCRATCH_BYTES = 16 * 2**20

#: What a worker started by root is cut off from; it keeps no right but to become a user.
_ROOT_NAMESPACES = (
    *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
    *("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"),
)

#: Where a worker at level 3 finds things.
_LIBRARY, _CODE, _SCRATCH = "/gradcheck", "/submission", "/tmp"

_START = (
    "import sys; n = int(sys.argv[1]); sys.path[:0] = sys.argv[2:n+2]; "
    "from gradcheck.execution.worker import main; main(sys.argv[n+2:])"
)


@dataclass(frozen=True)
class Level:
    """A way to shut a worker in."""

    number: int
    name: str
    available: Callable[[], bool]  # a cheap look whether it is worth a try
    command: Callable[[StagedCode, Limits], Command]


def _python() -> str:
    """The interpreter itself: in a virtual environment its python only points there."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return str(base if Path(base).exists() else sys.executable)


def site_folders() -> list[str]:
    """Where packages are installed, in the order in which Python looks."""
    return [path for path in sys.path if is_installed(Path(path)) and Path(path).is_dir()]


def _worker(library: str, confinement: Confinement) -> list[str]:
    folders = [f"{library}/{ARCHIVE}", *site_folders()]
    start = [_python(), "-I", "-S", "-B", "-c", _START, str(len(folders)), *folders]
    return start + confinement.arguments()


#: Variables that a worker gets as they are: where libraries lie, and which arithmetic they use.
_PASSED_ON = (
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR"),
    *("NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE"),
)


def _environment(scratch: str) -> dict[str, str]:
    """What a worker is told of the world: nothing of ours, no name, no key."""
    told = {
        "HOME": scratch,
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "JAX_PLATFORMS": "cpu",
        "MPLBACKEND": "Agg",
    }
    return told | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def _process(staged: StagedCode, limits: Limits) -> Command:
    """Level 1."""
    scratch = str(staged.scratch)
    environment = _environment(scratch)
    if sys.platform == "win32":
        environment |= {"TEMP": scratch, "TMP": scratch}
    confinement = Confinement(limits.address_space, 0, 0, scoped=1)
    arguments = _worker(str(staged.library), confinement)
    return Command(arguments, environment, scratch, str(staged.code))


def _bubblewrap(staged: StagedCode, limits: Limits) -> Command:
    """Level 3."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    user = secrets.choice(_USERS) if root else 0
    confinement = Confinement(limits.address_space, limits.processes, user, scoped=0)
    # Root mounts first and drops its rights inside, for the interpreter may lie in a folder
    # that is closed to everyone else; anybody else needs a user namespace to mount at all.
    namespaces = _ROOT_NAMESPACES if root else ("--unshare-all", "--unshare-user")
    variables = [word for pair in _environment(_SCRATCH).items() for word in ("--setenv", *pair)]
    arguments = [
        *(shutil.which("bwrap") or "bwrap", "--cap-drop", "ALL", *namespaces),
        *("--hostname", "sandbox", "--die-with-parent", "--new-session"),
        *variables,
        *_mounts(staged),
        *("--chdir", _SCRATCH, "--"),
        *_worker(_LIBRARY, confinement),
    ]
    # its own environment is empty: it can be read from inside
    return Command(arguments, {}, "/", _CODE)


def _mounts(staged: StagedCode) -> list[str]:
    words = ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    words += ["--perms", "1777", "--size", str(_SCRATCH_BYTES), "--tmpfs", _SCRATCH]
    made = {"/", _SCRATCH, "/proc", "/dev"}
    for path in _needed():
        for parent in reversed(Path(path).parents):
            if str(parent) not in made:
                made.add(str(parent))
                words += ["--dir", str(parent)]  # closed to others if bubblewrap makes it
        words += _mount(path)
        made.add(path)
    for source, place in ((staged.library, _LIBRARY), (staged.code, _CODE)):
        words += ["--ro-bind", str(source), place]
    return [*words, "--remount-ro", "/"]


def _mount(path: str) -> list[str]:
    if Path(path).is_symlink() and path in _TOP:
        return ["--symlink", str(Path(path).readlink()), path]
    hidden = Path(path, "gradcheck")
    hide = ["--tmpfs", str(hidden), "--remount-ro", str(hidden)] if hidden.is_dir() else []
    return ["--ro-bind", path, path, *hide]


#: Where the system keeps libraries; often links into /usr.
_TOP = ("/lib", "/lib32", "/lib64", "/libx32")


def _needed() -> list[str]:
    """What Python needs of this machine, outermost first; what lies inside another is left out."""
    base, platform = sys.base_prefix, sys.base_exec_prefix
    scheme = {"base": base, "platbase": platform}
    paths = {
        *("/usr/lib", "/usr/lib32", "/usr/lib64", *_TOP),
        *("/etc/ld.so.cache", "/etc/alternatives", _python(), *site_folders()),
        *(sysconfig.get_path(key, vars=scheme) for key in ("stdlib", "platstdlib")),
        # its own shared libraries, as conda has them
        *(str(Path(prefix, name)) for prefix in (base, platform) for name in ("lib", "lib64")),
    }
    kept: list[str] = []
    for path in sorted(filter(os.path.exists, paths), key=len):
        inside = any(path.startswith(f"{other}/") for other in kept)
        if not inside or is_installed(Path(path)):  # of that one, a folder is hidden
            kept.append(path)
    return kept


def _has_bubblewrap() -> bool:
    return sys.platform == "linux" and shutil.which("bwrap") is not None


#: From the best to the least. Level 0 is no way to run a stranger's code.
SANDBOX_LEVELS = (
    Level(3, "bubblewrap", _has_bubblewrap, _bubblewrap),
    Level(1, "process", lambda: True, _process),
)


#: Seconds that a worker has to be ready: Python and numpy are loaded, nothing else.
_READY = 30.0

#: Levels that were found not to work in this process, and why.
_FAILED: dict[int, str] = {}


class Worker:
    """A worker at the best level that works here: on its way, while something else is done.

    The ``only`` level is tried where one is given, else all from the best on, until a worker says
    it is ready. Raises SandboxError when no level is left to try that is good enough.
    """

    def __init__(self, staged: StagedCode, limits: Limits, only: Level | None = None) -> None:
        self._staged, self._limits = staged, limits
        self._levels = _candidates(limits, only)
        self._failed = {} if only else _FAILED
        self.process, self.level, self.code = self._start()

    def ready(self) -> "Worker":
        """Wait until it is ready, or another one at the next level is.

        Raises SandboxError when none gets ready at a level that is good enough.
        """
        while True:
            try:
                self.process.receive((wire.READY,), 0, time.monotonic() + _READY)
            except WorkerLostError as lost:
                self.process.close()
                said = " ".join(self.process.words_of_the_worker().split())[-200:]
                self._failed.setdefault(self.level.number, said or lost.message)
                self.process, self.level, self.code = self._start()
                continue
            self.process.mark_quiet()
            return self

    def _start(self) -> tuple[Process, Level, str]:
        for level in self._levels:
            command = level.command(self._staged, self._limits)
            try:
                return Process(command, self._limits), level, command.code
            except OSError as error:
                self._failed.setdefault(level.number, str(error))
        wanted = self._limits.min_sandbox
        least = f"sandbox level {wanted} or better" if wanted > 1 else "a worker process"
        reasons = "; ".join(f"level {number}: {why}" for number, why in self._failed.items())
        raise SandboxError(f"{least} cannot be had on this machine ({reasons or 'no such level'})")


def _candidates(limits: Limits, only: Level | None) -> Iterator[Level]:
    """Yield the levels to try, those that were found not to work left out."""
    if only:
        yield only  # it worked before: should it fail now, that is no fault of the machine
        return
    for level in SANDBOX_LEVELS:
        if level.number < limits.min_sandbox or level.number in _FAILED:
            continue
        if level.available():
            yield level
        else:
            _FAILED.setdefault(level.number, f"{level.name} is not installed")


class Launch:
    """A copy of the code, and a worker that is getting ready for it.

    Raises UsageError when the code cannot be read, SandboxError when no worker can be started, or
    none at the level asked for.
    """

    def __init__(self, target: Target, limits: Limits) -> None:
        self.target, self.limits = target, limits
        self.staged = stage(target)
        try:
            self.worker = Worker(self.staged, limits)
        except BaseException:
            self.staged.close()
            raise
        atexit.register(self.close)

    def close(self) -> None:
        """End the worker, and remove what was copied; once is enough, twice does no harm."""
        self.worker.process.close()
        self.staged.close()
        atexit.unregister(self.close)
