"""A Windows job object: limits for a worker, and its end with everything it started."""

import ctypes
import subprocess
from typing import Any

from gradcheck.execution.limits import Limits

_EXTENDED_LIMITS = 9
_ACTIVE_PROCESS, _PROCESS_MEMORY, _JOB_MEMORY = 0x8, 0x100, 0x200
_DIE_ON_EXCEPTION, _KILL_ON_CLOSE = 0x400, 0x2000


class _Basic(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class _Extended(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("Basic", _Basic),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


class Job:
    """The job of one worker.

    Parameters
    ----------
    process : subprocess.Popen
        Started, and waiting to be told what to load.
    limits : Limits

    Raises
    ------
    OSError
        When Windows refuses.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", limits: Limits) -> None:
        # by name: elsewhere, where this is type-checked, ctypes has neither
        self._kernel: Any = getattr(ctypes, "WinDLL")("kernel32", use_last_error=True)  # noqa: B009
        self._kernel.CreateJobObjectW.restype = ctypes.c_void_p
        self._kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, ctypes.c_wchar_p)
        self._kernel.SetInformationJobObject.argtypes = (
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_uint32,
        )
        self._kernel.AssignProcessToJobObject.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        self._kernel.CloseHandle.argtypes = (ctypes.c_void_p,)
        self._handle: int | None = self._kernel.CreateJobObjectW(None, None)
        told = _Extended()
        told.Basic.LimitFlags = (
            _ACTIVE_PROCESS | _PROCESS_MEMORY | _JOB_MEMORY | _DIE_ON_EXCEPTION | _KILL_ON_CLOSE
        )
        told.Basic.ActiveProcessLimit = limits.processes
        told.ProcessMemoryLimit = told.JobMemoryLimit = limits.memory
        done = self._handle and self._kernel.SetInformationJobObject(
            self._handle, _EXTENDED_LIMITS, ctypes.byref(told), ctypes.sizeof(told)
        )
        done = done and self._kernel.AssignProcessToJobObject(
            self._handle,
            int(getattr(process, "_handle")),  # noqa: B009 (not for mypy elsewhere)
        )
        if not done:
            process.kill()
            raise OSError("Windows refused a job object")

    def close(self) -> None:
        """Kill every process of the job."""
        if self._handle:
            self._kernel.CloseHandle(self._handle)
            self._handle = None
