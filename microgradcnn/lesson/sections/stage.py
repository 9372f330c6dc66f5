"""The scenes that run in the browser on one set of numbers: a number to drag, forward, the loss, paths, windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from html import escape
from xml.sax.saxutils import quoteattr

import numpy as np

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.lesson.layers import incoming
from microgradcnn.lesson.schematic import schematic, sliding
from microgradcnn.lesson.sections.array_graph import ELEMENTARY, MOVING, array_graph, called, parts
from microgradcnn.lesson.sections.subject import Pieces, Subject, representatives
from microgradcnn.networks import Network
from microgradcnn.targets.export.javascript import function
from microgradcnn.views.answers.edits.program import nodes_of
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import Expr, equation, substituted, symbol
from microgradcnn.views.pages.assets import asset, compact, literal, name_script
from microgradcnn.views.pages.exercise import loss_graph
from microgradcnn.views.pages.templates import math_pieces

MOST_ROWS = 60  # of the forward pass; of more the first and the last
MOST_CELLS, MOST_ARRAYS = 150, 6  # numbers of an array that are shown, and arrays on the way to the loss
ASIDE = {*ELEMENTARY, *MOVING}  # what these give is not shown
SCRIPTS = (  # of a network over arrays
    *("arrays/elements.js", "arrays/shapes.js", "arrays/axes.js", "arrays/products.js", "lesson/elements.js"),
    *("lesson/boxes.js", "lesson/guess.js", "lesson/graph_steps.js", "lesson/array_graph.js"),
    "lesson/array_opening.js",
)
SLIDER = (
    '<label class="slider"><span class="hidden">its number</span><input name="number" type="range" step="any">'
    "<output></output></label>"
)
DESCENT = """<p class="buttons"><button type="button" name="descend">A step of descent</button>
<button type="button" name="train">Train</button>
<label>at rate <input name="rate" inputmode="decimal" value="0.1" size="5"></label></p>
"""
STEPS = """<p class="buttons"><button type="button" name="first">Start</button>
<button type="button" name="back">Step back</button> <button type="button" name="next">Next step</button>
<button type="button" name="last">Backward pass</button> <span class="where"></span></p>
<p class="told wide" aria-live="polite"></p>
<div class="ask"></div>
<figure class="wide paths"></figure>"""


def stage(network: Network, about: Subject, key: bool) -> tuple[dict[str, Pieces], str]:
    """The pieces of all scenes that the loss has something for, and the script that they run on.

    With the `key` gradients are shown at once, else when somebody has guessed them. Raises ValueError for a loss that
    cannot be written as a program.
    """
    if not about.scalar:
        return _array_stage(about, key)
    graph = Graph(about.loss)
    found: dict[str, Pieces] = {
        "network": {"opening": _opening(network, about)},
        "forward": {"rows": "".join(_rows(about, graph))},
    }
    calls = ['opening(scene("network"), live);', 'forward(scene("forward"), live);']
    if about.parameters:
        found |= {"loss": {"formula": math_pieces(_defined(graph, about.loss))}, "path": {}, "paths": {}}
        calls += [f'{call}(scene("{name}"), live);' for name, call in WALKS.items()]
    if not key:
        found["graph"] = {"graph": STEPS}
        calls.append('graphSteps(scene("graph"), live, scalarSteps(live));')
    if acts := _acts(network, about):
        found["windows"] = {"drawing": sliding(network, f"drawn-{network.name}", loss=False)}
        calls.append(f'windows(scene("windows"), live, {literal(acts)});')
    start = f"const live = new Live({literal(_told(about, key))}, {loss_graph(about.loss, [])});"
    scene = "const scene = (name) => document.getElementById(name);"
    return found, "\n".join([start, scene, *calls])


WALKS = {"loss": "lossCurve", "path": "onePath", "paths": "allPaths"}


def _told(about: Subject, key: bool) -> dict[str, object]:
    """What the script knows besides the graph."""
    numbers = {str(leaf.label): leaf.item() for leaf in [*about.parameters.values(), *about.given]}
    kinds = representatives(about)
    return {
        "numbers": numbers,
        "weights": list(about.parameters),
        "f": about.loss.label or "f",
        "weight": kinds[-1] if kinds else "",
        "open": key,
    }


def _opening(network: Network, about: Subject) -> str:
    """A list of the leaves, a slider, what comes out of it, and the drawing of the network, or of its graph."""
    targets = [leaf for leaf in about.given if str(leaf.label).partition("_")[0] == "y"]
    inputs = [leaf for leaf in about.given if leaf not in targets]
    groups = {"Weights": list(about.parameters.values()), "Inputs": inputs, "Targets": targets}
    options = "".join(
        f"<optgroup label={quoteattr(name)}>{''.join(map(_option, leaves))}</optgroup>"
        for name, leaves in groups.items()
        if leaves
    )
    outputs = [node for node in about.found if str(node.label).startswith("y_hat")]
    read = "".join(f"<span>{_name(v)} = <output data-read={quoteattr(str(v.label))}></output></span> " for v in outputs)
    aim = "".join(f"<span>{_name(v)} = <output data-read={quoteattr(str(v.label))}></output></span> " for v in targets)
    f = about.loss.label or "f"
    loss = f'<span class="loss">{notation.mathml(symbol(f))} = <output data-read={quoteattr(f)}></output><i></i></span>'
    picture = schematic(network, equations=False)
    figure = f'<figure class="network wide">{picture}</figure>' if picture else '<figure class="wide paths"></figure>'
    hint = ' <span class="hint">or drag a number below</span>' if picture else ""
    return f"""<div class="opening"><div class="controls">
