"""The benchmarks compute what they say: ours against NumPy written by hand, without the peers and without a clock."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradcnn.engine.gradient import topological

BENCHMARKS = Path(__file__).parent / "benchmarks"
SHARED = {"harness", "peers"}
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("*.py") if path.stem not in SHARED)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a benchmark by name, and forgets it and its harness afterwards."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in {*SHARED, *SCRIPTS} - before:
        sys.modules.pop(name, None)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder for what the jit backend compiles."""
    monkeypatch.setenv("MICROGRADCNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_clock(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples of a single step, without a rest."""
    harness = script("harness")
    for name in ("REST", "SAMPLE", "WARM"):
        monkeypatch.setattr(harness, name, 0.0)


def test_no_benchmark_is_collected_as_a_test() -> None:
    eager = ["deep_chain", "eager_scalar", "eager_tensor", "import_time"]
    compiled = ["lenet", "moons_mlp", "scalar_mlp", "sequences", "single_layer", "small_convolution", "table"]
    compiled += ["compile_times", "dense_layers", "roofline"]
    assert sorted([*eager, *compiled, "pictures"]) == SCRIPTS
    assert not [path.name for path in BENCHMARKS.rglob("*.py") if path.name.startswith("test_")]


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "table"])
def test_every_script_takes_record_and_refuses_a_busy_machine(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    harness, benchmark = script("harness"), script(name)
    for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(harness, "used_by_others", lambda: 1.0)
    monkeypatch.setattr(sys, "argv", [name, "--record"])
    with pytest.raises(SystemExit) as ended:
        benchmark.main()
    assert ended.value.code == 2
    assert "the machine is busy: other processes use 100% of a core" in capsys.readouterr().err


def test_eager_scalar_is_the_network_that_it_says(script: Any) -> None:
    benchmark = script("eager_scalar")
    step, parameters = benchmark.ours()
    loss = step()

    points, targets = map(np.array, benchmark.data())
    layers = [np.array([[*ws, b] for ws, b in layer]) for layer in benchmark.weights()]
    inputs, h = [], points
    for layer in layers:
        inputs.append(np.c_[h, np.ones(len(h))])
        h = inputs[-1] @ layer.T
        h = h if layer is layers[-1] else np.maximum(h, 0.0)
    margins = 1.0 - targets * h[:, 0]
    penalty = benchmark.PENALTY
    assert loss == pytest.approx(np.maximum(margins, 0.0).mean() + penalty * sum(np.sum(w * w) for w in layers))

    g, gradients = np.where(margins > 0.0, -targets, 0.0)[:, None] / len(points), []
    for layer, x in zip(reversed(layers), reversed(inputs), strict=True):
        gradients.insert(0, g.T @ x + 2.0 * penalty * layer)
        g = (g @ layer[:, :-1]) * (x[:, :-1] > 0.0)
    assert [p.grad for p in parameters] == pytest.approx(np.concatenate([gradient.ravel() for gradient in gradients]))


@pytest.mark.parametrize("contender", ["ours", "ours_writeable"])
def test_eager_tensor_is_the_step_that_it_says(script: Any, contender: str) -> None:
    benchmark = script("eager_tensor")
    for size in benchmark.SIZES:
        x, y, S, w = benchmark.data(*size)
        task = getattr(benchmark, contender)(x, y, S, w)
        task.step()
        f, gradient_S, gradient_w = task.outcome()  # after one step
        for _ in range(2):
            h = 1.0 / (1.0 + np.exp(-x @ S.T))
            residual = h @ w - y
            g = residual * (2.0 / len(y))
            by_hand = [np.mean(residual**2), (h * (1.0 - h) * w * g[:, None]).T @ x, g @ h]
            S, w = S - benchmark.RATE * by_hand[1], w - benchmark.RATE * by_hand[2]
        for found, expected in zip([f, gradient_S, gradient_w], by_hand, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_deep_chain_checks_its_own_gradient(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = script("deep_chain")
    links = 5 * sys.getrecursionlimit()
    found = benchmark.measure(links)
    assert set(found) == {"seconds", "bytes"}
    monkeypatch.setattr("microgradcnn.engine.value.Value.backward", lambda y: None)
    with pytest.raises((ValueError, TypeError)):
        benchmark.chain(10)


def test_roofline_counts_what_a_step_computes(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dense layer: x·w twice, forward and back, 2 operations a product; the update of w takes 2 a weight."""
    from microgradcnn import Value

    benchmark = script("roofline")
    n, m, k = 3, 4, 5
    x, w = np.ones((n, m)), Value(np.full((m, k), 0.1))
    counts = [benchmark.operations(loss, [w]) for loss in ((x @ w).sum(), (x @ w).exp().sum())]
    forward, added = n * k * (2 * m - 1), n * k - 1
    assert counts[1] == forward + added + n * k * benchmark.A_FUNCTION + m * k * (2 * n - 1) + 2 * m * k
    assert counts[0] < counts[1]

    monkeypatch.setattr(benchmark, "COPIED", 1 << 12)
    task, moved = benchmark.copies()
    task.step()
    assert moved == 2 << 12
    task, count = benchmark.products(256, np.float32)
    task.step()
    assert count == 4 * 2 * 256**3


@pytest.mark.slow
def test_import_time_imports_what_it_says(script: Any) -> None:
    benchmark = script("import_time")
    assert benchmark.IMPORTS["microgradcnn"].endswith("microgradcnn")
    assert all(benchmark.wall(code) > 0.0 for code in (*benchmark.IMPORTS.values(), benchmark.HELP))


def test_pictures_are_of_the_networks_that_it_says(script: Any) -> None:
    benchmark = script("pictures")
    for rows, width in ((1, 3), (2, 2)):
        loss = benchmark.perceptron(rows, width)
        leaves = [node for node in topological(loss) if node.op is None]
        assert len(leaves) == 2 * width + width**2 + width + 2 * rows
        assert benchmark.seconds(loss) > 0.0
    assert list(benchmark.SIZES.values()) == [0.1, 1.0, 5.0]


def test_the_harness_refuses_what_is_not_the_same_computation(script: Any) -> None:
    harness = script("harness")
    one = np.array([1.0, 2.0])
    harness.check_equal({"a": [one], "b": [one * (1.0 + 1e-12)]}, 1e-9)
    with pytest.raises(ValueError, match=r"b is 1\.0e-06 away from a"):
        harness.check_equal({"a": [one], "b": [np.array([1.0, 2.0 + 2e-6])]}, 1e-9)


def test_the_harness_refuses_other_shapes_and_what_is_no_number(script: Any) -> None:
    harness = script("harness")
    with pytest.raises(ValueError, match=r"b gives shape \(1, 2\), a \(2,\)"):
        harness.check_equal({"a": [np.ones(2)], "b": [np.ones((1, 2))]}, 1e-9)
    with pytest.raises(ValueError, match="b is nan away"):
        harness.check_equal({"a": [np.ones(2)], "b": [np.array([1.0, np.nan])]}, 1e-9)


def descent(harness: Any, rate: float, slope: float = 2.0) -> Any:
    """Gradient descent on p², with a step or a slope that may be wrong."""
    p = np.array([1.0, -2.0])

    def step() -> None:
        p[...] -= rate * 2.0 * p

    return harness.Task(step, lambda: harness.numbers(p @ p, [slope * p], [p]))


@pytest.mark.slow
@pytest.mark.usefixtures("no_clock")
@pytest.mark.parametrize("wrong", [{"rate": 0.1, "slope": 2.1}, {"rate": 0.11}, {"rate": -0.1}])
def test_a_wrong_gradient_and_a_wrong_update_are_caught_before_any_sample(script: Any, wrong: Any) -> None:
    harness = script("harness")
    tasks = {"right": descent(harness, 0.1), "right too": descent(harness, 0.1)}
    assert set(harness.medians(tasks, rounds=1)) == set(tasks)
    with pytest.raises(ValueError, match=r"wrong is .* away from right: not the same computation"):
        harness.medians({"right": descent(harness, 0.1), "wrong": descent(harness, **wrong)})


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("moons_mlp", None),
        ("scalar_mlp", (1,)),
        ("scalar_mlp", (200,)),
        ("single_layer", (1, 2, 3)),
        ("single_layer", (100, 2, 3)),
        ("single_layer", (1000, 30, 20)),
        ("small_convolution", (1,)),
        ("small_convolution", (100,)),
    ],
)
def test_the_compiled_programs_and_the_numpy_that_they_are_measured_by_compute_the_same(
    script: Any, name: str, size: Any
) -> None:
    benchmark, harness = script(name), script("harness")
    by_hand = {peer: make for peer, make in benchmark.PEERS.items() if peer.startswith(("NumPy", "HIPS"))}
    assert len(by_hand) == 3
    arguments = benchmark.data(*size) if size else []
    harness.check_tasks({peer: make(*arguments) for peer, make in (by_hand | benchmark.OURS).items()})


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_lenet_is_the_same_by_hand_eager_and_compiled(script: Any) -> None:
    benchmark, harness = script("lenet"), script("harness")
    arguments = benchmark.data(20)
    makers = {"NumPy": benchmark.PEERS["NumPy"], **benchmark.OURS}
    assert len(makers) == 4
    harness.check_tasks({name: make(*arguments) for name, make in makers.items()}, benchmark.TOLERANCE)


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [("rnn", (4, 3, 5, 6)), ("mlp", (5, 2, 7, 3, 8)), ("gpt", (3, 4, 6, 8))],
    ids=["rnn", "mlp", "gpt"],
)
def test_sequences_are_the_same_eager_and_compiled(script: Any, kind: str, sizes: tuple[int, ...]) -> None:
    benchmark, harness = script("sequences"), script("harness")
    data, loss, _ = benchmark.WAYS[kind]
    arrays, parameters = data(np.float64, *sizes)
    tasks = {"eager": benchmark.eager(loss, arrays, parameters)}
    tasks["numpy"] = benchmark.compiled("numpy", loss, arrays, parameters)
    harness.check_tasks(tasks, 1e-12)


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_dense_layers_and_calls_with_strided_columns_compute_the_same(script: Any) -> None:
    dense, convolution, harness = script("dense_layers"), script("small_convolution"), script("harness")
    arguments = dense.data(20)
    makers = {"NumPy": dense.PEERS["NumPy"], **dense.OURS}
    harness.check_tasks({name: make(*arguments) for name, make in makers.items()}, dense.TOLERANCE)
    _, _, parameters = convolution.data(1)
    calls = {"NumPy": convolution.numpy_by_calls, "ours": convolution.ours_by_calls}
    harness.check_tasks({name: make(20, parameters) for name, make in calls.items()})


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("kind", ["network", "chain"])
def test_compile_times_are_those_of_one_program(script: Any, kind: str) -> None:
    benchmark = script("compile_times")
    found = [benchmark.first_step(kind, "100", backend) for backend in ("jit", "auto", "numpy")]
    assert [f["loss"] for f in found] == pytest.approx([found[0]["loss"]] * 3, rel=1e-10)
    assert all(50 < f["lines"] < 200 for f in found)


def test_the_default_without_llvmlite_is_numpy(script: Any) -> None:
    benchmark, harness = script("scalar_mlp"), script("harness")
    before = {name: sys.modules.get(name) for name in ("llvmlite", "llvmlite.binding")}
    arguments = benchmark.data(3)
    makers = {name: benchmark.OURS[name] for name in ("microgradcnn, numpy", "microgradcnn, default without jit")}
    tasks = {name: make(*arguments) for name, make in makers.items()}
    harness.check_tasks(tasks)
    assert len({type(task.step.func.__self__).__name__ for task in tasks.values()}) == 1
    assert {name: sys.modules.get(name) for name in before} == before


@pytest.mark.usefixtures("no_clock")
def test_a_busy_machine_is_not_recorded(script: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    harness = script("harness")
    makers = {"NumPy": lambda: descent(harness, 0.1)}, {"ours": lambda: descent(harness, 0.1)}
    for share, refused in ((0.05, False), (0.4, True)):
        monkeypatch.setattr(harness, "used_by_others", lambda share=share: share)
        for options in ([], ["--record"], ["--record", "--check"]):
            run = harness.Benchmark("some.py", [1], ["--rounds", "1", *options])
            if refused and options == ["--record"]:
                with pytest.raises(SystemExit) as ended:
                    run.compare("a title", *makers)
                assert ended.value.code == 2
            else:
                run.compare("a title", *makers)
    said = capsys.readouterr().err
    assert "error: the machine is busy: other processes use 40% of a core, and what is recorded may meet with" in said


def test_what_others_use_is_a_share_of_a_core(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = script("harness")
    clocks = {"perf_counter": [0.0, 2.0], "machine": [10.0, 11.0]}
    monkeypatch.setattr(harness.time, "perf_counter", lambda: clocks["perf_counter"].pop(0))
    monkeypatch.setattr(harness.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(harness, "_machine_seconds", lambda: clocks["machine"].pop(0))
    monkeypatch.setattr(harness.os, "times", lambda: (3.0, 1.0, 0.0, 0.0, 0.0))
    assert harness.used_by_others() == 0.5


def test_products_alone_can_be_taken_in_parts(script: Any) -> None:
    for parts in (1, 2):
        for name in ("lenet", "dense_layers"):
            script("harness").products(script(name).layers, 8, parts).step()


def test_single_layer_is_the_loss_that_it_says(script: Any) -> None:
    benchmark = script("single_layer")
    x, y, (S, w) = benchmark.data(50, 4, 3)
    loss, gradient, parameters = benchmark.numpy_blocked(x, y, (S, w)).outcome()
    h = 1.0 / (1.0 + np.exp(-x @ S.T))
    residual = h @ w - y
    g = residual * (2.0 / 50)
    by_hand = np.concatenate([((h * (1.0 - h) * w * g[:, None]).T @ x).ravel(), g @ h])
    assert loss == pytest.approx(np.mean(residual**2))
    np.testing.assert_allclose(gradient, by_hand, rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(parameters, [*S.ravel(), *w])


def test_moons_mlp_is_micrograds_network_in_another_order(script: Any) -> None:
    step, parameters = script("eager_scalar").ours()
    np.testing.assert_allclose(script("moons_mlp").by_neuron(), [step(), *(p.grad for p in parameters)], rtol=1e-9)


@pytest.mark.slow
@pytest.mark.usefixtures("no_clock")
def test_moons_mlp_measures_compiling(script: Any, cache: Path) -> None:
    assert 0.0 < script("moons_mlp").compiling() < 60.0
    assert list(cache.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("no_clock", "cache")
def test_small_convolution_measures_what_numpy_computes(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = script("small_convolution")
    found = benchmark.measure(1000, benchmark.ALL)
    assert set(found) == {"seconds", "bytes", "unclean"}
    monkeypatch.setattr(benchmark, "by_hand", lambda columns, parameters: [np.float64(0.0), np.zeros(10)])
    with pytest.raises(ValueError, match="not the same computation"):
        benchmark.measure(1000, benchmark.ALL)


def test_small_convolution_adds_up_parts_of_the_rows(script: Any) -> None:
    benchmark = script("small_convolution")
    images, y, parameters = benchmark.data(25)
    columns = [*images.reshape(25, 9).T, y]
    loss, gradient, _ = benchmark.numpy_lean(images, y, parameters).outcome()
    found = benchmark.by_hand(columns, parameters, length=10)
    np.testing.assert_allclose(np.concatenate([found[0][None], found[1]]), [loss, *gradient], rtol=1e-11)


@pytest.mark.slow
@pytest.mark.usefixtures("no_clock")
def test_a_peer_that_is_not_installed_is_left_out_but_we_are_not(script: Any, capsys: Any) -> None:
    harness = script("harness")

    def absent() -> Any:
        raise ImportError("no module named torch")

    def present() -> Any:
        return descent(harness, 0.1)

    run = harness.Benchmark("some.py", [1, 10], ["--rounds", "1", "10"])
    assert run.parts == ["10"]
    found = run.compare("a title", {"ours": present}, {"NumPy": present, "torch": absent}, runs=2)
    assert found.missing == ["torch"]
    assert [set(seconds) for seconds in found.runs] == [{"ours", "NumPy"}] * 2
    assert "torch does not take part: no module named torch" in capsys.readouterr().err
    with pytest.raises(ImportError):
        run.compare("a title", {"ours": absent}, {"NumPy": present})

    assert harness.Benchmark("some.py", [1], ["--check"]).compare("a title", {"ours": present}, {}) is None
    assert capsys.readouterr().out == "a title: ours compute the same\n"
    with pytest.raises(SystemExit):
        harness.Benchmark("some.py", [1, 10], ["7"])
    assert "no part '7': there are 1, 10" in capsys.readouterr().err


def test_a_share_is_the_median_of_the_runs_and_names_the_peer_of_that_run(script: Any) -> None:
    harness = script("harness")
    runs = [{"ours": 1.0, "a": 2.0, "b": 4.0}, {"ours": 3.0, "a": 2.0, "b": 1.0}, {"ours": 3.0, "a": 9.0, "b": 5.0}]
    found = harness.Comparison(runs, ["c"])
    assert found.seconds == {"ours": 3.0, "a": 2.0, "b": 4.0}
    target = found.share("ours", ["a", "b", "c"], 0.5)
    assert target == harness.Target(0.6, 0.5, ours="ours", peer="b")
    assert not target.holds
    assert harness.Target(0.6, 0.5, least=True).holds
    assert not harness.Target(float("nan"), 0.5).holds


def test_results_are_recorded_in_the_place_of_earlier_ones(
    script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    harness = script("harness")
    monkeypatch.setattr(harness, "SPEED", tmp_path / "speed.json")
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    for part, value in [("10", 0.6), ("1", 0.2), ("10", 0.4)]:
        run = harness.Benchmark("folder/some.py", [1, 10], ["--record"])
        targets = {"a share": harness.Target(value, 0.5, ours="ours", peer="a")}
        run.report(part, f"n = {part}", {"ours": value, "a": 1.0}, targets)
        assert run.held == (value <= 0.5)
    printed = capsys.readouterr().out
    assert printed.count("holds (a)") == 2
    assert printed.count("MISSED (a)") == 1
    found = json.loads((tmp_path / "speed.json").read_text(encoding="utf-8"))
    assert list(found["some"]) == ["1", "10"]
    assert found["some"]["10"]["targets"]["a share"]["value"] == 0.4
    assert len((tmp_path / "results" / "results.jsonl").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.slow
def test_the_peak_of_memory_is_not_that_of_the_process_that_started_this_one() -> None:
    program = "import numpy as np, harness; before = harness.peak_memory(); np.ones(8_000_000)"
    program += "; print(before, harness.peak_memory())"
    much = np.ones(64_000_000)  # 512 MB here, which are not there
    done = subprocess.run([sys.executable, "-c", program], cwd=BENCHMARKS, capture_output=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < much.nbytes / 2
    assert 60e6 < after - before < 80e6


def test_a_machine_is_described_without_its_name(script: Any) -> None:
    facts = script("harness").machine()
    assert set(facts) == {"cores", "processor", "system", "versions"}
    assert facts["versions"]["numpy"] == np.__version__


MACHINE = {
    "cores": 2,
    "processor": "Some Processor, AVX2",
    "system": "Linux",
    "versions": {"Python": "3.11", "numpy": "2"},
}
SHARE = {"value": 0.25, "limit": 0.4, "least": False, "ours": "microgradcnn, jit", "peer": "jax.jit", "unit": ""}
SPEED: dict[str, Any] = {
    "moons_mlp": {
        "step": {
            "title": "moons",
            "machine": MACHINE,
            "seconds": {"microgradcnn, jit": 2e-6, "jax.jit": 8e-6, "micrograd": 0.0876},
            "missing": ["mygrad"],
            "unclean": 0,
            "targets": {
                "a share": SHARE,
                "times": SHARE | {"value": 43_800.0, "limit": 30_000.0, "least": True, "peer": "micrograd"},
            },
        },
        "compile": {
            "title": "compiled",
            "machine": MACHINE,
            "seconds": {},
            "missing": [],
            "unclean": 3,
            "targets": {"cold": {"value": 2.5, "limit": 2.0, "least": False, "ours": "", "peer": "", "unit": "s"}},
        },
    }
}
TABLE = """\
| benchmark | measured | ours | fastest peer | result | target |
| --- | --- | --- | --- | --- | --- |
| moons | a share | 2.00 µs | jax.jit: 8.00 µs | 0.25 | ≤ 0.4 |
|  | times | 2.00 µs | micrograd: 87.6 ms | 43,800 | ≥ 30,000 |
| compiled | cold |  |  | 2.50 s | ≤ 2 s, **missed** |

Medians of a training step (loss, gradients, update) in float64 or the type named; all compute the same.
2 cores, Some Processor, AVX2, Linux; Python 3.11, numpy 2.
Not installed, so not among the peers: mygrad.
The machine was not always quiet during: compiled."""


def test_the_table_says_what_the_results_say(script: Any) -> None:
    table = script("table")
    assert table.table(SPEED) == TABLE
    with pytest.raises(ValueError, match="no results"):
        table.table({})
    other = json.loads(json.dumps(SPEED))
    other["moons_mlp"]["compile"]["machine"]["cores"] = 4
    first, second = table.table(other).split("\n\n| benchmark")
    assert "| moons |" in first
    assert "compiled" not in first
    assert "2 cores" in first
    assert "| compiled |" in second
    assert "4 cores" in second


def test_the_table_goes_between_its_markers_and_nowhere_else(script: Any) -> None:
    table = script("table")
    text = f"before\n{table.BEGIN}\nan old table\n{table.END}\nafter\n"
    new = table.written(text, SPEED)
    assert new == f"before\n{table.BEGIN}\n{TABLE}\n{table.END}\nafter\n"
    assert table.written(new, SPEED) == new
    for broken in ("", table.BEGIN, table.END + table.BEGIN, text + text):
        with pytest.raises(ValueError, match="there must be one"):
            table.written(broken, SPEED)


def test_the_table_script_writes_the_page_and_checks_it(
    script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    table = script("table")
    page, speed = tmp_path / "speed.md", tmp_path / "speed.json"
    monkeypatch.setattr(table, "PAGE", page)
    monkeypatch.setattr(table, "SPEED", speed)
    page.write_text(f"{table.BEGIN}\n{table.END}\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["table.py"])
    assert table.main() == 1
    assert "speed.json is not there: run the benchmarks with --record" in capsys.readouterr().err

    speed.write_text(json.dumps(SPEED), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["table.py", "--check"])
    assert table.main() == 1
    monkeypatch.setattr(sys, "argv", ["table.py"])
    assert table.main() == 0
    assert TABLE in page.read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["table.py", "--check"])
    assert table.main() == 0


def test_the_guide_has_the_table_of_the_recorded_results(script: Any) -> None:
    table = script("table")
    text = table.PAGE.read_text(encoding="utf-8")
    assert text.count(table.BEGIN) == text.count(table.END) == 1
    results = [json.loads(table.SPEED.read_text(encoding="utf-8"))] if table.SPEED.exists() else []
    assert [table.written(text, found) for found in results] == [text] * len(results)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5e-8, "25.0 ns"), (9.9999e-7, "1.00 µs"), (1.5e-5, "15.0 µs"), (0.0876, "87.6 ms"), (12.34, "12.3 s")],
)
def test_durations_have_three_digits(script: Any, seconds: float, text: str) -> None:
    assert script("harness").duration(seconds) == text
