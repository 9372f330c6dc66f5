"""One example of a network in labelled scalars, as the lecture writes it: what goes in, what is computed, its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from microgradcnn.engine.value import Value


@dataclass(frozen=True)
class Example:
    """A network written out for one example: its labelled scalars, its predictions and its loss.

    `parameters` maps labels (`s_1`, `c_4`, `w_2`) to Values in the order of the tensors' elements; `z` holds z_1, ...
    `targets` is y, or 1 for the class of the example and 0 for every other; `outputs` has ŷ, one for each target.
    """

    inputs: list[Value]
    targets: list[Value]
    parameters: dict[str, Value]
    z: list[Value]
    outputs: list[Value]
    loss: Value

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Pickles from before there were several have y and prediction by themselves."""
        if "y" in state:
            state = state | {"targets": [state["y"]], "outputs": [state["prediction"]]}
        self.__dict__.update({name: part for name, part in state.items() if name not in ("y", "prediction")})

    @property
    def y(self) -> Value:
        """The target. Raises ValueError where there are several."""
        return _only(self.targets, "targets")

    @property
    def prediction(self) -> Value:
        """ŷ. Raises ValueError where there are several."""
        return _only(self.outputs, "outputs")


def _only(values: list[Value], name: str) -> Value:
    if len(values) > 1:
        raise ValueError(f"this example has {len(values)} {name}: take .{name}, which is the list of them")
    return values[0]
