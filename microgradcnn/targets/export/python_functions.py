"""The functions that Python's expressions call, as source in terms of xp, NumPy or jax.numpy: what these two lack."""

from __future__ import annotations

from collections.abc import Sequence

from microgradcnn.engine.table.elementary import FAR, NEAR, SPLIT


def _listed(numbers: Sequence[float]) -> str:
    """A tuple, a few numbers a line."""
    lines = [", ".join(map(repr, numbers[i : i + 4])) for i in range(0, len(numbers), 4)]
    return f"({(',' + chr(10) + ' ' * 9).join(lines)})"


# The functions that expressions call, and what these need in turn.
NEEDS = {
    "conv2d": ("unfold",),
    "conv2d_kernel": ("unfold",),
    "conv2d_input": ("fold",),
    "grouped_conv2d": ("unfold", "by_groups"),
    "grouped_conv2d_kernel": ("unfold", "by_groups"),
    "grouped_conv2d_input": ("fold", "by_groups"),
    "fold": ("add_at",),
    "scatter": ("add_at",),
    "add_to": ("add_at",),
    "take": ("whole",),
    "index_add": ("add_to", "whole"),
    "take_along_axis": ("whole",),
    "scatter_add": ("add_to", "whole"),
    "avg_pool2d": ("unfold",),
    "max_pool2d": ("unfold",),
}
DEFINITIONS = {
    "add_at": '''
def add_at(out, index, g, xp):
    """out with g added at that index, where an array may name a place twice."""
    if xp is not numpy:
        return out.at[index].add(g)
    numpy.add.at(out, index, g)
    return out
''',
    "scatter": '''
def scatter(g, index, shape, xp):
    """Zeros to which g is added at that index: what x[index] sends back to x."""
    return add_at(xp.zeros(shape, xp.asarray(g).dtype), index, g, xp)
''',
    "add_to": '''
def add_to(shape, places, g, xp):
    """Zeros of a shape to which g is added at places that are counted through all of them."""
    out = xp.zeros(int(numpy.prod(shape)), g.dtype)
    return xp.reshape(add_at(out, xp.ravel(places), xp.ravel(g), xp), shape)
''',
    "whole": '''
def whole(indices, xp):
    """Places as integers; what is no whole number is far out, where no axis reaches."""
    found = xp.asarray(indices).astype(int)
    return xp.where(found == indices, found, 2**31 - 1)
''',
    "index_add": '''
def index_add(g, indices, axis, length, xp):
    """Zeros to which g is added at these places along an axis: what take sends back."""
    g, indices = xp.asarray(g), whole(indices, xp)
    axis = axis % (g.ndim - indices.ndim + 1)
    shape = (*g.shape[:axis], length, *g.shape[axis + indices.ndim :])
    places = xp.reshape(xp.arange(int(numpy.prod(shape))), shape)
    return add_to(shape, xp.take(places, indices, axis), g, xp)
''',
    "scatter_add": '''
def scatter_add(g, indices, axis, length, xp):
    """Zeros to which g is added at these places along an axis: what take_along_axis sends back."""
    axis = axis % g.ndim
    shape = (*g.shape[:axis], length, *g.shape[axis + 1 :])
    places = xp.reshape(xp.arange(int(numpy.prod(shape))), shape)
    return add_to(shape, xp.take_along_axis(places, whole(indices, xp), axis), g, xp)
''',
    "logsumexp": '''
def logsumexp(x, axis, keepdims, xp):
    """log(sum(exp(x))), from the largest x, which cannot overflow."""
    top = xp.max(x, axis, keepdims=True, initial=-xp.inf)
    top = xp.where(xp.isfinite(top), top, 0.0)
    total = xp.log(xp.sum(xp.exp(x - top), axis, keepdims=keepdims))
    return total + xp.reshape(top, total.shape)
''',
    "log_softmax": '''
def log_softmax(x, axis, xp):
    """x - log(sum(exp(x))), from the largest x: no number near 1 is rounded before its logarithm is taken."""
    if not x.size:
        return x
    top = xp.expand_dims(xp.argmax(x, axis), axis)
    shifted = x - xp.take_along_axis(x, top, axis)
    places = xp.reshape(xp.arange(x.shape[axis]), [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    rest = xp.where(places == top, 0.0, xp.exp(shifted))
    return shifted - xp.log1p(xp.sum(rest, axis, keepdims=True))
''',
    "erf": f'''
def erf(x, xp):
    """The error function, by the rational approximations of W. J. Cody, Math. Comp. 23 (1969)."""

    def ratio(z, above, below):
        p, q = above[0], below[0]
        for a, b in zip(above[1:], below[1:]):
            p, q = p * z + a, q * z + b
        return p / q

    size = xp.minimum(xp.abs(x), 6.0)
    near = x * ratio(
        size * size,
        {_listed(NEAR[0])},
        {_listed(NEAR[1])},
    )
    far = 1.0 - xp.exp(-size * size) * ratio(
        size,
        {_listed(FAR[0])},
        {_listed(FAR[1])},
    )
    return xp.where(size <= {SPLIT}, near, xp.copysign(far, x))
''',
    "unfold": '''
def unfold(x, size, stride, xp, padding=((0, 0), (0, 0)), dilation=(1, 1), beyond=0.0):
    """The windows of images (n, c, h, w), as (n, c, rows, columns, *size), with the same number beyond the edges."""
    x = xp.pad(x, ((0, 0), (0, 0), *padding), constant_values=beyond)
    rows, columns = ((x.shape[2 + i] - dilation[i] * (size[i] - 1) - 1) // stride[i] + 1 for i in (0, 1))

    def part(i, j):
        i, j = dilation[0] * i, dilation[1] * j
        return x[:, :, i : i + stride[0] * rows : stride[0], j : j + stride[1] * columns : stride[1]]

    return xp.stack([xp.stack([part(i, j) for j in range(size[1])], axis=-1) for i in range(size[0])], axis=-2)
''',
    "fold": '''
def fold(windows, image, stride, xp, padding=((0, 0), (0, 0)), dilation=(1, 1)):
    """Every window added back to where unfold took it from, as (n, c, *image)."""
    n, c, rows, columns, kh, kw = windows.shape
    (top, bottom), (left, right) = padding
    out = xp.zeros((n, c, top + image[0] + bottom, left + image[1] + right), windows.dtype)
    for i in range(kh):
        for j in range(kw):
            y, x = dilation[0] * i, dilation[1] * j
            place = (slice(y, y + stride[0] * rows, stride[0]), slice(x, x + stride[1] * columns, stride[1]))
            out = add_at(out, (slice(None), slice(None), *place), windows[..., i, j], xp)
    return out[:, :, top : top + image[0], left : left + image[1]]
''',
    "conv2d": '''
def conv2d(x, w, stride, padding, xp, dilation=(1, 1)):
    """The cross-correlation of images (n, c, h, w) with kernels (filters, c, kh, kw)."""
    windows = unfold(x, w.shape[2:], stride, xp, [(p, p) for p in padding], dilation)
    return xp.transpose(xp.tensordot(windows, w, ((1, 4, 5), (1, 2, 3))), (0, 3, 1, 2))
''',
    "conv2d_input": '''
def conv2d_input(g, w, stride, padding, image, xp, dilation=(1, 1)):
    """What conv2d sends back to its images, from g = df/dy."""
    windows = xp.transpose(xp.tensordot(g, w, ((1,), (0,))), (0, 3, 1, 2, 4, 5))
    return fold(windows, image, stride, xp, [(p, p) for p in padding], dilation)
''',
    "conv2d_kernel": '''
def conv2d_kernel(x, g, stride, padding, size, xp, dilation=(1, 1)):
    """What conv2d sends back to its kernels, from g = df/dy."""
    windows = unfold(x, size, stride, xp, [(p, p) for p in padding], dilation)
    return xp.tensordot(g, windows, ((0, 2, 3), (0, 2, 3)))
''',
    "by_groups": '''
def by_groups(x, axis, groups, xp):
    """x with an axis for the groups before that axis, which they share out."""
    return xp.reshape(x, (*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :]))
''',
    "grouped_conv2d": '''
def grouped_conv2d(x, w, stride, padding, groups, xp, dilation=(1, 1)):
    """conv2d of every group of channels with its own kernels, (filters, c / groups, kh, kw) altogether."""
    windows = unfold(x, w.shape[2:], stride, xp, [(p, p) for p in padding], dilation)
    y = xp.einsum("ngcrsij,gfcij->ngfrs", by_groups(windows, 1, groups, xp), by_groups(w, 0, groups, xp))
    return xp.reshape(y, (y.shape[0], w.shape[0], *y.shape[3:]))
''',
    "grouped_conv2d_input": '''
def grouped_conv2d_input(g, w, stride, padding, image, groups, xp, dilation=(1, 1)):
    """What grouped_conv2d sends back to its images, from g = df/dy."""
    windows = xp.einsum("ngfrs,gfcij->ngcrsij", by_groups(g, 1, groups, xp), by_groups(w, 0, groups, xp))
    windows = xp.reshape(windows, (g.shape[0], groups * w.shape[1], *windows.shape[3:]))
    return fold(windows, image, stride, xp, [(p, p) for p in padding], dilation)
''',
    "grouped_conv2d_kernel": '''
def grouped_conv2d_kernel(x, g, stride, padding, size, groups, xp, dilation=(1, 1)):
    """What grouped_conv2d sends back to its kernels, from g = df/dy."""
    windows = unfold(x, size, stride, xp, [(p, p) for p in padding], dilation)
    w = xp.einsum("ngcrsij,ngfrs->gfcij", by_groups(windows, 1, groups, xp), by_groups(g, 1, groups, xp))
    return xp.reshape(w, (g.shape[1], *w.shape[2:]))
''',
}
