r"""A student's formula as a graph: Python-like or LaTeX-like text read into Values by recursive descent.

Nothing but arithmetic on known names is read: a tokenizer, recursive descent, and bounds on length, depth, numbers,
exponents and steps. The text is never handed to Python. The same things may be written in many ways:

    2*(a + b)  2(a + b)  2\cdot(a+b)  2·\left(a + b\right)       products, also by juxtaposition
    \frac{a}{b}  \frac12  a/b  ½  x^2  x**2  x²  x^{-1}           quotients and powers
    √f  \sqrt f  \sqrt{f}  sqrt(f)  |x|  ⌊x⌋  \sin(x)  σ(x)  σ'(x)    functions
    z_1  z1  z_{1}  z₁  \hat{y}  ŷ  y_hat  yhat  \lambda  λ         names
    max(a, b)  own_hypot(a, b)  leaky(a, 0.25)  leaky(a, slope=0.25)     several arguments, the static ones last
    where(a > 0, 1, 0.25)  {1 if a > 0, else ¼}                   one of two numbers
    {1 if a > b, ½ if a = b, else 0}                              one of several
    [a_1 > 0]  (a_1 > 0)  1[a_1 > 0]  step(a_1)                  1 where it holds, otherwise 0

What could be read in two ways is read so: * and / and juxtaposition bind alike and go from left to right, so √f/4(…) is
(√f/4)·(…) and 1/2 x is (1/2)·x; a root without brackets takes the next number, name or bracket; -x^2 is -(x^2); x^12
is x to the 12th; z_12 and z12 have index 12 (or 1 and 2, where only z_1_2 is known); letters that are no name are a
product of names (wx is w·x); without such a name π is the number and e^{x} is exp(x); σ is the graph's activation. The
lecture's p_{47}, pixel 7 in the window whose first pixel is 4, is p_7. Every primitive of numbers is a function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeAlias

from microgradcnn.engine import functions as mg
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.tokens import CLOSING, FRACTIONS, SPELLINGS, FormulaError, Names, Token, shown, tokenize
from microgradcnn.views.formulas.arguments import settings
from microgradcnn.views.formulas.expression import Expr, call
from microgradcnn.views.formulas.mathml import Typed
from microgradcnn.views.formulas.notation import formula

# The most characters, brackets in brackets, exponent, number and steps that are read.
LENGTH, DEPTH, EXPONENT, LARGEST, STEPS = 4000, 40, 20.0, 1e9, 40_000
_MOST_WRITTEN = 200  # parts of a formula that is written anew

Leaf: TypeAlias = Callable[[str], Value]


def parse(text: str, names: Names, leaf: Leaf = lambda label: Value(math.nan, label=label)) -> Value:
    """The graph of the formula in `text`; a number is a leaf without a label.

    `leaf` gives the Value of a name, each time that the name is mentioned. Raises FormulaError, in one sentence, for
    what is no formula in these names.
    """
    parser = _Parser(names, leaf)
    try:
        return Context().run(parser.formula, text)  # recorded under no_grad() too, and nothing for mg.debug() to see
    except FormulaError as error:
        error.steps = parser.steps
        raise


def write(answer: Value, text: str) -> str:
    """The graph of the formula in `text` as it was understood, on one line, in a notation that can be read again.

    What has very many parts, or primes in primes, or an =, which is read in some places alone, stays as it was typed.
    """
    parts: dict[Value, int] = {}
    for node in topological(answer):
        parts[node] = 1 + sum(parts.get(p, 1) for p in node.parents)
    if parts[answer] > _MOST_WRITTEN or any(node.op is not None and node.op.name == "equal" for node in parts):
        return text.strip()
    own: dict[Value, Expr] = {}  # a user's functions by their names: a notation may repeat what is in it
    for node in topological(answer):
        if node.op is not None and node.op.name not in mg.BUILT_IN:
            static = settings(node.op.name, node.static).values()
            own[node] = call(node.op.name, *(formula(p, own) for p in node.parents), *static)
    return Typed()(formula(answer, own))


def _holds(condition: Value) -> Any:
    """1 where it holds, otherwise 0."""
    return mg.where(condition, 1.0, 0.0)


def _where(holds: Value, a: Value, b: Value) -> Any:
    """a where a comparison holds, otherwise b. Raises FormulaError for any other condition."""
    inside = [(p.label, p.data) for p in holds.parents]
    if holds.op is None or holds.op.name != "where" or inside[1:] != [(None, 1.0), (None, 0.0)]:
        raise FormulaError("a condition is a comparison, such as a > 0")
    return mg.where(holds.parents[0], a, b)


# The functions that are no primitives, and the one that takes a comparison.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "step": lambda a: _holds(a > 0.0),
    "relu'": lambda a: _holds(a > 0.0),
    "sigmoid'": lambda a: mg.sigmoid(a) * (1.0 - mg.sigmoid(a)),
    "tanh'": lambda a: 1.0 - mg.square(mg.tanh(a)),
    "where": _where,
}


def _constant(x: Value) -> float:
    """A static argument, whole where it can be. Raises ValueError for one that is no finite number."""
    if any(node.label is not None for node in topological(x)) or not math.isfinite(x.item()):
        raise ValueError("a static argument is a number")
    return int(x.item()) if x.item().is_integer() else x.item()


_STARTS = ("name", "function", "\\sqrt", "\\frac", *CLOSING)


class _Parser:
    def __init__(self, names: Names, leaf: Leaf) -> None:
        self.names, self.leaf, self.tokens, self.at = names, leaf, list[Token](), 0
        self.depth, self.bars, self.steps = 0, 0, 0

    def formula(self, text: str) -> Value:
        if len(text) > LENGTH:
            raise FormulaError(f"the formula has {len(text)} characters: {LENGTH} are the most")
        for token in tokenize(text.rstrip(), self.names):
            self.step()
            self.tokens.append(token)
        self.tokens.append(Token("end", "the end", len(text.rstrip()) + 1))
        found = self.sum()
        if self.kind != "end":
            raise self.unexpected()
        return found

    def step(self) -> None:
        self.steps += 1
        if self.steps > STEPS:
            raise FormulaError(f"the formula takes more than {STEPS} steps to read")

    @property
    def kind(self) -> str:
        return self.tokens[self.at].kind

    def take(self) -> Token:
        self.step()
        self.at += 1
        return self.tokens[self.at - 1]

    def unexpected(self) -> FormulaError:
        token = self.tokens[self.at]
        text = token.text if token.kind == "end" else shown(token.text)
        return FormulaError(f"{text} in column {token.column} is not expected there")

    def expect(self, kind: str) -> None:
        if self.kind != kind:
            raise FormulaError(f"{self.unexpected()}: {kind} is missing")
        self.take()

    def sum(self) -> Value:
        minus = self.signs()
        total = _negative(self.product(), minus)
        while self.kind in ("+", "-"):
            total = total - self.product() if self.take().kind == "-" else total + self.product()
        return total

    def product(self) -> Value:
        total = self.signed()
        while True:
            if self.kind == "*":
                self.take()
                total = total * self.signed()
            elif self.kind == "/":
                self.take()
                total = total / self.signed()
            elif self.kind in _STARTS or (self.kind == "|" and not self.bars):
                total = total * self.power()
            elif self.kind == "number" and [t.text for t in self.tokens[self.at : self.at + 2]] == ["1", "["]:
                self.take()  # the 1 of 1[a > 0]
            elif self.kind == "number":
                raise FormulaError(f"{self.unexpected()}: write the number in front, or * before it")
            else:
                return total

    def signs(self) -> bool:
        """Whether the signs that stand here make a minus."""
        minus = False
        while self.kind in ("+", "-"):
            minus ^= self.take().kind == "-"
        return minus

    def signed(self) -> Value:
        minus = self.signs()
        return _negative(self.power(), minus)

    def power(self) -> Value:
        base = self.atom()
        if self.kind != "^":
            return base
        exponent = self.exponent()
        inside = topological(exponent)
        numbers = [x.item() for x in inside if x.op is None and x.label is None]
        named = any(x.label is not None for x in inside)
        powers = any(x.op is not None and x.op.name in ("power", "pow", "exp") for x in inside)
        if max(numbers, default=0.0) > EXPONENT or powers or (len(numbers) > 2 and not named):
            raise FormulaError(f"an exponent is a number up to {EXPONENT:.0f}, a fraction or a name: no powers in it")
        power: Value = mg.power(base, exponent if named else exponent.item())
        return power

    def exponent(self) -> Value:
        self.take()
        minus = self.signs()
        exponent = self.number() if self.kind == "raised" else self.atom()
        if self.kind == "^":
            raise FormulaError(f"a power of a power in column {self.tokens[self.at].column}: put brackets")
        return _negative(exponent, minus)

    def atom(self) -> Value:
        if self.depth == DEPTH:
            raise FormulaError(f"the formula is nested more than {DEPTH} deep")
        self.depth += 1
        found = self.inside()
        self.depth -= 1
        return found

    def inside(self) -> Value:
        kind = self.kind
        if kind == "number":
            return self.number()
        if kind == "name":
            return self.leaf(self.take().text)
        if kind == "function":
            return self.call()
        if kind in CLOSING:
            ((_, found),) = self.arguments(most=1)
            return found.floor() if kind == "⌊" else found
        if kind == "\\sqrt":
            self.take()
            if self.kind == "[":
                raise FormulaError("only square roots are known: write x^{1/3} for others")
            return self.atom().sqrt()
        if kind == "\\frac":
            self.take()
            return self.digit() / self.digit()
        if kind == "|":
            return self.absolute()
        raise self.unexpected()

    def number(self) -> Value:
        token = self.take()
        value = FRACTIONS[token.text] if token.text in FRACTIONS else float(token.text)
        if abs(value) > LARGEST:
            raise FormulaError(f"the number in column {token.column} is too large: {LARGEST:.0e} is the most")
        return _negative(Value(abs(value)), value < 0)

    def digit(self) -> Value:
        """What \\frac takes: something in braces, a name, or one digit."""
        token = self.tokens[self.at]
        if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            self.tokens[self.at : self.at + 1] = [
                Token("number", token.text[0], token.column),
                Token("number", token.text[1:], token.column + 1),
            ]
        return self.atom()

    def call(self) -> Value:
        token = self.take()
        if token.text == "e":
            return self.exponent().exp()
        function = SPELLINGS.get(token.text, token.text)
        if function == "sigma":
            function = self.names.activation
        if self.kind == "'":
            self.take()
            function += "'"
        known = _FUNCTIONS.get(function) or self.names.functions.get(function)
        if known is None or self.kind not in ("(", "[", "{"):
            raise FormulaError(f"{token.text} in column {token.column} is a function: write {token.text}(...)")
        inputs, static = self.names.parameters(function)
        given, names = self.arguments(), iter([*inputs, *static])
        found = {name or next(names, ""): value for name, value in given}
        try:
            if len(found) < len(given) or "" in found:
                raise TypeError("an argument is given twice, or there are too many")
            values = [found.pop(name) for name in inputs]
            result: Value = known(*values, **{name: _constant(x) for name, x in found.items()})
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            called = f"{token.text}({', '.join([*inputs, *static])})"
            point = ", and decimals take a point" if len(given) > len(inputs) else ""
            raise FormulaError(f"{token.text} in column {token.column} is called as {called}{point}") from error
        return result

    def arguments(self, most: int = LENGTH) -> list[tuple[str, Value]]:
        """What stands in brackets, and the names that static arguments have there."""
        closing, bars, self.bars = CLOSING[self.take().kind], self.bars, 0
        found = [self.argument()]
        while self.kind == "," and len(found) < most:
            self.take()
            found.append(self.argument())
        self.expect(closing)
        self.bars = bars
        return found

    def argument(self) -> tuple[str, Value]:
        name, found = self.take().text if self.kind == "static" else "", self.compared()
        if self.kind == "if":
            self.take()
            condition = self.compared()
            found = _where(condition, found, self.otherwise())
        return name, found

    def otherwise(self) -> Value:
        """What follows a case: another one, which may be that of equality, or what there is else."""
        if self.kind != ",":
            self.expect("else")
            return self.compared()
        self.take()
        found = self.compared()
        self.expect("if")
        condition = self.compared()
        if self.kind == "=":
            self.take()
            condition = _holds(mg.equal(condition, self.sum()))
        return _where(condition, found, self.otherwise())

    def compared(self) -> Value:
        found = self.sum()
        if self.kind in ("<", ">", "<=", ">="):
            sign, other = self.take().kind, self.sum()
            more, less = (found, other) if sign[0] == ">" else (other, found)
            found = _holds(more >= less if "=" in sign else more > less)
        return found

    def absolute(self) -> Value:
        self.take()
        self.bars += 1
        found = self.sum()
        self.expect("|")
        self.bars -= 1
        return abs(found)


def _negative(x: Value, minus: bool) -> Value:
    return -x if minus else x
