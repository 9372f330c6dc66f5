"""A loss in other libraries as a training step: how each is used at its best, said once for all benchmarks.

A loss takes the parameters and then the data, as the library's own arrays. Whoever is not installed raises ImportError.
"""

import os
import shutil
import sys

from harness import Task, numbers


def hips_autograd(loss, parameters, arrays, rate):
    from autograd import value_and_grad

    parameters = [p.copy() for p in parameters]
    both = value_and_grad(lambda ps: loss(*ps, *arrays))

    def step():
        for p, g in zip(parameters, both(parameters)[1], strict=True):
            p -= rate * g

    return Task(step, lambda: numbers(*both(parameters), parameters))


def mygrad(loss, parameters, arrays, rate):
    import mygrad as mg

    mg.turn_memory_guarding_off()
    parameters = [mg.tensor(p.copy()) for p in parameters]

    def step():
        loss(*parameters, *arrays).backward()
        for p in parameters:
            p.data -= rate * p.grad

    def outcome():
        value = loss(*parameters, *arrays)
        value.backward()
        return numbers(value.item(), [p.grad for p in parameters], [p.data for p in parameters])

    return Task(step, outcome)


def torch_eager(loss, parameters, arrays, rate, optimise=lambda loss: loss):
    import torch

    arrays = [torch.from_numpy(a) for a in arrays]
    parameters = [torch.from_numpy(p.copy()).requires_grad_() for p in parameters]
    loss = optimise(loss)

    def step():
        gradients = torch.autograd.grad(loss(*parameters, *arrays), parameters)
        with torch.no_grad():
            torch._foreach_add_(parameters, gradients, alpha=-rate)

    def outcome():
        value = loss(*parameters, *arrays)
        return numbers(value.item(), torch.autograd.grad(value, parameters), [p.detach() for p in parameters])

    return Task(step, outcome)


def torch_compile(loss, parameters, arrays, rate):
    """Forward and backward pass compiled, the update as in eager mode."""
    torch = _torch_with_a_compiler()
    return torch_eager(loss, parameters, arrays, rate, lambda loss: torch.compile(loss, dynamic=False))


def torch_compile_step(loss, parameters, arrays, rate):
    """Loss, gradients and update compiled as one graph."""
    torch = _torch_with_a_compiler()
    arrays = [torch.from_numpy(a) for a in arrays]
    state = [torch.from_numpy(p.copy()) for p in parameters]
    gradients_and_value = torch.func.grad_and_value(loss, tuple(range(len(parameters))))

    @torch.compile(dynamic=False)
    def update(*tensors):
        gradients, value = gradients_and_value(*tensors)
        return [p - rate * g for p, g in zip(tensors, gradients, strict=False)], value

    @torch.compile(dynamic=False)
    def both(*tensors):
        return gradients_and_value(*tensors)

    def step():
        nonlocal state
        state, _ = update(*state, *arrays)

    def outcome():
        gradients, value = both(*state, *arrays)
        return numbers(value, gradients, state)

    return Task(step, outcome)


def jax_jit(loss, parameters, arrays, rate):
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_enable_x64", True)
    arrays, state = ([jax.numpy.array(a) for a in group] for group in (arrays, parameters))
    value_and_gradients = jax.value_and_grad(loss, tuple(range(len(parameters))))

    @jax.jit
    def update(state, *arrays):
        value, gradients = value_and_gradients(*state, *arrays)
        return [p - rate * g for p, g in zip(state, gradients, strict=True)], value

    both = jax.jit(value_and_gradients)

    def step():
        nonlocal state
        state, _ = update(state, *arrays)

    return Task(step, lambda: numbers(*both(*state, *arrays), state), lambda: jax.block_until_ready(state))


def tinygrad_jit(loss, parameters, arrays, rate):
    if not shutil.which(os.environ.setdefault("CC", "clang")):
        raise ImportError("tinygrad needs clang, and there is none")
    os.environ.setdefault("DEV", "CPU")
    from tinygrad import Device, Tensor, TinyJit

    arrays, parameters = ([Tensor(a.copy()).realize() for a in group] for group in (arrays, parameters))

    def both():
        value = loss(*parameters, *arrays)
        return value, value.gradient(*parameters)

    @TinyJit
    def update():
        value, gradients = both()
        for p, g in zip(parameters, gradients, strict=True):
            p.assign(p - rate * g)
        Tensor.realize(value, *parameters)

    def outcome():
        value, gradients = both()
        return numbers(value.item(), [g.numpy() for g in gradients], [p.numpy() for p in parameters])

    return Task(update, outcome, Device[Device.DEFAULT].synchronize)


def _torch_with_a_compiler():
    import torch

    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if not shutil.which(compiler):
        raise ImportError(f"torch.compile needs a C++ compiler, and there is no {compiler}")
    return torch
