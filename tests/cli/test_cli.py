"""The command line as its users meet it: what it prints, what it writes, its exit codes, and their mistakes."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import needs_pdflatex
from many_cases import slow_but

from microgradcnn.cli import main
from microgradcnn.cli.commands import train
from microgradcnn.networks import NETWORKS, Network

FORMULA = "(sigmoid(w*x + b) - y)**2"


@pytest.fixture
def table(tmp_path):
    """A CSV file that a straight line through the origin separates."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 2))
    lines = [f"{a:.6f},{b:.6f},{'yes' if a + b > 0 else 'no'}" for a, b in rows]
    path = tmp_path / "table.csv"
    path.write_text("a,b,label\n" + "\n".join(lines) + "\n")
    return path


def run(capsys, *arguments):
    """The exit code, standard output and standard error of one command."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    return code, out, err


def test_networks(capsys):
    code, out, err = run(capsys, "networks")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [*NETWORKS, "lenet"]
    code, out, _ = run(capsys, "networks", "--json")
    assert [row["network"] for row in json.loads(out)] == [*NETWORKS, "lenet"]


def test_train_and_predict(capsys, table, tmp_path):
    code, out, err = run(capsys, "train", "single_layer", "--data", table, "--out", tmp_path / "run", "--epochs", 300)
    assert (code, err) == (0, "")
    assert "48 rows to train on, 12 to test on" in out
    assert "\ncomputed by numpy\n" in out
    assert "0 is no, 1 is yes" in out
    with open(tmp_path / "run" / "history.csv") as stream:
        history = list(csv.DictReader(stream))
    assert list(history[0]) == ["epoch", "rate", "loss", "gradient_norm", "mean_squared_error", "accuracy"]
    assert float(history[-1]["loss"]) < float(history[0]["loss"])

    parameters = tmp_path / "run" / "parameters.npz"
    code, out, _ = run(capsys, "predict", "single_layer", "--parameters", parameters, "--data", table, "--json")
    predicted = json.loads(out)
    assert code == 0
    assert len(predicted["predictions"]) == 60
    assert predicted["accuracy"] >= 0.9
    assert {row["class"] for row in predicted["predictions"]} == {"yes", "no"}
    for row in predicted["predictions"]:
        assert row["class"] == ("yes" if row["prediction"] >= 0.5 else "no")


def test_predict_takes_a_file_without_labels(capsys, table, tmp_path):
    run(capsys, "train", "single_layer", "--data", table, "--out", tmp_path, "--epochs", 50)
    bare = tmp_path / "bare.csv"
    bare.write_text("a,b\n" + "".join(line.rsplit(",", 1)[0] + "\n" for line in table.read_text().splitlines()[1:]))
    arguments = ("predict", "single_layer", "--parameters", tmp_path / "parameters.npz", "--json", "--data")
    with_labels, without = (json.loads(run(capsys, *arguments, path)[1]) for path in (table, bare))
    assert without["predictions"] == with_labels["predictions"]
    assert without["accuracy"] is None


def test_predict_shrinks_as_training_did(capsys, tmp_path):
    data = ("--data", "digits", "--classes", "6,7")
    run(capsys, "train", "conv_linear", *data, "--shrink", 3, "--epochs", 300, "--out", tmp_path)
    parameters = tmp_path / "parameters.npz"
    code, out, _ = run(capsys, "predict", "conv_linear", "--parameters", parameters, *data)
    assert code == 0
    assert float(out.rsplit("accuracy ", 1)[1]) >= 0.95


def test_train_json_and_options(capsys, table, tmp_path):
    options = ("--hidden", 2, "--activation", "relu", "--regularise", 0, "--rate", 0.05, "--schedule", "cosine")
    more = (
        "--optimiser",
        "adam",
        "--batch",
        16,
        "--epochs",
        40,
        "--seed",
        2,
        "--no-scale",
        "--out",
        tmp_path,
        "--json",
    )
    code, out, err = run(capsys, "train", "single_layer", "--data", table, *options, *more)
    record = json.loads(out)
    assert (code, err) == (0, "")
    assert (record["rate"], record["epochs"], record["classes"]) == (0.05, 40, ["no", "yes"])
    with np.load(record["parameters"]) as saved:
        assert saved["parameter_S"].shape == (2, 2)
        assert np.array_equal(saved["scale"], np.ones(2))


def test_target_by_name_and_by_number(capsys, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("kind,a,b\n" + "".join(f"{i % 2},{i},{-i}\n" for i in range(20)))
    for target in ("kind", "0", "-3"):
        arguments = ("--data", path, "--target", target, "--epochs", 2, "--out", tmp_path)
        assert run(capsys, "train", "single_layer", *arguments)[0] == 0


@pytest.mark.parametrize("name", slow_but("single_layer", "conv_average", among=NETWORKS))
def test_gradcheck(capsys, name):
    code, out, _ = run(capsys, "gradcheck", name)
    assert code == 0
    assert "every gradient is right" in out
    record = json.loads(run(capsys, "gradcheck", name, "--json")[1])
    assert record["right"]
    assert len(record["checks"]) == 4


def test_gradcheck_says_no_to_a_wrong_closed_form(capsys, monkeypatch):
    true = Network.closed_form
    monkeypatch.setattr(Network, "closed_form", lambda *a: {k: g * (1 + 1e-6) for k, g in true(*a).items()})
    code, out, _ = run(capsys, "gradcheck", "conv_linear")
    assert code == 1
    assert "a gradient is wrong" in out


MISTAKES = [
    (["tran"], "did you mean train?"),
    (["train", "singel_layer", "--data", "side"], "did you mean single_layer?"),
    (["train", "single_layer"], "--data"),
    (["train", "single_layer", "--data", "sidee"], "side"),
    (["train", "single_layer", "--data", "none.csv"], "none.csv does not exist"),
    (["train", "conv_average", "--data", "digits"], "--classes"),
    (["train", "conv_average", "--data", "digits", "--classes", "6,11"], "no class '11'"),
    (["train", "conv_average", "--data", "digits", "--classes", "6"], "two different classes"),
    (["train", "conv_average", "--data", "digits", "--classes", "6,7", "--kernel", "9"], "9×9"),
    (["train", "conv_average", "--data", "side", "--shrink", "4"], "4×4"),
    (["train", "conv_average", "--data", "wedge"], "no square image"),
    (["train", "conv_average", "--data", "side", "--hidden", "2"], "--hidden is not for conv_average"),
    (["train", "single_layer", "--data", "side", "--filters", "2"], "--filters is not for single_layer"),
    (["train", "single_layer", "--data", "side", "--hidden", "0"], "at least 1"),
    (["train", "single_layer", "--data", "side", "--rate", "-1"], "positive"),
    (["train", "single_layer", "--data", "side", "--rate", "fast"], "fast"),
    (["train", "single_layer", "--data", "side", "--regularise", "nan"], "'nan' is no number"),
    (["train", "single_layer", "--data", "side", "--schedule", "cosin"], "did you mean cosine?"),
    (["train", "single_layer", "--data", "side", "--out", "file"], "file cannot be written"),
    (["predict", "single_layer", "--parameters", "file", "--data", "side"], "no parameters file"),
    (["predict", "single_layer", "--parameters", "none.npz", "--data", "side"], "does not exist"),
    (["gradcheck", "conv_averag"], "did you mean conv_average?"),
    (["explain", "conv_averag", "--wrt", "c_1"], "did you mean conv_average?"),
    (["explain", "conv_average"], "--wrt"),
    (["explain", "conv_average", "--wrt", "c_11"], "did you mean c_1?"),
    (["explain", "conv_average", "--wrt", "c_1", "--format", "latx"], "did you mean latex?"),
    (["explain", "conv_average", "--wrt", "c_1", "--rate", "0"], "the learning rate must be a positive number"),
    (["explain", "conv_average", "--wrt", "c_1", "--out", "nowhere/page.tex"], "nowhere/page.tex cannot be written"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=1"], "--at gives no number for x: write --at w=1,x=1"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=1,x"], "'x' is no name=number: write it as in w=1,x=2"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=1,x=nan"], "'x=nan' is no name=number"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=1,w=2"], "w is given twice"),
    (["explain", "w*(x", "--wrt", "w"], "column 5"),
    (["explain", "w*x", "--wrt", "w", "--activation", "relu"], "--activation is for networks"),
    (["ledger", "nowhere.py:f"], "nowhere.py does not exist"),
    (["source", "w*x", "--arrays"], "--arrays is for networks and files"),
]


@pytest.mark.parametrize(("arguments", "says"), MISTAKES, ids=[" ".join(a) or "nothing" for a, _ in MISTAKES])
def test_a_mistake_gets_one_sentence_and_exit_code_2(capsys, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("not a folder")
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_a_history_that_cannot_be_written_takes_no_parameters_with_it(capsys, table, tmp_path):
    (tmp_path / "run" / "history.csv").mkdir(parents=True)
    code, _, err = run(capsys, "train", "single_layer", "--data", table, "--out", tmp_path / "run", "--epochs", 5)
    assert (code, "history.csv cannot be written" in err) == (2, True)
    parameters = ("--parameters", tmp_path / "run" / "parameters.npz")
    assert run(capsys, "predict", "single_layer", *parameters, "--data", table)[0] == 0


def test_predict_refuses_another_network_and_other_columns(capsys, table, tmp_path):
    run(capsys, "train", "single_layer", "--data", table, "--out", tmp_path, "--epochs", 5)
    parameters = ("--parameters", tmp_path / "parameters.npz")
    code, _, err = run(capsys, "predict", "conv_average", *parameters, "--data", table)
    assert code == 2
    assert "holds a single_layer" in err
    code, _, err = run(capsys, "predict", "single_layer", *parameters, "--data", "side")
    assert code == 2
    assert "9 input columns" in err


def test_divergence_names_the_epoch_and_a_rate(capsys, table, tmp_path):
    arguments = ("--data", table, "--rate", 1e9, "--out", tmp_path)
    code, out, err = run(capsys, "train", "single_layer", *arguments)
    assert (code, out) == (1, "")
    assert "diverged at epoch" in err
    assert "try 0." in err


def test_a_dead_start_is_said_and_answers_no(capsys, tmp_path):
    path = tmp_path / "negative.csv"
    path.write_text("a,b,label\n" + "".join(f"{i},{i + 1},{i % 2}\n" for i in range(20)))
    arguments = ("--data", path, "--hidden", 1, "--activation", "relu", "--no-scale", "--out", tmp_path)
    codes = {}
    for seed in range(6):
        code, out, _ = run(capsys, "train", "single_layer", *arguments, "--seed", seed, "--epochs", 2)
        codes[code] = out
    assert set(codes) == {0, 1}
    assert "a dead start" in codes[1]


@pytest.mark.slow
def test_no_progress_bar_and_no_colour_into_a_pipe(tmp_path):
    command = [sys.executable, "-m", "microgradcnn", "train", "conv_average", "--data", "side", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "\r" not in done.stdout
    assert "\033" not in done.stdout
    assert "converged at epoch" in done.stdout


@pytest.mark.slow
def test_the_reader_of_a_pipe_may_leave(tmp_path):
    command = f"{sys.executable} -m microgradcnn networks | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_in_training_keeps_the_best_parameters(capsys, table, tmp_path, monkeypatch):
    from microgradcnn.training.loop import LectureLoop

    measure, epochs = LectureLoop.measure, []

    def interrupted(*arguments):
        epochs.append(1)
        if len(epochs) == 30:
            raise KeyboardInterrupt
        return measure(*arguments)

    monkeypatch.setattr(LectureLoop, "measure", interrupted)
    code, out, _ = run(capsys, "train", "single_layer", "--data", table, "--out", tmp_path)
    assert code == 130
    assert "interrupted at epoch 28" in out
    monkeypatch.undo()
    code, out, _ = run(
        capsys, "predict", "single_layer", "--parameters", tmp_path / "parameters.npz", "--data", table, "--json"
    )
    assert code == 0
    assert json.loads(out)["accuracy"] > 0.8


def test_ctrl_c_elsewhere_is_one_word(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "load", interrupted)
    code, out, err = run(capsys, "train", "single_layer", "--data", "side")
    assert (code, out, err) == (130, "", "microgradcnn: interrupted\n")


def test_source_prints_a_program_that_runs(capsys):
    code, out, _ = run(capsys, "source", "conv_average", "--wrt", "c_1")
    assert code == 0
    assert "df_da_4 = df_dz_1 * dz_4_da_4  # df/dz_4 * dz_4/da_4" in out
    namespace = {}
    exec(out, namespace)
    pixels, c = np.linspace(-1.0, 1.0, 9), np.array([0.3, -0.2, 0.5, 0.1])
    loss, (gradient,) = namespace["program"](*pixels, 0.7, *c)
    windows = pixels[[[0, 1, 3, 4], [1, 2, 4, 5], [3, 4, 6, 7], [4, 5, 7, 8]]]
    z = 1.0 / (1.0 + np.exp(-windows @ c))
    error = z.mean() - 0.7
    assert loss == pytest.approx(error**2, rel=1e-12)
    assert gradient == pytest.approx(0.5 * error * np.sum(z * (1.0 - z) * windows[:, 0]), rel=1e-12)


def test_source_over_arrays_and_as_json(capsys):
    code, out, _ = run(capsys, "source", "single_layer", "--arrays", "--regularise", "0.1", "--json")
    record = json.loads(out)
    assert (code, record["wrt"]) == (0, ["S", "w"])
    assert "def program(x, y, S, w, xp=numpy):" in record["source"]


def test_source_over_arrays_of_some_gradients(capsys):
    code, out, _ = run(capsys, "source", "single_layer", "--arrays", "--wrt", "w")
    assert code == 0
    namespace = {}
    exec(out, namespace)
    rng = np.random.default_rng(0)
    x, y, S, w = rng.normal(size=(5, 2)), rng.normal(size=5), rng.normal(size=(3, 2)), rng.normal(size=3)
    loss, (gradient,) = namespace["program"](x, y, S, w)
    z = 1.0 / (1.0 + np.exp(-x @ S.T))
    assert loss == pytest.approx(np.mean((z @ w - y) ** 2), rel=1e-12)
    np.testing.assert_allclose(gradient, z.T @ (z @ w - y) * 2.0 / 5.0, rtol=1e-12)
    _, out, _ = run(capsys, "source", "lenet", "--arrays", "--wrt", "11.bias,0.weight")
    assert out.endswith("return loss, [dloss_d_11_bias, dloss_d_0_weight]\n")
    code, _, err = run(capsys, "source", "lenet", "--arrays", "--wrt", "0.weight", "--backend", "jit")
    assert (code, err.count("leave out --wrt or --backend")) == (2, 1)


@pytest.mark.parametrize(
    ("backend", "sign"), [("numpy", "def first("), ("jit", "define double @step"), ("jax", "lambda")]
)
def test_source_of_a_backend(capsys, backend, sign, tmp_path, monkeypatch):
    monkeypatch.setenv("MICROGRADCNN_CACHE", str(tmp_path))
    code, out, _ = run(capsys, "source", "two_conv_linear", "--backend", backend)
    assert code == 0
    assert sign in out


def test_source_of_a_parameter_that_is_not_there(capsys):
    code, _, err = run(capsys, "source", "conv_average", "--wrt", "c_7")
    assert code == 2
    assert err.startswith("microgradcnn: conv_average has no 'c_7': did you mean c_4? it has c_1, c_2, c_3, c_4, p_1,")


def test_an_engine_that_is_not_installed_is_one_sentence(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    code, _, err = run(capsys, "train", "conv_average", "--data", "side", "--engine", "jit", "--out", tmp_path)
    assert code == 2
    assert err.endswith("needs llvmlite, which is not installed: pip install 'microgradcnn[jit]'\n")
    assert err.count("\n") == 1


def test_explain_derives_a_gradient(capsys):
    code, out, _ = run(capsys, "explain", "conv_average", "--wrt", "c_1")
    assert code == 0
    assert "½(ŷ − y)[z₁(1 − z₁)p₁ + z₂(1 − z₂)p₂ + z₃(1 − z₃)p₄ + z₄(1 − z₄)p₅]" in out
    assert "✓" in out


def test_explain_derives_a_formula_at_numbers_of_ones_own(capsys):
    formula, at = "z = sigmoid(w*x + b); (z - y)**2", "w=1,x=2,b=0,y=1"
    code, out, _ = run(capsys, "explain", formula, "--at", at, "--wrt", "w,b", "--through", "z", "--rate", 0.5)
    z = 1.0 / (1.0 + np.exp(-2.0))
    slope = 2.0 * (z - 1.0) * z * (1.0 - z)
    assert code == 0
    assert "df/dw = (df/dz)(dz/dw) = 2(z − y)z(1 − z)x" in out
    assert f"{2.0 * slope:.4g}".replace("-", "−") in out
    assert f"{1.0 - 0.5 * 2.0 * slope:.4f}" in out  # the update
    record = json.loads(run(capsys, "explain", formula, "--at", at, "--wrt", "w,b", "--json")[1])
    assert record["gradients"]["w"]["formula"]["python"] == "2*(z - y)*z*(1 - z)*x"
    assert [g["value"] for g in record["gradients"].values()] == pytest.approx([2.0 * slope, slope], rel=1e-12)
    assert record["at"] == {"x": 2.0, "y": 1.0, "w": 1.0, "b": 0.0}
    assert record["loss"] == pytest.approx((z - 1.0) ** 2, rel=1e-12)


def test_explain_through_other_nodes_of_a_network_at_other_numbers(capsys):
    arguments = ("explain", "conv_average", "--wrt", "c1", "--at", "p_1=0,p2=1,y=1,c_1=.5", "--through", "y_hat")
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert "df/dŷ = 2(ŷ − y)" in out
    assert "df/dz" not in out
    code, _, err = run(capsys, *arguments[:-1], "q")
    assert code == 2
    assert "nothing that is called q" in err


@pytest.mark.parametrize(
    ("form", "sign"), [("text", "df/dw₁ = "), ("latex", r"\frac{df}{dw_{1}}"), ("mathml", "<mfrac>")]
)
def test_explain_in_other_languages(capsys, form, sign):
    arguments = ("explain", "single_layer", "--wrt", "w_1,u_2", "--format")
    code, out, _ = run(capsys, *arguments, form)
    record = json.loads(run(capsys, *arguments, "json")[1])
    assert code == 0
    assert sign in out
    assert record[form].rstrip() == out.rstrip()
    assert list(record["gradients"]) == ["w_1", "u_2"]


@pytest.mark.parametrize("suffix", ["txt", "html", "json", "tex"])
def test_explain_writes_a_whole_document(capsys, tmp_path, suffix):
    path = tmp_path / f"page.{suffix}"
    code, out, _ = run(capsys, "explain", FORMULA, "--wrt", "w_<b>", "--out", path)
    assert (code, out) == (2, "")
    assert not path.exists()
    code, out, _ = run(capsys, "explain", FORMULA, "--wrt", "w", "--out", path)
    assert (code, out) == (0, f"written: {path}\n")
    text = path.read_text()
    if suffix == "html":
        assert text.startswith("<!DOCTYPE html>")
        assert text.rstrip().endswith("</html>")
        assert "<title>df/dw of the formula</title>" in text
        assert not re.search(r"(src|href)=|url\(|@import", text)
    elif suffix == "json":
        assert json.loads(text)["graph"] == FORMULA
    else:
        assert text.startswith("1. Loss" if suffix == "txt" else r"\documentclass")


ODD = """
from microgradcnn import Value
f = Value(2.0, label="c_1") * Value(1.0, label="#a_%b&") * Value(1.0, label="<ζ>\\\\")
"""


@pytest.mark.slow
@needs_pdflatex
def test_the_latex_document_compiles(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd.py").write_text(ODD)
    for graph in ("two_conv_linear", "odd.py:f"):
        assert run(capsys, "explain", graph, "--wrt", "c_1", "--out", "page.tex")[0] == 0
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, done.stdout[-2000:]


def test_labels_are_escaped_in_a_page(capsys, tmp_path):
    (tmp_path / "odd.py").write_text(
        "from microgradcnn import Value\nf = Value(2.0, label='<script>alert(1)</script>') * Value(3.0, label='&')\n"
    )
    page, name = tmp_path / "page.html", "<script>alert(1)</script>"
    assert run(capsys, "explain", f"{tmp_path}/odd.py:f", "--wrt", name, "--out", page)[0] == 0
    assert "<script" not in page.read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.read_text()


def test_a_file_in_a_format_of_ones_choice(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "explain", FORMULA, "--wrt", "w", "--format", "latex", "--out", "page.of.mine")[0] == 0
    assert (tmp_path / "page.of.mine").read_text().startswith(r"\documentclass")
    assert run(capsys, "ledger", FORMULA, "--out", "ledger.txt") == (0, "written: ledger.txt\n", "")
    assert "df/dfrom" in (tmp_path / "ledger.txt").read_text()
    for arguments in (("explain", FORMULA, "--wrt", "w", "--out", "page.pdf"), ("ledger", FORMULA, "--out", "l.tex")):
        code, _, err = run(capsys, *arguments)
        assert code == 2
        assert "says no format that there is: end it in .txt" in err


def test_check_says_right_or_names_the_mistake(capsys):
    code, out, _ = run(capsys, "check", "single_layer", "--wrt", "w_1", "--answer", "2(w1*z1 + w2*z2 + w3*z3 - y)*z1")
    assert (code, out.splitlines()[0]) == (0, "Right: this is df/dw_1, proved with SymPy.")
    code, out, _ = run(capsys, "check", "single_layer", "--wrt", "w_1", "--answer", r"\sqrt{f} z_1", "--json")
    record = json.loads(out)
    assert (code, record["right"]) == (1, False)
    assert "√f is |ŷ − y|" in record["verdict"]


def test_check_of_a_formula_with_its_intermediates(capsys):
    named = "z = sigmoid(w*x + b); (z - y)**2"
    assert run(capsys, "check", named, "--wrt", "w", "--answer", "2(z - y)z(1 - z)x")[0] == 0
    code, out, _ = run(capsys, "check", named, "--wrt", "w", "--answer", "-2*(z-y)*z*(1-z)*x")
    assert code == 1
    assert "sign" in out
    code, out, _ = run(capsys, "check", named, "--wrt", "w", "--answer=2(z - y)z*x")
    assert code == 1
    assert "the inner derivative of z is z(1 − z)" in out
    assert run(capsys, "check", "-x^2", "--wrt", "x", "--answer", "-2x")[0] == 0
    assert run(capsys, "check", "conv_average", "--wrt", "z3", "--answer", "(ŷ - y)/2")[0] == 0


SWISH = """
import microgradcnn as mg
from microgradcnn import Value
swish = mg.primitive("swish", lambda x: x / (1.0 + mg.exp(-x)), [lambda g, y, x: g * (mg.sigmoid(x) * (1.0 + x - y))])
w, x, y = Value(0.5, label="w"), Value(2.0, label="x"), Value(1.0, label="y")
f = (swish(w * x) - y) ** 2
"""


@pytest.mark.usefixtures("own_primitives")
def test_an_answer_may_call_a_primitive_of_the_file(capsys, tmp_path):
    (tmp_path / "model.py").write_text(SWISH)
    loss = f"{tmp_path / 'model.py'}:f"
    right = "2(swish(w x) − y)σ(w x)(1 + w x − swish(w x))x"
    code, out, _ = run(capsys, "check", loss, "--wrt", "w", "--answer", right)
    assert (code, out.splitlines()) == (
        0,
        [
            "Right: this is df/dw, at 96 random points.",
            "read as: 2*(swish(w*x) - y)*sigmoid(w*x)*(1 + w*x - swish(w*x))*x",
        ],
    )
    code, out, _ = run(capsys, "check", loss, "--wrt", "w", "--answer", right.replace("(1 + w x − swish(w x))", ""))
    assert code == 1
    code, _, err = run(capsys, "check", loss, "--wrt", "w", "--answer", "swihs(w x)")
    assert code == 2
    assert "swihs is not known here: did you mean swish? (column 1)" in err


@pytest.mark.parametrize("answer", ["__import__('os')", "2**", "zz_1", "9**9**9"])
def test_check_refuses_what_is_no_formula(capsys, answer):
    code, out, err = run(capsys, "check", "single_layer", "--wrt", "w_1", "--answer", answer)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_ledger_lists_what_is_added_up(capsys):
    code, out, _ = run(capsys, "ledger", "conv_average")
    assert code == 0
    assert "c_1 is used 4 times" in out
    code, out, _ = run(capsys, "ledger", "conv_average", "--json")
    entries = json.loads(out)["entries"]
    of_c_1 = [entry for entry in entries if entry[1] == "c_1"]
    assert of_c_1[-1][3] == pytest.approx(sum(entry[2] for entry in of_c_1), rel=1e-12)


def test_ledger_of_a_formula_and_of_a_file(capsys, tmp_path):
    code, out, _ = run(capsys, "ledger", "x*x", "--at", "x=3")
    assert code == 0
    assert "x is used 2 times" in out
    (tmp_path / "model.py").write_text("print('hello')\nfrom microgradcnn import Value\nx = Value(3.0)\nf = x * x\n")
    code, from_file, err = run(capsys, "ledger", f"{tmp_path}/model.py:f")
    assert (code, from_file, err) == (0, out, "hello\n")


def test_ctrl_c_in_a_file_is_one_word(capsys, tmp_path):
    (tmp_path / "model.py").write_text("raise KeyboardInterrupt\n")
    assert run(capsys, "ledger", f"{tmp_path}/model.py:f") == (130, "", "microgradcnn: interrupted\n")


def test_source_of_a_formula_runs(capsys):
    code, out, _ = run(capsys, "source", FORMULA)
    assert code == 0
    namespace = {}
    exec(out, namespace)
    loss, gradients = namespace["program"](2.0, 1.0, 1.0, 0.0)  # x, y, then w, b
    z = 1.0 / (1.0 + np.exp(-2.0))
    assert loss == pytest.approx((z - 1.0) ** 2, rel=1e-12)
    assert gradients == pytest.approx([2.0 * (z - 1.0) * z * (1.0 - z) * k for k in (2.0, 1.0)], rel=1e-12)


def test_source_and_ledger_of_arrays_in_a_file(capsys, tmp_path):
    (tmp_path / "model.py").write_text(
        "from microgradcnn import Value\n"
        "x, S = Value([[1.0, 2.0]], label='x'), Value([[0.5, -0.5]] * 3)\n"
        "loss = (x @ S.T).square().mean()\n"
    )
    code, out, _ = run(capsys, "source", f"{tmp_path}/model.py:loss", "--arrays")
    assert code == 0
    namespace = {}
    exec(out, namespace)
    loss, (gradient,) = namespace["program"](np.array([[1.0, 2.0], [3.0, 1.0]]), np.array([[0.5, -0.5]] * 3))
    assert loss == pytest.approx((0.25 + 1.0) / 2.0, rel=1e-12)
    assert gradient == pytest.approx(np.array([[1.0 / 3.0 * (-0.5 * 1.0 + 1.0 * 3.0), 1.0 / 3.0 * (-1.0 + 1.0)]] * 3))
    code, out, _ = run(capsys, "source", f"{tmp_path}/model.py:loss")
    assert (code, "def program(S, xp=numpy):" in out) == (0, True)
    code, out, _ = run(capsys, "ledger", f"{tmp_path}/model.py:loss", "--json")
    assert json.loads(out)["entries"][-1][1] == "S"


UNDEFINED = "f = NaN is not finite at these numbers: it has no derivative there, and descent no step."
AT = ("log(x)*w", "--at", "x=-1,w=2")


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", *AT, "--wrt", "x"),
        ("explain", *AT, "--wrt", "w,x"),
        ("ledger", *AT),
        ("check", *AT, "--wrt", "x", "--answer", "w/x"),
        ("graph", *AT, "-o", "g.svg"),
        ("graph", *AT, "-o", "g.html"),
    ],
    ids=" ".join,
)
def test_a_loss_that_is_not_finite_is_said_to_be_so(capsys, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert UNDEFINED in out
    assert "nan" not in out or arguments[0] == "ledger"
    code, out, _ = run(capsys, *arguments, "--json")
    record = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert UNDEFINED in (record.get("undefined"), *record.get("notes", ()))
    assert [g["value"] for g in record.get("gradients", {}).values()] in ([], [None], [None, None])
    if arguments[0] == "graph":
        assert "which is NaN and has no derivative there" in (tmp_path / arguments[-1]).read_text()


@pytest.mark.parametrize("suffix", ["txt", "tex", "html", "json"])
def test_it_is_said_in_every_document_too(capsys, tmp_path, suffix):
    path = tmp_path / f"page.{suffix}"
    assert run(capsys, "explain", *AT, "--wrt", "x", "--out", path)[0] == 0
    assert "it has no derivative there" in path.read_text()
    assert "Finite difference" not in path.read_text()
    assert run(capsys, "explain", "sqrt(x)", "--at", "x=0", "--wrt", "x", "--out", path)[0] == 0
    assert "descent has no step there" in path.read_text()
    if suffix == "json":
        gradients = json.loads(path.read_text(), parse_constant=pytest.fail)["gradients"]
        assert gradients["x"]["value"] is None
