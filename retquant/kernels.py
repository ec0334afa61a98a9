"""Compiled functions that are compiled once a machine, not in every process.

`@kernel` compiles a function by numba when it is first called. Doing so for one image takes longer than measuring a
hundred, so what was compiled is kept in the user's cache folder and loaded by the next process.

numba's own `cache=True` is not used, since two of its properties could give wrong numbers. It knows a kernel by its own
file, so that a kernel with another one compiled into it stays when that one changes; and its index of a kernel's
signatures is read and written without a lock, so that two processes can file two signatures under one name. Here each
compiled signature is one file, named by all that it was compiled from: the bytecode and constants of the kernel and of
every kernel that it calls, the signature, the processor, numba's settings (bounds checks, say) and all versions. A file
is written aside and renamed, holds its own digest, and is never changed. The worst that can happen is compiling again.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import pickle
import platform
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import compiler, config, serialize, sigutils

from retquant.kept_files import kept_path, read_kept, write_kept
from retquant.resources import cache_base

KIND = "kernels"  # folder below RETQUANT_CACHE, or below the user's cache folder
SWITCH = "RETQUANT_KERNEL_CACHE"
"""Environment variable: `0` compiles in every process and keeps nothing."""

# beginnings of the names of settings that leave compiled code as it is
_WITHOUT_EFFECT = ("CUDA", "CACHE", "COLOR", "NUMBA_", "THREADING")


def kernel(function: Callable | None = None, /, **options: Any) -> Any:
    """Compile a function to machine code that runs without Python's lock; `options` are those of `numba.njit`."""
    if function is None:
        return lambda wrapped: kernel(wrapped, **options)
    compiled = numba.njit(nogil=True, **options)(function)
    if hasattr(compiled, "_cache"):  # not where NUMBA_DISABLE_JIT leaves the function as it is
        compiled._cache = _KernelFiles(compiled)
    return compiled


class _KernelFiles:
    """The files of one kernel, in the place where a numba dispatcher expects its cache."""

    def __init__(self, dispatcher: Any) -> None:
        self._dispatcher = dispatcher

    @property
    def cache_path(self) -> str:
        return str(cache_base() / KIND)

    def flush(self) -> None:
        """Nothing kept can be out of date."""

    def load_overload(self, signature: Any, target: Any) -> Any:
        """What was compiled for these types, or None."""
        target.refresh()
        try:
            path = self._path(signature, target.codegen())
            data = read_kept(path) if path is not None else None
            if data is None:
                return None
            found = compiler.CompileResult._rebuild(target, *pickle.loads(data))
            wanted, _ = sigutils.normalize_signature(signature)
            return found if tuple(found.signature.args) == tuple(wanted) else None
        except Exception:  # whatever is wrong with a kept file, compiling still gives the right code
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep what was compiled; where that is not possible, the next process compiles."""
        try:
            path = self._path(signature, result.codegen)
            if path is not None and not result.lifted and not result.library.has_dynamic_globals:
                write_kept(path, serialize.dumps(result._reduce()))
        except Exception:  # a full disk, a folder without leave to write: the code in memory is as good
            return

    def _path(self, signature: Any, codegen: Any) -> Path | None:
        if os.environ.get(SWITCH, "").strip().lower() in ("0", "off", "no", "false"):
            return None
        wanted, returned = sigutils.normalize_signature(signature)
        source = "\n".join(
            (
                _surroundings(),
                repr((tuple(wanted), returned, codegen.magic_tuple())),
                meaning(self._dispatcher),
            )
        )
        function = self._dispatcher.py_func
        name = f"{function.__module__}.{function.__qualname__}".replace("<", "").replace(">", "")
        return kept_path(KIND, name, source)


def meaning(value: object) -> str:
    """All that numba compiles in from a kernel, a constant or a name of another library, as text.

    Raises
    ------
    TypeError
        A kernel uses something whose value cannot be told.
    """
    return repr(_meaning(value, (), {}))


def _meaning(value: object, names: tuple[str, ...], seen: dict[int, int]) -> object:
    """`names` are those of the code in which `value` stands: of a module of ours they tell what is used."""
    if hasattr(value, "py_func"):
        return _meaning_of_kernel(value, seen)
    match value:
        case None | bool() | int() | float() | complex() | str() | bytes() | np.generic() | np.dtype():
            return type(value).__name__, repr(value)
        case tuple():
            return "tuple", [_meaning(part, names, seen) for part in value]
        case frozenset():
            return "frozenset", sorted(repr(_meaning(part, names, seen)) for part in value)
        case np.ndarray() if value.dtype != object:
            layout = value.flags.c_contiguous, value.flags.f_contiguous
            return "array", value.dtype.str, value.shape, layout, hashlib.sha256(value.tobytes()).hexdigest()
        case ModuleType() if _is_ours(value.__name__):
            used = [(name, getattr(value, name)) for name in names if hasattr(value, name)]
            return "module", value.__name__, [(name, _meaning(part, names, seen)) for name, part in used]
        case ModuleType():
            return "library", value.__name__
    home = str(getattr(value, "__module__", None) or "builtins")
    if _is_ours(home) or not callable(value):
        raise TypeError(f"a kernel uses {value!r}, which may change unseen")
    return "library", home, getattr(value, "__qualname__", repr(value))


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == __name__.split(".")[0]


def _meaning_of_kernel(dispatcher: Any, seen: dict[int, int]) -> object:
    function: FunctionType = dispatcher.py_func
    if id(function) in seen:
        return "kernel", seen[id(function)]
    seen[id(function)] = len(seen)
    options = [
        (name, sorted(option) if isinstance(option, set) else option)
        for name, option in sorted(dispatcher.targetoptions.items())
    ]
    outside = inspect.getclosurevars(function).nonlocals if function.__closure__ else {}
    bound = [(name, _meaning(part, (), seen)) for name, part in sorted(outside.items())]
    return (
        "kernel",
        options,
        bound,
        _meaning(function.__defaults__, (), seen),
        _meaning_of_code(function.__code__, function.__globals__, seen),
    )


def _meaning_of_code(code: CodeType, around: dict[str, Any], seen: dict[int, int]) -> object:
    names = code.co_names
    return (
        code.co_code.hex(),
        code.co_exceptiontable.hex(),
        code.co_varnames,
        names,
        [
            _meaning_of_code(constant, around, seen)
            if isinstance(constant, CodeType)
            else _meaning(constant, names, seen)
            for constant in code.co_consts
        ],
        [(name, _meaning(around[name], names, seen)) for name in names if name in around],
    )


def _surroundings() -> str:
    """Versions and settings on which compiled code depends, the processor apart."""
    settings = sorted(
        (name, repr(setting))
        for name, setting in vars(config).items()
        if name.isupper() and not name.startswith(_WITHOUT_EFFECT)
    )
    versions = numba.__version__, llvmlite.__version__, np.__version__, platform.python_build()
    return repr((versions, platform.python_implementation(), platform.python_version(), settings))
