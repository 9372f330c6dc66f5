"""A program under JAX: compiled by `jax.jit`, its rows shared out over all devices of all processes.

The program itself does not change. Its inputs are laid over the devices row by row, its parameters are on every device,
and the compiler finds out where the devices must add up what each of them knows.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.extras import require
from microgradcnn.targets.backends.trainer import Trainer
from microgradcnn.targets.export.source import source
from microgradcnn.targets.lines import Lines

Tensors: TypeAlias = tuple[Any, ...]  # arrays on JAX's devices


class JaxProgram:
    """The program under jax.jit, on whatever devices JAX has.

    `function(*inputs, *parameters, xp)` is the program, `dtype` what it was recorded in, `has_rows` tells which inputs
    have rows (along axis 0). With several processes (`jax.distributed.initialize`, called before) each passes rows of
    its own, and the loss is that of all rows. Nothing is compiled twice for the same shapes; on the same CPUs the same
    call gives the same bits. The user's JAX configuration stays as it is. Raises MissingExtra without JAX.
    """

    def __init__(self, function: Callable[..., Any], dtype: np.dtype[Any], has_rows: Sequence[bool]) -> None:
        self._jax: Any = _require("jax")
        self._function, self._dtype, self._has_rows = function, np.dtype(dtype), tuple(map(bool, has_rows))

    @classmethod
    def of(cls, lines: Lines) -> JaxProgram:
        """The program of these lines, from the same source that people read."""
        namespace: dict[str, Any] = {}
        exec(source(lines), namespace)

        def program(*arrays: Any, xp: Any) -> Any:
            return (*namespace["program"](*arrays, xp=xp), ())[:3]  # the further numbers only if there are any

        return cls(program, lines.loss.dtype, [leaf.varies for leaf in lines.inputs])

    def lowered(self, wrt: Sequence[Value], inputs: Sequence[Array]) -> str:
        """The text of the program as JAX has traced it, for arrays of these shapes: the jaxpr."""
        with self._precision():
            return str(self._jax.make_jaxpr(self._trace)(self._numbers(inputs), self._numbers(_data(wrt))))

    def trainer(self, wrt: Sequence[Value], inputs: Sequence[Array], n: int) -> JaxTrainer:
        """The program bound to `inputs`, which with several processes are the rows of this one.

        Raises ValueError if the devices cannot share the rows evenly, or the processes disagree about the parameters.
        """
        return JaxTrainer(self, wrt, inputs)

    def _bound(self, inputs: Sequence[Array], parameters: Sequence[Array]) -> tuple[Tensors, Tensors]:
        """Inputs and parameters, copied to the devices."""
        # Without these copies JAX may share memory with the caller's arrays, and see what is written to them later.
        return self._place(*self._checked(list(map(np.array, inputs)), list(map(np.array, parameters))))

    def _value(self, inputs: Tensors, parameters: Tensors) -> tuple[Any, Tensors, Tensors]:
        return self._run(self._compiled_value, inputs, parameters)

    def _step(self, parameters: Tensors, inputs: Tensors, rate: float) -> tuple[Tensors, tuple[Any, Tensors, Tensors]]:
        return self._run(self._compiled_step, parameters, inputs, rate)

    def _run(self, compiled: Callable[..., Any], *arguments: Any) -> Any:
        with self._precision():
            found = compiled(*arguments)
        if self._one_at_a_time:
            self._jax.block_until_ready(found)
        return found

    def _trace(self, inputs: Tensors, parameters: Tensors) -> tuple[Any, Tensors, Tensors]:
        """The program, as JAX calls it once for each shape."""
        with self._jax.default_matmul_precision("highest"):  # else GPUs and TPUs multiply in fewer digits than float32
            loss, gradients, also = self._function(*inputs, *parameters, xp=self._jax.numpy)
        return loss, tuple(gradients), tuple(also)

    def _trace_step(self, parameters: Tensors, inputs: Tensors, rate: Any) -> tuple[Tensors, Any]:
        found = self._trace(inputs, parameters)
        return tuple(p - rate * g for p, g in zip(parameters, found[1], strict=True)), found

    # Devices are looked up at the first use: whoever does so ends the time in which processes can be joined.

    @cached_property
    def _compiled_value(self) -> Callable[..., Any]:
        layouts = tuple(map(self._layout, self._has_rows)), self._layout()
        return self._jax.jit(self._trace, in_shardings=layouts, out_shardings=self._layout())

    @cached_property
    def _compiled_step(self) -> Callable[..., Any]:
        return self._jax.jit(self._trace_step, donate_argnums=0, out_shardings=self._layout())

    @cached_property
    def _mesh(self) -> Any:
        return self._jax.sharding.Mesh(np.array(self._jax.devices()), ("rows",))

    @cached_property
    def _devices(self) -> list[int]:
        """How many devices every process has."""
        devices = [len(self._jax.local_devices(process_index=i)) for i in range(self._jax.process_count())]
        if len(set(devices)) > 1:
            brought = " + ".join(map(str, devices))
            raise ValueError(f"the processes have {brought} devices: start all of them with the same number")
        return devices

    @cached_property
    def _one_at_a_time(self) -> bool:
        """Whether a step must end before the next is dispatched.

        Several CPU devices in one process run on one pool of threads, where steps that overlap can take each other's
        threads and wait for each other for ever.
        """
        devices = self._jax.local_devices()
        return len(devices) > 1 and devices[0].platform == "cpu"

    def _layout(self, rows: bool = False) -> Any:
        """Rows shared out over the devices, or the same array on every device."""
        axes = self._jax.sharding.PartitionSpec("rows") if rows else self._jax.sharding.PartitionSpec()
        return self._jax.sharding.NamedSharding(self._mesh, axes)

    def _precision(self) -> Any:
        """The context in which JAX computes in the recorded dtype; outside of it, the user's choice holds."""
        return self._jax.enable_x64(self._dtype == np.float64)

    def _numbers(self, arrays: Iterable[Array]) -> tuple[Array, ...]:
        return tuple(np.asarray(a, self._dtype) for a in arrays)

    def _checked(self, inputs: Sequence[Array], parameters: Sequence[Array]) -> tuple[Tensors, Tensors]:
        """Inputs and parameters in the recorded dtype, found fit for the devices of all processes."""
        arrays, numbers = self._numbers(inputs), self._numbers(parameters)
        by_kind = [[a for a, r in zip(arrays, self._has_rows, strict=True) if r is kind] for kind in (False, True)]
        for counts in self._compare(list(map(len, by_kind[True])), [*by_kind[False], *numbers]):
            _check_rows(counts, self._devices)
        return arrays, numbers

    def _place(self, inputs: Tensors, parameters: Tensors) -> tuple[Tensors, Tensors]:
        placed = tuple(map(self._put, inputs, self._has_rows))
        return placed, tuple(self._put(p, False) for p in parameters)

    def _put(self, array: Array, rows: bool) -> Any:
        layout = self._layout(rows)
        with self._precision():
            if len(self._devices) == 1:
                return self._jax.device_put(array, layout)
            shape = (len(self._devices) * len(array), *array.shape[1:]) if rows else array.shape
            return self._jax.make_array_from_process_local_data(layout, array, shape)

    def _compare(self, rows: list[int], same: Iterable[Array]) -> list[list[int]]:
        """How many rows every process brings, for every input that has rows; what must be the `same` is compared."""
        if len(self._devices) == 1:
            return [[n] for n in rows]
        checksum = 0
        for array in same:
            checksum = zlib.crc32(array.tobytes(), checksum)
        utilities = _require("jax.experimental.multihost_utils")
        of_all = utilities.process_allgather(np.array([checksum, *rows], np.uint32)).T.tolist()
        if len(set(of_all[0])) > 1:
            raise ValueError(
                "the processes have different parameters, or inputs without rows: "
                "start all of them from the same, with the same seed for instance"
            )
        return of_all[1:]


