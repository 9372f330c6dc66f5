r"""A student's formula: read from Python-like or LaTeX-like text into a small tree, and given its value.

Nothing but arithmetic on known names is read: a tokenizer, recursive descent, and bounds on length, depth, numbers,
exponents and steps. The text is never handed to Python. The same things may be written in many ways:

    2*(a + b)  2(a + b)  2\cdot(a+b)  2·\left(a + b\right)       products, also by juxtaposition
    \frac{a}{b}  \frac12  a/b  ½  x^2  x**2  x²  x^{-1}           quotients and powers
    √f  \sqrt f  \sqrt{f}  sqrt(f)  |x|  \sigma(x)  σ(x)  σ'(x)    functions
    z_1  z1  z_{1}  z₁  \hat{y}  ŷ  y_hat  yhat  \lambda  λ         names
    [a_1 > 0]  (a_1 > 0)  1[a_1 > 0]  step(a_1)                  1 where it holds, otherwise 0

What could be read in two ways is read so: * and / and juxtaposition bind alike and go from left to right, so √f/4(…) is
(√f/4)·(…) and 1/2 x is (1/2)·x; a root without brackets takes the next number, name or bracket alone; -x^2 is -(x^2);
x^12 is x to the 12th; z_12 and z12 have index 12 (or 1 and 2, where only z_1_2 is known); letters that are no name
are a product of names (wx is w·x); e^{x} is exp(x) where no e is known; σ is the activation of the graph. The lecture's
p_{47}, pixel 7 in the window whose first pixel is 4, is p_7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.kernels import sigmoid
from microgradcnn.views.answers.tokens import CLOSING, FRACTIONS, SPELLINGS, FormulaError, Names, Token, shown, tokenize

# The most characters, brackets in brackets, exponent, number and steps that are read.
LENGTH, DEPTH, EXPONENT, LARGEST, STEPS = 4000, 40, 20.0, 1e9, 40_000

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Number:
    """A number ≥ 0, as it was written."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A known name, as the graph spells it."""

    label: str


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of FUNCTIONS and what it is applied to; sums and products have any number of arguments."""

    function: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = Number | Name | Apply


def _slope(value: Any) -> Any:
    return value * (1.0 - value)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sum": lambda *terms: reduce(np.add, terms),
    "product": lambda *factors: reduce(np.multiply, factors),
    "negative": np.negative,
    "inverse": lambda x: np.divide(1.0, x),
    "power": np.power,
    "greater": lambda a, b: np.where(np.greater(a, b), 1.0, 0.0),
    "at least": lambda a, b: np.where(np.greater_equal(a, b), 1.0, 0.0),
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "abs": np.abs,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0.0),
    "step": lambda x: np.where(np.greater(x, 0.0), 1.0, 0.0),
    "sigmoid'": lambda x: _slope(sigmoid(x)),
    "relu'": lambda x: np.where(np.greater(x, 0.0), 1.0, 0.0),
    "tanh'": lambda x: 1.0 - np.tanh(x) ** 2,
}


def evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:
    """The value of a formula at the `values` of its names, numbers or arrays of them, as IEEE arithmetic has it."""
    with np.errstate(all="ignore"):
        return _value(expression, values)


def _value(expression: Expression, values: Mapping[str, Any]) -> Any:
    if isinstance(expression, Number):
        return np.float64(expression.value)
    if isinstance(expression, Name):
        return values[expression.label]
    return FUNCTIONS[expression.function](*[_value(x, values) for x in expression.arguments])


def parts(expression: Expression) -> Iterator[Expression]:
    """The formula and everything inside it, from left to right."""
    yield expression
    if isinstance(expression, Apply):
        for x in expression.arguments:
            yield from parts(x)


def write(expression: Expression) -> str:
    """The formula as it was understood, on one line, with all products and the brackets that they need."""
    return _written(expression, 0)


_STARTS = ("name", "function", "\\sqrt", "\\frac", *CLOSING)
_BINDS = {"sum": 1, "negative": 1, "product": 2, "power": 3}


def _written(x: Expression, least: int) -> str:
    """As text, in brackets if it binds less than `least`."""
    if isinstance(x, Name):
        return x.label
    if isinstance(x, Number):
        return np.format_float_positional(x.value, trim="-")
    first, rest = x.arguments[0], x.arguments[1:]
    if x.function == "sum":
        text = _written(first, 1 if _inside(first, "negative") else 2)
        for term in rest:
            minus = _inside(term, "negative")
            text += f" - {_written(minus, 2)}" if minus else f" + {_written(term, 2)}"
    elif x.function == "product":
        text = _written(first, 3)
        for factor in rest:
            below = _inside(factor, "inverse")
            text += f"/{_written(below, 3)}" if below else f"*{_written(factor, 3)}"
    elif x.function == "negative":
        text = f"-{_written(first, 2)}"
    elif x.function == "power":
        text = f"{_written(first, 4)}^{_written(rest[0], 4)}"
    elif rest:
        return f"[{_written(first, 1)} {'>' if x.function == 'greater' else '>='} {_written(rest[0], 1)}]"
    else:
        return f"{x.function}({_written(first, 1)})"
    return f"({text})" if _BINDS[x.function] < least else text


def _inside(x: Expression, function: str) -> Expression | None:
    """What `function` is applied to, if x is that."""
    return x.arguments[0] if isinstance(x, Apply) and x.function == function else None


def parse(text: str, names: Names) -> Expression:
    """The formula in `text`. Raises FormulaError, in one sentence, for anything else; nothing is evaluated."""
    parser = _Parser(names)
    try:
        return parser.formula(text)
    except FormulaError as error:
        error.steps = parser.steps
        raise


class _Parser:
    def __init__(self, names: Names) -> None:
        self.names, self.tokens, self.at = names, list[Token](), 0
        self.depth, self.bars, self.steps = 0, 0, 0

    def formula(self, text: str) -> Expression:
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

    def sum(self) -> Expression:
        minus = self.signs()
        terms = [_negative(self.product(), minus)]
        while self.kind in ("+", "-"):
            minus = self.take().kind == "-"
            terms.append(_negative(self.product(), minus))
        return terms[0] if len(terms) == 1 else Apply("sum", tuple(terms))

    def product(self) -> Expression:
        factors = [self.signed()]
        while True:
            if self.kind == "*":
                self.take()
                factors.append(self.signed())
            elif self.kind == "/":
                self.take()
                factors.append(Apply("inverse", (self.signed(),)))
            elif self.kind in _STARTS or (self.kind == "|" and not self.bars):
                factors.append(self.power())
            elif self.kind == "number" and [t.text for t in self.tokens[self.at : self.at + 2]] == ["1", "["]:
                self.take()  # the 1 of 1[a > 0]
            elif self.kind == "number":
                raise FormulaError(f"{self.unexpected()}: write the number in front, or * before it")
            else:
                return factors[0] if len(factors) == 1 else Apply("product", tuple(factors))

    def signs(self) -> bool:
        """Whether the signs that stand here make a minus."""
        minus = False
        while self.kind in ("+", "-"):
            minus ^= self.take().kind == "-"
        return minus

    def signed(self) -> Expression:
        minus = self.signs()
        return _negative(self.power(), minus)

    def power(self) -> Expression:
        base = self.atom()
        if self.kind != "^":
            return base
        exponent = self.exponent()
        numbers = [x.value for x in parts(exponent) if isinstance(x, Number)]
        inside = {x.function for x in parts(exponent) if isinstance(x, Apply)}
        named = any(isinstance(x, Name) for x in parts(exponent))
        if max(numbers, default=0.0) > EXPONENT or inside & {"power", "exp"} or (len(numbers) > 2 and not named):
            raise FormulaError(f"an exponent is a number up to {EXPONENT:.0f}, a fraction or a name: no powers in it")
        return Apply("power", (base, exponent))

    def exponent(self) -> Expression:
        self.take()
        minus = self.signs()
        exponent = self.number() if self.kind == "raised" else self.atom()
        if self.kind == "^":
            raise FormulaError(f"a power of a power in column {self.tokens[self.at].column}: put brackets")
        return _negative(exponent, minus)

    def atom(self) -> Expression:
        if self.depth == DEPTH:
            raise FormulaError(f"the formula is nested more than {DEPTH} deep")
        self.depth += 1
        found = self.inside()
        self.depth -= 1
        return found

    def inside(self) -> Expression:
        kind = self.kind
        if kind == "number":
            return self.number()
        if kind == "name":
            return Name(self.take().text)
        if kind == "function":
            return self.call()
        if kind in CLOSING:
            return self.group()
        if kind == "\\sqrt":
            self.take()
            if self.kind == "[":
                raise FormulaError("only square roots are known: write x^{1/3} for others")
            return Apply("sqrt", (self.atom(),))
        if kind == "\\frac":
            self.take()
            above = self.digit()
            return Apply("product", (above, Apply("inverse", (self.digit(),))))
        if kind == "|":
            return self.absolute()
        raise self.unexpected()

    def number(self) -> Expression:
        token = self.take()
        value = FRACTIONS[token.text] if token.text in FRACTIONS else float(token.text)
        if abs(value) > LARGEST:
            raise FormulaError(f"the number in column {token.column} is too large: {LARGEST:.0e} is the most")
        return _negative(Number(abs(value)), value < 0)

    def digit(self) -> Expression:
        """What \\frac takes: something in braces, a name, or one digit."""
        token = self.tokens[self.at]
        if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            self.tokens[self.at : self.at + 1] = [
                Token("number", token.text[0], token.column),
                Token("number", token.text[1:], token.column + 1),
            ]
        return self.atom()

    def call(self) -> Expression:
        token = self.take()
        if token.text == "e":
            return Apply("exp", (self.exponent(),))
        function = SPELLINGS[token.text]
        if function == "sigma":
            function = self.names.activation
        if self.kind == "'":
            self.take()
            function += "'"
        if function not in FUNCTIONS or self.kind not in CLOSING:
            raise FormulaError(f"{token.text} in column {token.column} is a function: write {token.text}(...)")
        return Apply(function, (self.group(),))

    def group(self) -> Expression:
        closing, bars, self.bars = CLOSING[self.take().kind], self.bars, 0
        found = self.sum()
        if self.kind in ("<", ">", "<=", ">="):
            sign, other = self.take().kind, self.sum()
            sides = (found, other) if sign[0] == ">" else (other, found)
            found = Apply("at least" if "=" in sign else "greater", sides)
        self.expect(closing)
        self.bars = bars
        return found

    def absolute(self) -> Expression:
        self.take()
        self.bars += 1
        found = self.sum()
        self.expect("|")
        self.bars -= 1
        return Apply("abs", (found,))


def _negative(x: Expression, minus: bool) -> Expression:
    return Apply("negative", (x,)) if minus else x
