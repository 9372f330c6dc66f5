r"""The notations that are read, as data: patterns of words and signs, what they stand for, functions by formulas.

The same things may be written in many ways:

    2*(a + b)  2(a + b)  2\cdot(a+b)  2·\left(a + b\right)       products, also by juxtaposition
    \frac{a}{b}  \frac12  a/b  ½  x^2  x**2  x²  x^{-1}           quotients and powers
    √f  \sqrt f  \sqrt{f}  sqrt(f)  |x|  ⌊x⌋  \sin(x)  σ(x)  σ'(x)    functions
    tanh^2(a)  np.exp(a)  sgn(a)  sech(a)  H(a)  \sin\theta       the same, a power of one too, or of one name
    z_1  z1  z_{1}  z₁  \hat{y}  ŷ  y_hat  yhat  \lambda  λ  lam    names
    max(a, b)  own_hypot(a, b)  leaky(a, 0.25)  leaky(a, slope=0.25)     several arguments, the static ones last
    where(a > 0, 1, 0.25)  {1 if a > 0, else ¼}  1 if a > 0 else ¼    one of two numbers
    {1 if a > b, ½ if a = b, else 0}                              one of several
    [a_1 > 0]  (a_1 > 0)  1[a_1 > 0]  1_{a_1 > 0}  \mathbb{1}[a_1 > 0]  step(a_1)    1 where it holds, otherwise 0
    w·z  w^T z  \vec{w}\cdot\vec{z}  np.dot(w, z)  w @ z          scalar products, w for w_1, w_2, ...
    ‖w‖  \|w\|  \lVert w\rVert                                    √(w·w), of a number its size
    \sum_{i=1}^{3} w_i z_i  \sum_i w_i z_{i+1}                    sums: of one product, up to the next + or −
    w[0]  s[0][1]                                                 w_1 and s_1_2, as Python counts
    df/dz_1  \frac{\partial f}{\partial z_1}                      a derivative, which the graph knows
    2(ŷ − y)(z_1, z_2, z_3)                                       all of a gradient: the number that is asked for

What could be read in two ways is read so: * and / and juxtaposition bind alike and go from left to right, so √f/4(…) is
(√f/4)·(…) and 1/2 x is (1/2)·x; a root without brackets takes the next number, name or bracket; -x^2 is -(x^2); x^12
is x to the 12th; z_12 and z12 have index 12 (or 1 and 2, where only z_1_2 is known); letters that are no name are a
product of names (wx is w·x); without such a name π and e are the numbers; σ is the graph's activation. The lecture's
p_{47}, pixel 7 in the window whose first pixel is 4, is p_7. Every primitive of numbers is a function. 0,5 is 0.5 where
no comma can separate. What nobody can tell, such as w*z for two vectors, or 1,000, is refused.

Pages read with the same tables: a pattern uses only what the regular expressions of Python and JavaScript share.
"""

from __future__ import annotations

import math
import re
from unicodedata import numeric

from microgradcnn.views.formulas import emitter, expression
from microgradcnn.views.formulas.latex import Latex

# The most characters, brackets in brackets, exponent, number, steps, terms of a sum and meanings that are read.
LENGTH, DEPTH, EXPONENT, LARGEST, STEPS, TERMS, MEANINGS = 4000, 40, 20.0, 1e9, 40_000, 100, 10

