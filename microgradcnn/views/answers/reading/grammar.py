"""The grammar of formulas: tokens read into Values by recursive descent."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache, reduce

from microgradcnn.engine import functions as mg
from microgradcnn.engine.value import Value
from microgradcnn.protocols.logic import not_equal
from microgradcnn.views.answers.reading.cursor import check_length
from microgradcnn.views.answers.reading.functions import FUNCTIONS, applied, holds, is_comparison, one_of, raised
from microgradcnn.views.answers.reading.notations import CLOSING, DEFINED, DEPTH, SPELLINGS, TERMS
from microgradcnn.views.answers.reading.quantities import Leaf, Quantities
from microgradcnn.views.answers.reading.vectors import (
    Term,
    added,
    divided,
    dot,
    each,
    multiplied,
    negative,
    number,
    vector,
)
from microgradcnn.views.answers.tokens import FormulaError, Names, Token, shown, tokenize

_STARTS = {"name", "index", "indexed", "vector", "derivative", "function", "sum", "indicator", *CLOSING}
_STARTS |= {"\\sqrt", "\\frac"}
_BARS = ("|", "‖")
_ALONE = ("name", "number", "index", "indexed", "vector", "derivative")  # what a function may be of without brackets


class Grammar(Quantities):
    """A formula by recursive descent: each method reads what is called so, and takes its tokens."""

    def __init__(self, names: Names, leaf: Leaf, most_steps: int) -> None:
        super().__init__(names, leaf, most_steps)
        self.depth, self.bars = 0, ""  # the bars that are open

    def formula(self, text: str) -> Value:
        """The number that a whole text stands for."""
        return number(self.term(text))

    def term(self, text: str) -> Term:
        """The number or the vector that a whole text stands for."""
        check_length(text)
        self.fill(tokenize(text.rstrip(), self.names.also(self.meanings)), len(text.rstrip()))
        found = self.conditional(self.sum())
        if self.kind != "end":
            raise self.unexpected()
        return found

    def explained(self, text: str, others: Mapping[str, str]) -> Term:
        """What a text stands for that explains a name, where the text explains others too."""
        parser = Grammar(self.names, self.leaf, self.most_steps)
        parser.depth, parser.steps, parser.digits, parser.known = self.depth, self.steps, self.digits, self.known
        parser.meanings = others
        try:
            return parser.term(text)
        finally:
            self.steps = parser.steps

    def sum(self) -> Term:
        """[-] product {(+ | -) product}."""
        minus = self.signs()
        total = negative(self.product(), minus)
        while self.kind in ("+", "-"):
            minus = self.take().kind == "-"
            total = self.counted(added(total, self.product(), minus))
        return total

    def product(self) -> Term:
        """signed {[* | /] signed}, also by juxtaposition."""
        total = self.signed()
        while True:
            token = self.tokens[self.at]
            if token.kind == "*":
                self.take()
                total = self.counted(multiplied(total, self.signed(), token))
            elif token.kind == "/":
                self.take()
                total = self.counted(divided(total, self.signed()))
            elif token.kind in _STARTS or (token.kind in _BARS and token.kind not in self.bars):
                total = self.counted(multiplied(total, self.power(), token))
            elif token.kind == "number" and [t.text for t in self.tokens[self.at : self.at + 2]] == ["1", "["]:
                self.take()  # the 1 of 1[a > 0]
            elif token.kind == "number":
                raise FormulaError(f"{self.unexpected()}: write the number in front, or * before it")
            else:
                return total

    def counted(self, x: Term) -> Term:
        """What was computed; every number of a vector is a step."""
        for _ in () if isinstance(x, Value) else x.numbers:
            self.step()
        return x

    def signed(self) -> Term:
        """[-] power."""
        minus = self.signs()
        return negative(self.power(), minus)

    def power(self) -> Term:
        """atom {^T} [exponent]."""
        base = self.atom()
        while self.kind == "transposed":
            token = self.take()
            if isinstance(base, Value):
                raise FormulaError(
                    f"{shown(token.text)} in column {token.column} is not expected there: it is for vectors"
                )
            base = base._replace(row=not base.row)
        return raised(number(base), self.exponent()) if self.kind == "^" else base

    def exponent(self) -> Value:
        """^ [-] atom, or raised digits."""
        self.take()
        minus = self.signs()
        tower = self.kind == "function" and self.tokens[self.at].text == "e"
        exponent = number(self.number() if self.kind == "raised" else self.atom())
        if self.kind == "^" or tower:
            raise FormulaError(f"a power of a power in column {self.tokens[self.at].column}: put brackets")
        return -exponent if minus else exponent

    def atom(self) -> Term:
        """What binds tightest. Raises FormulaError if it is nested too deep."""
        if self.depth == DEPTH:
            raise FormulaError(f"the formula is nested more than {DEPTH} deep")
        self.depth += 1
        found = self.inside()
        self.depth -= 1
        return found

    def inside(self) -> Term:
        """A group, a call, a sum over an index, an indicator, a fraction, a root, |sum|, a number or a name."""
        kind = self.kind
        readers = {"cases": self.cases, "function": self.call, "sum": self.total, "indicator": self.indicator}
        if kind in readers:
            return readers[kind]()
        if kind in CLOSING:
            return self.group()
        if kind == "\\sqrt":
            self.take()
            if self.kind == "[":
                raise FormulaError("only square roots are known: write x^{1/3} for others")
            return number(self.atom()).sqrt()
        if kind == "\\frac":
            self.take()
            return divided(self.digit(), self.digit())
        return self.absolute() if kind in _BARS else self.quantity()

    def digit(self) -> Term:
        """What \\frac takes: something in braces, a name, or one digit."""
        token = self.tokens[self.at]
        if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            self.tokens[self.at : self.at + 1] = [
                Token("number", token.text[0], token.column),
                Token("number", token.text[1:], token.column + 1),
            ]
        return self.atom()

    def group(self) -> Term:
        """What stands in brackets: a number, or with commas a vector."""
        opening, start = self.kind, self.at
        (first, *rest), comma = self.arguments()
        if rest and any(token.kind == "number" and "," in token.text for token in self.tokens[start : self.at]):
            raise FormulaError(f"the commas after column {self.tokens[start].column} could be decimal: write points")
        found = vector([x for _, x in (first, *rest)], comma) if rest else first[1]
        return number(found).floor() if opening == "⌊" else found

    def indicator(self) -> Value:
        """1 before a group that is a comparison."""
        token = self.take()
        found = number(self.group()) if self.kind in CLOSING else None
        if found is None or not is_comparison(found):
            raise FormulaError(f"{shown(token.text)} in column {token.column} belongs before a comparison: 1[a > 0]")
        return found

    def call(self) -> Term:
        """function ['] [exponent] (arguments), or e exponent."""
        token = self.take()
        if token.text == "e":
            return self.exponent().exp()
        function = SPELLINGS.get(token.text, token.text)
        if function == "sigma":
            function = self.names.activation
        if self.kind == "'":
            self.take()
            function += "'"
        power = self.exponent() if self.kind == "^" else None  # tanh²(a)
        if power is not None and (power.op is not None or power.label is not None or power.item() <= 0.0):
            raise FormulaError(
                f"{token.text} in column {token.column} to a power is ({token.text}(...))^...: put brackets"
            )
        known, of_one = self.function(function), self.names.takes_one(function)
        alone = known is not None and of_one and self.kind in _ALONE
        if known is None or not (alone or self.kind in ("(", "[", "{")):
            raise FormulaError(f"{token.text} in column {token.column} is a function: write {token.text}(...)")
        given = [("", self.alone(token))] if alone else self.arguments()[0]
        if len(given) == 1 and not given[0][0] and of_one:
            found = each(known, given[0][1])
        elif function == "dot":
            found = applied(token, known, ["w", "z"], [], given)
        else:
            given = [(name, number(x)) for name, x in given]
            found = applied(token, known, *self.names.parameters(function), given)
        return found if power is None else raised(number(found), power)

    def alone(self, called: Token) -> Term:
        """What a function without brackets is of, a name, a number or 2θ. Raises FormulaError where it is not clear."""
        counted, token = self.kind == "number", self.tokens[self.at]
        found = self.quantity()
        if counted and self.kind == "name":
            found = multiplied(found, self.quantity(), token)
        if self.kind in (*_ALONE, "^", "/", "'", "transposed"):
            raise FormulaError(f"what {called.text} in column {called.column} is of is not clear: put it in brackets")
        return found

    def function(self, name: str) -> Callable[..., Value] | None:
        """The function with this name, or None."""
        if name in DEFINED:
            return lambda x: Grammar(_names_of_x(), lambda _: x, self.most_steps).formula(DEFINED[name])
        return FUNCTIONS.get(name) or self.names.functions.get(name)

    def arguments(self) -> tuple[list[tuple[str, Term]], Token]:
        """What stands in brackets, the names that static arguments have there, and the first comma."""
        closing, bars, self.bars = CLOSING[self.take().kind], self.bars, ""
        found, comma = [self.argument()], self.tokens[self.at]
        while self.kind == ",":
            self.take()
            found.append(self.argument())
        self.expect(closing)
        self.bars = bars
        return found, comma

    def argument(self) -> tuple[str, Term]:
        """[static] conditional, and the name of a static one."""
        name = self.take().text if self.kind == "static" else ""
        return name, self.conditional(self.compared())

    def conditional(self, found: Term) -> Term:
        """What was found [if compared otherwise]."""
        if self.kind != "if":
            return found
        self.take()
        condition = number(self.compared())
        return one_of(condition, number(found), self.otherwise())

    def otherwise(self) -> Value:
        """What follows a case: another one, which may be that of equality, or what there is else."""
        if self.kind != ",":
            self.expect("else")
            return number(self.conditional(self.compared()))
        self.take()
        found = number(self.compared())
        self.expect("if")
        condition = self.condition()
        return one_of(condition, found, self.otherwise())

    def condition(self) -> Value:
        """compared, or sum = sum."""
        found = number(self.compared())
        if self.kind == "=":
            self.take()
            found = holds(mg.equal(found, number(self.sum())))
        return found

    def cases(self) -> Value:
        """cases sum if condition {, sum if condition} [, sum else] end of cases; NaN where none holds."""
        bars, self.bars, rows, rest = self.bars, "", list[tuple[Value, Value]](), Value(math.nan)
        separator = self.take()
        while separator.kind in ("cases", ",") and self.kind != "end of cases":
            found = number(self.sum())
            if self.kind == "else":
                self.take()
                rest = found
                break
            self.expect("if")
            rows.append((self.condition(), found))
            separator = self.tokens[self.at]
            if separator.kind == ",":
                self.take()
        self.expect("end of cases")
        self.bars = bars
        return reduce(lambda other, row: one_of(row[0], row[1], other), reversed(rows), rest)

    def compared(self) -> Term:
        """sum [(< | > | <= | >= | == | ≠) sum]."""
        found = self.sum()
        if self.kind in ("<", ">", "<=", ">=", "==", "≠"):
            sign, a, b = self.take().kind, number(found), number(self.sum())
            if sign in ("==", "≠"):
                return holds(mg.equal(a, b) if sign == "==" else not_equal(a, b))
            more, less = (a, b) if sign[0] == ">" else (b, a)
            found = holds(more >= less if "=" in sign else more > less)
        return found

    def absolute(self) -> Value:
        """| sum |, or ‖ sum ‖, which may be a vector."""
        kind, outside = self.take().kind, self.bars
        self.bars += kind
        found = self.sum()
        self.expect(kind)
        self.bars = outside
        return abs(number(found)) if kind == "|" or isinstance(found, Value) else dot(found, found).sqrt()

    def total(self) -> Term:
        """A sum over an index: of the product that follows, and not of what is added to it."""
        token, start, outer = self.take(), self.at, dict(self.indices.places)
        index, first, last = token.text.split(" ")
        place, end = int(first or 1), int(last) if last else self.reach(index, int(first or 1), token)
        if not place <= end < place + TERMS:
            raise FormulaError(f"the sum in column {token.column} has 1 to {TERMS} terms, not from {place} to {end}")
        terms = []
        for self.indices.places[index] in range(place, end + 1):
            self.at = start
            terms.append(self.summand(token))
        self.indices.places = outer
        return reduce(added, terms)

    def summand(self, total: Token) -> Term:
        """One term of a sum; after a fraction's / it is nothing but what follows at once."""
        if self.tokens[self.at - 2].kind != "/":
            return self.product()
        term = self.power()
        if self.kind in _STARTS or self.kind == "*":
            raise FormulaError(f"where the sum in column {total.column} ends is not clear: put brackets around it")
        return term

    def reach(self, index: str, place: int, total: Token) -> int:
        """How far a sum without bounds goes: as far as there are names, all of which end at one place."""
        start, outer = self.at, self.indices.reaches.get(index)
        self.indices.reaches[index], self.indices.places[index] = set(), place
        self.summand(total)
        reaches, self.at = self.indices.reaches.pop(index), start
        if outer is not None:
            self.indices.reaches[index] = outer
        if len(reaches) != 1 or max(reaches) > TERMS:
            raise FormulaError(f"the sum in column {total.column} needs bounds, as in \\sum_{{{index}=1}}^{{3}}")
        return reaches.pop()


@lru_cache(maxsize=1)
def _names_of_x() -> Names:
    return Names(["x"])
