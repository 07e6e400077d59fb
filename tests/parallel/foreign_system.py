"""Makes Python look like Windows to the package; run in every process as ``sitecustomize``.

POSIX modules cannot be imported, POSIX calls are gone, and processes can only be spawned. The one
module that may ask for the system is loaded with ``sys.platform`` set to ``win32``, and finds an
``msvcrt`` that locks through the real `fcntl`. `os.uname` and `os.register_at_fork` stay: the Linux
builds of NumPy and torch call them.
"""

import builtins
import fcntl as real_fcntl
import importlib.abc
import importlib.machinery
import multiprocessing.context
import os
import signal
import sys
import types
import warnings

ASKS = "seatbelt_vae.parallel.operating_system"
POSIX_MODULES = {"fcntl", "grp", "pwd", "resource", "syslog", "termios", "tty", "pty"}
POSIX_CALLS = {
    os: ("fork", "forkpty", "sched_getaffinity", "sched_setaffinity", "getuid", "geteuid"),
    signal: ("SIGKILL", "SIGPIPE", "SIGHUP", "SIGALRM", "SIGUSR1", "pthread_sigmask", "alarm"),
}


def locking(descriptor, mode, count):
    flags = {0: real_fcntl.LOCK_UN, 2: real_fcntl.LOCK_EX | real_fcntl.LOCK_NB}[mode]
    real_fcntl.lockf(descriptor, flags, count, os.lseek(descriptor, 0, os.SEEK_CUR))


class OnWindows(importlib.machinery.SourceFileLoader):
    """Executes a module as if on Windows."""

    def exec_module(self, module):
        platform, sys.platform = sys.platform, "win32"
        try:
            super().exec_module(module)
        finally:
            sys.platform = platform


class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):  # noqa: ARG002
        if name in POSIX_MODULES:
            raise ImportError(f"{name} is not there")
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == ASKS else None
        if spec is not None:
            spec.loader = OnWindows(name, spec.origin)
        return spec


msvcrt = types.ModuleType("msvcrt")
msvcrt.LK_UNLCK, msvcrt.LK_NBLCK, msvcrt.locking = 0, 2, locking
_import = builtins.__import__


def importing(name, *arguments, **named):
    """Provide msvcrt to one module only, because others detect Windows by it."""
    if name == "msvcrt" and arguments and (arguments[0] or {}).get("__name__") == ASKS:
        return msvcrt
    return _import(name, *arguments, **named)


def pretend():
    """Remove the POSIX modules from this process."""
    for name in POSIX_MODULES:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Blocked())
    for module, calls in POSIX_CALLS.items():
        for name in calls:
            if hasattr(module, name):
                delattr(module, name)
    for method in ("fork", "forkserver"):
        multiprocessing.context._concrete_contexts.pop(method)
    multiprocessing.context._default_context._default_context = multiprocessing.get_context("spawn")
    # text files are not UTF-8 by default on Windows: the package must name the encoding
    warnings.filterwarnings("error", category=EncodingWarning, module=r"seatbelt_vae\.")
    builtins.__import__ = importing


# collecting the tests imports this file, too
if __name__ == "sitecustomize":
    pretend()
