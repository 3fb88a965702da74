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
What works is remembered for the rest of the process.
"""

import os
import secrets
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gradcheck.execution.confinement import Confinement
from gradcheck.execution.limits import Limits
from gradcheck.execution.staging import ARCHIVE
from gradcheck.reading.target import is_installed

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
class Folders:
    """What a worker is to see.

    Attributes
    ----------
    library : Path
        The modules of gradcheck that run there.
    code : Path
        The submission.
    scratch : Path
        Where it may write.
    """

    library: Path
    code: Path
    scratch: Path


@dataclass(frozen=True)
class Command:
    """How to start a worker.

    Attributes
    ----------
    arguments : list of str
    environment : dict of str to str
    folder : str
        To start in.
    code : str
        Where the worker finds the submission.
    """

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    code: str


@dataclass(frozen=True)
class Level:
    """A way to shut a worker in.

    Attributes
    ----------
    number : int
    name : str
    available : callable
        A cheap look whether it is worth a try.
    command : callable
    """

    number: int
    name: str
    available: Callable[[], bool]
    command: Callable[[Folders, Limits], Command]


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


def _process(folders: Folders, limits: Limits) -> Command:
    """Level 1."""
    scratch = str(folders.scratch)
    environment = _environment(scratch)
    if sys.platform == "win32":
        environment |= {"TEMP": scratch, "TMP": scratch}
    confinement = Confinement(limits.address_space, 0, 0, scoped=1)
    arguments = _worker(str(folders.library), confinement)
    return Command(arguments, environment, scratch, str(folders.code))


def _bubblewrap(folders: Folders, limits: Limits) -> Command:
    """Level 3."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    user = secrets.choice(_USERS) if root else 0
    confinement = Confinement(limits.address_space, limits.processes, user, scoped=0)
    # Root mounts first and drops its rights inside, for the interpreter may lie in a folder
    # that is closed to everyone else; anybody else needs a user namespace to mount at all.
    namespaces = _ROOT_NAMESPACES if root else ("--unshare-all", "--unshare-user")
    variables = [word for pair in _environment(_SCRATCH).items() for word in ("--setenv", *pair)]
    arguments = [
        shutil.which("bwrap") or "bwrap",
        "--cap-drop",
        "ALL",
        *namespaces,
        "--hostname",
        "sandbox",
        "--die-with-parent",
        "--new-session",
        *variables,
        *_mounts(folders),
        "--chdir",
        _SCRATCH,
        "--",
        *_worker(_LIBRARY, confinement),
    ]
    # its own environment is empty: it can be read from inside
    return Command(arguments, {}, "/", _CODE)


def _mounts(folders: Folders) -> list[str]:
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
    for source, place in ((folders.library, _LIBRARY), (folders.code, _CODE)):
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
    """What Python needs of this machine, outermost first."""
    paths = {
        name: None
        for name in ("/usr/lib", "/usr/lib32", "/usr/lib64", *_TOP)
        if os.path.lexists(name)
    }
    for name in ("/etc/ld.so.cache", "/etc/alternatives"):
        paths[name] = None
    paths[_python()] = None
    scheme = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    for key in ("stdlib", "platstdlib"):
        paths[sysconfig.get_path(key, vars=scheme)] = None
    # its own shared libraries, as conda has them
    for prefix in (sys.base_prefix, sys.base_exec_prefix):
        paths |= {str(Path(prefix, name)): None for name in ("lib", "lib64")}
    paths |= dict.fromkeys(site_folders())
    return list(_outermost(path for path in paths if Path(path).exists()))


def _outermost(paths: Iterable[str]) -> Iterator[str]:
    """Leave out what lies inside another one."""
    kept: list[str] = []
    for path in sorted(set(paths), key=len):
        inside = any(path.startswith(f"{other}/") for other in kept)
        if not inside or is_installed(Path(path)):  # of that one, a folder is hidden
            kept.append(path)
            yield path


def _has_bubblewrap() -> bool:
    return sys.platform == "linux" and shutil.which("bwrap") is not None


#: From the best to the least. Level 0 is no way to run a stranger's code.
LEVELS = (
    Level(3, "bubblewrap", _has_bubblewrap, _bubblewrap),
    Level(1, "process", lambda: True, _process),
)
