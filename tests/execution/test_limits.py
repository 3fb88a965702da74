"""What holds a worker to its limits on a system that these tests may not run on."""

import ctypes
import struct

from gradcheck.execution.limits import Job

WORD = ctypes.c_size_t


class Basic(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION, as Windows declares it."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", WORD),
        ("MaximumWorkingSetSize", WORD),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", WORD),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class Extended(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("Basic", Basic),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", WORD),
        ("JobMemoryLimit", WORD),
        ("PeakProcessMemoryUsed", WORD),
        ("PeakJobMemoryUsed", WORD),
    )


def test_the_limits_of_a_job_lie_where_windows_looks_for_them():
    numbers = list(range(1, 20))
    told = Extended.from_buffer_copy(struct.pack(Job._LAYOUT, *numbers))
    basic = [getattr(told.Basic, name) for name, *_ in Basic._fields_]
    memory = [getattr(told, name) for name, *_ in Extended._fields_[2:]]
    assert [*basic, *told.IoInfo, *memory] == numbers