# The lecture's functions by their spellings, and other elementary ones; what sigma stands for depends on the graph.
LECTURE = ("sqrt", "exp", "log", "abs", "tanh", "sigmoid", "relu", "step")
ELEMENTARY = ("sin", "cos", "tan", "sinh", "cosh", "arcsin", "arccos", "arctan", "floor")
_OTHERS = ("sign", "sech", "csch", "coth", "sec", "csc", "cot", "dot")
SPELLINGS = {name: name for name in (*LECTURE, *ELEMENTARY, *_OTHERS)}
SPELLINGS |= {"ln": "log", "sigma": "sigma", "ReLU": "relu", "heaviside": "step", "H": "step", "sgn": "sign"}
SPELLINGS |= {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
# Names that are functions only where nothing in the graph is called so, a bracket after them or not.
YIELDING = frozenset({"H", "sgn", "asin", "acos", "atan", *_OTHERS})
ALIASES = dict.fromkeys(("lam", "lmbda", "lamda"), "lambda")

# Functions of x that are formulas in others; a prime stands for the derivative.
DEFINED = {
    "step": "[x > 0]",
    "sech": "1/cosh(x)",
    "csch": "1/sinh(x)",
    "coth": "1/tanh(x)",
    "sec": "1/cos(x)",
    "csc": "1/sin(x)",
    "cot": "1/tan(x)",
    "sigmoid'": "sigmoid(x)(1 - sigmoid(x))",
    "tanh'": "1 - tanh(x)^2",
    "relu'": "[x > 0]",
    "exp'": "exp(x)",
    "log'": "1/x",
    "sqrt'": "1/(2sqrt(x))",
    "abs'": "sign(x)",
    "sin'": "cos(x)",
    "cos'": "-sin(x)",
    "tan'": "1/cos(x)^2",
    "sinh'": "cosh(x)",
    "cosh'": "sinh(x)",
    "arctan'": "1/(1 + x^2)",
    "softplus'": "sigmoid(x)",
}

# One character for another, before anything is read.
SAME_CHARACTERS = {
    **dict(zip("（）［］｛｝｜＋＊／＾＝，；．＜＞＇", "()[]{}|+*/^=,;.<>'", strict=True)),
    **dict.fromkeys("−–‐‑‒—－﹣", "-"),
    **dict.fromkeys("∙•⋅", "·"),
    **dict.fromkeys("∗⁎", "*"),
    **dict.fromkeys("∕⁄÷", "/"),
    **dict.fromkeys("′’ʹ", "'"),
    "ˆ": "^",
    "∥": "‖",
}

GREEK = {letter: name for name, letter in expression.GREEK.items() if name.islower()}
LOW = {low: plain for plain, low in emitter.SUBSCRIPT.items()}  # as formulas are written: e_a is eₐ there
HIGH = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
_GLYPHS = "½⅓⅔¼¾⅕⅙⅛⅜⅝⅞"
FRACTIONS = {glyph: numeric(glyph) for glyph in _GLYPHS} | {"pi": math.pi, "e": math.e}
_HAT = r"\\(?:wide)?hat[ ]*\{[ ]*[A-Za-z][ ]*\}|\\(?:wide)?hat[ ]+[A-Za-z]|[A-Za-z]\u0302|ŷ"
_FONT = (
    r"\\(?:operatorname|mathrm|mathit|mathbf|mathsf|text|vec|boldsymbol|bm|overrightarrow)(?:\{[ ]*[A-Za-z]+[ ]*\}"
    r"|[ ]+[A-Za-z])"
)
_COMMAND = (
    rf"\\(?:{'|'.join({**dict.fromkeys(GREEK.values()), **dict.fromkeys(Latex.operators), 'ln': None})})(?![A-Za-z])"
)
# Each piece of an index is taken whole, so that no text is tried in many ways.
_LOW = "".join(LOW)
_INDEX = rf"_?[0-9]+(?![0-9])|_[A-Za-z]+(?![A-Za-z])|_\{{[0-9A-Za-z, _]+\}}|[{_LOW}]+(?![{_LOW}])"
_BASE = rf"lambda_(?![0-9A-Za-z_])|{_HAT}|{_FONT}|{_COMMAND}|[{''.join(GREEK)}]|[A-Za-z]+"
_NAME = rf"(?:{_BASE})(?:{_INDEX})*"
NAME = re.compile(rf"(?P<base>{_BASE})(?P<index>(?:{_INDEX})*+)")
_SPACES = r"(?:[ \u00a0\u2009]|\\[,;:! ])*"
SPACE = re.compile(
    r"(?:[ \t\u00a0\u2009\u202f]|\\[,;:! ]|"
    r"\\(?:left|right|bigl?|bigr|Bigl?|Bigr|Biggl?|Biggr|biggl?|biggr|q?quad|displaystyle|limits)(?![A-Za-z])|"
    r"\b(?:np|numpy|math|torch)\.(?=[A-Za-z]))+"
)
NUMBER = re.compile(rf"[{_GLYPHS}]|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+")
DECIMAL_COMMA = re.compile(r"(?<![0-9],)[0-9]+,[0-9]+(?![0-9]*[.,][0-9])")
RAISED = re.compile(r"⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
# w_i, s_{i,j+1} and w_ij inside a sum over i and j.
INDEXED = re.compile(rf"({_BASE})(?:_\{{([0-9A-Za-z, +-]+)\}}|_([a-z]+)|([ᵢⱼₖ]+))")
ENTRY = re.compile(rf"({_NAME})((?:\[[ ]*[0-9]+[ ]*(?:,[ ]*[0-9]+[ ]*)*\])+)")  # w[0]
# \sum_{i=1}^{3}, \sum_i, ∑ᵢ: the index in one of three places, where it begins and ends.
SUM = re.compile(
    rf"(?:\\sum(?:\\limits)?(?![A-Za-z])|∑|Σ|sum(?=[ ]*_)){_SPACES}"
    rf"(?:_{_SPACES}([a-z])|_{_SPACES}\{{{_SPACES}([a-z]){_SPACES}(?:={_SPACES}([0-9]{{1,9}}){_SPACES})?\}}|([ᵢⱼₖ]))"
    rf"(?:{_SPACES}\^{_SPACES}(?:([0-9]{{1,9}})|[A-Za-z]|\{{{_SPACES}(?:([0-9]{{1,9}})|[A-Za-z]){_SPACES}\}}))?"
)
_D = r"(d|∂|\\partial(?![A-Za-z])|\\(?:mathrm|mathit|text|operatorname)\{d\})" + _SPACES
_WORD = "[A-Za-z]+(?:_hat)?(?:_[0-9]+)*"
DERIVATIVE = re.compile(  # in each of the three: a d, a name, a d, a name
    rf"\\[dt]?frac{_SPACES}\{{{_SPACES}{_D}({_NAME}){_SPACES}\}}{_SPACES}\{{{_SPACES}{_D}({_NAME}){_SPACES}\}}"
    rf"|{_D}({_NAME}){_SPACES}/{_SPACES}{_D}({_NAME})|(d)({_WORD})_(d)({_WORD})(?![0-9A-Za-z_])"
)
GRADIENT = re.compile(rf"(?:∇|\\nabla(?![A-Za-z])){_SPACES}(?:_(?:\{{({_NAME})\}}|({_NAME})))?{_SPACES}({_NAME})")
TRANSPOSED = re.compile(
    rf"\^{_SPACES}(?:T|\\(?:top|intercal)(?![A-Za-z])|\{{{_SPACES}(?:T|\\(?:top|intercal)|\\math(?:rm|sf)\{{T\}})"
    rf"{_SPACES}\}})|ᵀ|\.T(?![A-Za-z0-9_])"
)
PRIME = re.compile(rf"\^{_SPACES}(?:\\prime(?![A-Za-z])|\{{{_SPACES}\\prime{_SPACES}\}})")
INDICATOR = re.compile(r"\\(?:mathbb|mathbf|mathrm|mathds|bm)(?:\{1\}|[ ]*1)_?|\\mathbb\{I\}_?|𝟙_?|1_(?=\{)")
SYMBOL = re.compile(
    r"\*\*|[<>!]=|\\(?:cdot|ast|times|div|ge|le|geq|leq|gt|lt|neq?|lfloor|rfloor|[lr]?[vV]ert|sqrt|[dt]?frac)(?![A-Za-z])|"
    r"\\(?:begin|end)\{(?:[pb]matrix|cases)\}|\\[{}|\\]|[-+*/^()\[\]{}|‖⌊⌋<>√'·×@≤≥≠]"
)
SAME = {"**": "^", "≤": "<=", "≥": ">=", "√": "\\sqrt", "\\tfrac": "\\frac", "\\dfrac": "\\frac", "\\div": "/"}
SAME |= dict.fromkeys(("·", "×", "@", "\\cdot", "\\times", "\\ast"), "*")
SAME |= {"\\lfloor": "⌊", "\\rfloor": "⌋", "\\{": "{", "\\}": "}", "\\gt": ">", "\\lt": "<", "\\\\": ","}
SAME |= dict.fromkeys(("\\vert", "\\lvert", "\\rvert"), "|")
SAME |= dict.fromkeys(("\\|", "\\Vert", "\\lVert", "\\rVert"), "‖")
SAME |= dict.fromkeys(("\\ge", "\\geq"), ">=") | dict.fromkeys(("\\le", "\\leq"), "<=")
SAME |= {"!=": "≠", "\\ne": "≠", "\\neq": "≠", "\\begin{cases}": "cases", "\\end{cases}": "end of cases"}
SAME |= {f"\\begin{{{kind}matrix}}": "(" for kind in "pb"} | {f"\\end{{{kind}matrix}}": ")" for kind in "pb"}
DOTS = ("·", "\\cdot", "@")  # between vectors these are the scalar product
WORD = re.compile(r"[^\W\d]\w*")  # a function's name, where it is no label's: größe, log1p
EQUALS = re.compile("==")  # in brackets
COMMA = re.compile(",")  # between arguments, and between the numbers of a vector
# {1 if a > 0, else 0.25} and {1 if a > b, 0.5 if a = b, else 0}, as people read where
CASE = re.compile(r"(?<= )if(?= .*, else )|, else(?= )|,(?= [^{}]* if [^{}]*, else )|(?<= )=(?= [^{}]*, else )")
CHOICE = re.compile(r"(?:if|else)(?![A-Za-z0-9_])")  # 1 if a > 0 else 0.25, as Python writes it
# \begin{cases} 1 & \text{if } a > 0 \\ 0 & \text{else} \end{cases}: what is between the columns, the last one first
ELSE = re.compile(r"&[ ]*\\(?:text|mathrm)\{[ ]*(?:else|otherwise|sonst)[ ]*\}")
EQUAL = re.compile("=")
IF = re.compile(r"&(?:[ ]*\\(?:text|mathrm)\{[ ]*(?:if|for|falls)?[ ]*\})?")
STATIC = re.compile(rf"({WORD.pattern})(?: *=(?!=)|(?= +-?[0-9.]))")  # slope=0.25, or slope 0.25 as people read it
WHY = {"=": "is too much: give the right-hand side alone", ",": "has no place here: decimals take a point"}
CLOSING = {"(": ")", "[": "]", "{": "}", "⌊": "⌋", "cases": "end of cases"}

# e = ŷ − y, after a word or a sign that says that a meaning is given, or at the start of a line.
_WORDS = r"(?:[Ww]here|[Ww]ith|[Ll]et|and)"
MEANING = re.compile(
    rf"(?:(?:^|[;,\n]|\.(?=[ \n]))[ \n]*(?:{_WORDS}[ \n]+|\\(?:text|mathrm)\{{[ ]*{_WORDS}[ ]*\}}{_SPACES})?"
    rf"|[ ]{_WORDS}[ \n]+|\\(?:text|mathrm)\{{[ ]*{_WORDS}[ ]*\}}){_SPACES}({_NAME}){_SPACES}:?=(?!=)"
)
WRAPPERS = (("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))  # around mathematics in a text
