"""System calls that a worker gives up (Linux): a filter of seccomp, written by hand.

It is hardening in both levels, not the level 2 that is kept free: what it forbids is what no
backprop needs, and what would get round a limit or at another process.
"""

import ctypes
import errno
import platform
import struct
import sys

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_CLONE_NEWUSER = 0x10000000
_KEYCTL_JOIN_SESSION_KEYRING = 1

#: Where the filter finds a call's number, its architecture and the low half of its arguments.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000

#: Calls with another numbering (x32), on x86-64.
_X32 = 0x40000000

#: By machine: its name for the kernel, then the numbers of calls.
_MACHINES: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {
            "shmget": 29,
            "clone": 56,
            "msgget": 68,
            "ptrace": 101,
            "setpriority": 141,
            "pivot_root": 155,
            "mount": 165,
            "umount2": 166,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "ioprio_set": 251,
            "migrate_pages": 256,
            "unshare": 272,
            "move_pages": 279,
            "perf_event_open": 298,
            "prlimit64": 302,
            "open_by_handle_at": 304,
            "setns": 308,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "memfd_create": 319,
            "bpf": 321,
            "userfaultfd": 323,
            "io_uring_setup": 425,
            "open_tree": 428,
            "move_mount": 429,
            "fsopen": 430,
            "clone3": 435,
            "pidfd_getfd": 438,
            "memfd_secret": 447,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "ioprio_set": 30,
            "umount2": 39,
            "mount": 40,
            "pivot_root": 41,
            "unshare": 97,
            "ptrace": 117,
            "setpriority": 140,
            "msgget": 186,
            "shmget": 194,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "clone": 220,
            "migrate_pages": 238,
            "move_pages": 239,
            "perf_event_open": 241,
            "prlimit64": 261,
            "open_by_handle_at": 265,
            "setns": 268,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "memfd_create": 279,
            "bpf": 280,
            "userfaultfd": 282,
            "io_uring_setup": 425,
            "open_tree": 428,
            "move_mount": 429,
            "fsopen": 430,
            "clone3": 435,
            "pidfd_getfd": 438,
            "memfd_secret": 447,
        },
    ),
}

#: Refused as if the kernel did not have them: then libraries take another way.
_UNKNOWN = ("clone3", "memfd_create", "memfd_secret", "io_uring_setup", "userfaultfd")

#: Refused for other processes: the argument that names one has to be zero, the caller itself.
_OWN = {"prlimit64": 0, "setpriority": 1, "ioprio_set": 1, "migrate_pages": 0, "move_pages": 0}


def give_up() -> bool:
    """Join a new session keyring, and forbid the calls; say whether the kernel agreed."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.maxsize < 2**32:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(machine[1]["keyctl"], _KEYCTL_JOIN_SESSION_KEYRING, None)
    program = _program(*machine)
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    whole = Program(len(program) // 8, ctypes.addressof(code))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(whole), 0, 0) == 0)


def _program(architecture: int, numbers: dict[str, int]) -> bytes:
    """Write the filter: a list of instructions, each an operation, two jumps and a number."""
    refused = _REFUSE | errno.EPERM
    unknown = _REFUSE | errno.ENOSYS
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, unknown),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, unknown),
    ]
    for name, number in numbers.items():
        if name == "clone":
            test = [(_LOAD, 0, 0, _ARGUMENTS), (_ANY_BIT, 0, 1, _CLONE_NEWUSER)]
        elif name in _OWN:
            test = [(_LOAD, 0, 0, _ARGUMENTS + 8 * _OWN[name]), (_EQUAL, 1, 0, 0)]
        else:
            end = unknown if name in _UNKNOWN else refused
            lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, end)]
            continue
        lines += [(_EQUAL, 0, len(test) + 2, number), *test]
        lines += [(_RETURN, 0, 0, refused), (_LOAD, 0, 0, _NUMBER)]
    lines.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
