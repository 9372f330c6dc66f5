"""A place in a row of tokens that moves on in counted steps."""

from __future__ import annotations

from collections.abc import Iterable

from microgradcnn.views.answers.reading.names import FormulaError, Token, shown
from microgradcnn.views.answers.reading.notations import LENGTH


class Cursor:
    """Tokens, the place of the next one, and how many steps were taken; FormulaError if they are too many."""

    def __init__(self, most_steps: int) -> None:
        self.most_steps, self.steps, self.at, self.tokens = most_steps, 0, 0, list[Token]()

    def fill(self, tokens: Iterable[Token], length: int) -> None:
        """Take the tokens of a text of that length."""
        for token in tokens:
            self.step()
            self.tokens.append(token)
        self.tokens.append(Token("end", "the end", length + 1))

    def step(self) -> None:
        """Count a step."""
        self.steps += 1
        if self.steps > self.most_steps:
            raise FormulaError(f"the formula takes more than {self.most_steps} steps to read")

    @property
    def kind(self) -> str:
        """The kind of the next token."""
        return self.tokens[self.at].kind

    def take(self) -> Token:
        """The next token, which is behind then."""
        self.step()
        self.at += 1
        return self.tokens[self.at - 1]

    def unexpected(self) -> FormulaError:
        """What to say about the next token where it has no place."""
        token = self.tokens[self.at]
        text = token.text if token.kind == "end" else shown(token.text)
        return FormulaError(f"{text} in column {token.column} is not expected there")

    def expect(self, kind: str) -> None:
        """Take the next token. Raises FormulaError if it is of another kind."""
        if self.kind != kind:
            raise FormulaError(f"{self.unexpected()}: {kind} is missing")
        self.take()

    def signs(self) -> bool:
        """Whether the signs that stand here make a minus."""
        minus = False
        while self.kind in ("+", "-"):
            minus ^= self.take().kind == "-"
        return minus


def check_length(text: str) -> None:
    """Raise FormulaError for a text that is too long to be read."""
    if len(text) > LENGTH:
        raise FormulaError(f"the formula has {len(text)} characters: {LENGTH} are the most")