<p class="readings">{read}{aim}{loss}</p>
<p><label>change <select name="which">{options}</select></label></p>
<p>{SLIDER}</p>
<p class="buttons"><button type="button" name="reset">As it was</button>{hint}</p>
</div>{figure}</div>"""


def _name(v: Value) -> str:
    return notation.mathml(symbol(str(v.label)))


def _option(leaf: Value) -> str:
    label = str(leaf.label)
    return f"<option value={quoteattr(label)}>{escape(notation.text(symbol(label)))}</option>"


def _defined(graph: Graph, node: Value) -> Expr:
    return equation(graph.names[node], graph.definition(node))


def _rows(about: Subject, graph: Graph) -> Iterator[str]:
    """A line for every named node that is computed: its formula, the same with numbers, and its number."""
    places = {node: i for i, node in enumerate(nodes_of(about.loss))}
    slots = {name: Expr("slot", value=("value", places[node])) for node, name in graph.names.items() if node in places}
    nodes = [node for node in topological(about.loss) if node.op is not None and node in graph.names]
    left_out = len(nodes) - MOST_ROWS
    shown = nodes if left_out <= 0 else [*nodes[: MOST_ROWS // 2], *nodes[-MOST_ROWS // 2 :]]
    for i, node in enumerate(shown):
        if left_out > 0 and i == MOST_ROWS // 2:
            yield f'<li class="dots" data-place="{places[node]}">{left_out} more<output hidden></output></li>'
        definition = graph.definition(node)
        numbers = math_pieces(substituted(definition, slots))
        yield (
            f'<li data-place="{places[node]}"><div class="wide">{math_pieces(equation(graph.names[node], definition))}'
            f'<span class="numbers" hidden> = {numbers} = <output></output></span></div></li>'
        )


def _acts(network: Network, about: Subject) -> Mapping[str, list[tuple[str, str]]]:
    """Of every weight that acts in several places these: the unit, and what the weight multiplies there."""
    found: dict[str, list[tuple[str, str]]] = {}
    for unit, sources in incoming(network.hand_example()).items():
        for source, weight in sources.items():
            if weight in about.parameters:
                found.setdefault(weight, []).append((str(unit.label), str(source.label)))
    return {weight: places for weight, places in found.items() if len(places) > 1}


def array_scripts() -> str:
    """What runs in a page of a network over arrays."""
    return "\n".join([name_script(), *map(asset, SCRIPTS)])


def _array_stage(about: Subject, key: bool) -> tuple[dict[str, Pieces], str]:
    """Arrays as tiles, of which one number is changed: the loss, and all arrays on the way to it.

    These descend as well. Without the `key`, steps through the graph, whose gradients are guessed.
    """
    leaves = [*about.parameters.values(), *about.given]
    few = [leaf for leaf in leaves if np.size(leaf.data) <= MOST_CELLS]
    if not few:
        raise ValueError("all of its arrays are too large for their numbers to be shown")
    kept = _on_the_way(about.loss)
    names = called(about.loss, kept)
    told = {
        "leaves": [_array(leaf, str(leaf.label)) for leaf in leaves],
        "shown": [leaves.index(leaf) for leaf in few],
        "steps": [_array(v, names[v]) for v in kept],
        "f": about.loss.label or "f",
    }
    graph: str | None = None
    with suppress(ValueError):  # of what JavaScript cannot compute the first scene has what it can
        graph = array_graph(about, kept)
    program = "null" if graph else compact(function([about.loss, *kept], leaves))
    opening = f"""<div class="opening arrays"><div class="controls">
<p class="readings"><span class="loss"><output></output><i></i></span></p>
<p class="told"></p>
<p>{SLIDER}</p>
<p class="buttons"><button type="button" name="reset">As it was</button></p>
{DESCENT if graph else ""}</div><div class="wide grids"></div></div>"""
    found: dict[str, Pieces] = {"network": {"opening": opening}}
    if not key:
        stepped = f'{STEPS}\n<div class="wide grids"></div>' if graph else "<p>It cannot be stepped through here.</p>"
        found["graph"] = {"graph": stepped}
    scene = "null" if key or not graph else 'document.getElementById("graph")'
    start = f'arrayOpening(document.getElementById("network"), {literal(told)}, {program}'
    return found, f"{start}, {f'new ArrayGraph({graph})' if graph else 'null'}, {scene});"


def _on_the_way(loss: Value) -> list[Value]:
    """The arrays on the way to the loss that are shown; of too many the last of those with a name, layer or step."""
    small = [v for v in topological(loss) if v.op is not None and 1 < np.size(v.data) <= MOST_CELLS]
    meant = {v: v.label or name for v, name in parts(loss).items()}
    named = [v for v in small if v.label or meant.get(v)]
    found = [v for v in small if v in named or (v.op is not None and v not in meant and v.op.name not in ASIDE)]
    return (named if len(found) > MOST_ARRAYS and named else found)[-MOST_ARRAYS:]


def _array(v: Value, name: str) -> dict[str, object]:
    return {"name": name, "shape": list(v.shape), "numbers": [float(x) for x in np.ravel(v.data)]}