class JaxTrainer(Trainer):
    """Gradient descent on the devices, on inputs that stay there; `flat` and `gradient` are copies.

    With several processes, each must call the same methods in the same order.
    """

    def __init__(self, program: JaxProgram, wrt: Sequence[Value], inputs: Sequence[Array]) -> None:
        super().__init__(wrt)
        self._program = program
        self._inputs, self._parameters = program._bound(inputs, _data(wrt))
        self._last: tuple[Any, Tensors, Tensors] | None = None

    @property
    def flat(self) -> Array:
        """The parameters: a copy, which waits for the steps dispatched so far; assign a vector to change them.

        Assigning raises ValueError if the vector has another length, or if the processes assign different ones.
        """
        return _joined(self._parameters)

    @flat.setter
    def flat(self, vector: Array) -> None:
        (vector,) = self._program._numbers([vector])
        size = sum(p.size for p in self._parameters)
        if vector.shape != (size,):
            raise ValueError(f"the parameters are a vector of {size} numbers, not of shape {vector.shape}")
        self._program._compare([], [vector])
        self._parameters = tuple(self._program._put(part, False) for part in self.parts(vector.copy()))

    @property
    def gradient(self) -> Array:
        """The gradient of the last evaluation or step: a copy. Raises RuntimeError before the first."""
        return _joined(self._evaluated()[1])

    @property
    def also(self) -> list[float]:
        """The further scalars of the last evaluation or step. Raises RuntimeError before the first."""
        return [float(a) for a in self._evaluated()[2]]

    def set_inputs(self, inputs: Sequence[Array]) -> None:
        """Take other rows, as many as before."""
        self._inputs, self._parameters = self._program._bound(inputs, self.parts(self.flat))

    def evaluate(self) -> float:
        """The loss, and with it gradient and further scalars, at the parameters of this moment."""
        self._last = self._program._value(self._inputs, self._parameters)
        return float(self._last[0])

    def step(self, rate: float) -> Any:
        """One step of gradient descent; returns the loss before it, as a JAX scalar.

        The step is only dispatched: whoever reads the loss waits for it, whoever takes many steps first need not.
        """
        # The old parameters are donated: the new ones take their memory.
        self._parameters, self._last = self._program._step(self._parameters, self._inputs, float(rate))
        return self._last[0]

    def synchronise(self) -> None:
        """Wait for all steps dispatched so far."""
        self._program._jax.block_until_ready(self._parameters)

    def _evaluated(self) -> tuple[Any, Tensors, Tensors]:
        if self._last is None:
            raise RuntimeError("nothing has been evaluated yet: call evaluate() or step() first")
        return self._last


def _require(module: str) -> Any:
    return require(module, "jax", package="jax", needed_by='backend="jax"')


def _data(wrt: Sequence[Value]) -> list[Array]:
    return [np.asarray(v.data) for v in wrt]


def _joined(tensors: Tensors) -> Array:
    return np.concatenate([np.ravel(t) for t in tensors])


def _check_rows(rows: Sequence[int], devices: Sequence[int]) -> None:
    """Every device must get the same number of rows, and those of its own process. Raises ValueError."""
    n, d = rows[0], devices[0]
    if n % d == 0 and set(rows) == {n}:
        return
    if len(rows) == 1:
        fits = " or ".join(str(m) for m in (n - n % d, n - n % d + d) if m)
        raise ValueError(f"{n} rows cannot be shared evenly by {d} devices: pass {fits} rows")
    brought, shared = (" + ".join(map(str, numbers)) for numbers in (rows, devices))
    raise ValueError(
        f"{brought} rows cannot be shared evenly by the processes' {shared} devices: have every process pass "
        f"the same number of rows{f', a multiple of {d}' if d > 1 else ''}"
    )
