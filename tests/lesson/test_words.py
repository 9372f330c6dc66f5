"""What a teacher writes in Markdown, as a page has it: for each edition, in its place, and never as HTML of its own."""

from __future__ import annotations

import pytest

from microgradcnn.lesson.words import as_html, read_words, section_titles

TEXT = """Before anything.

# The course

Hello.

## one, two: A title: with a colon

Words for both.

### Errata

- The book writes a_1. Teacher: It means b_2. Student: What does it mean?
- Told to all.

### Errata: Training

- Slow.

### Training

It takes *long*.

## two

Words for two.

```
## no heading
```
"""


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a paragraph\nin two lines", "<p>a paragraph in two lines</p>"),
        ("one\n\ntwo", "<p>one</p><p>two</p>"),
        ("- a\n- b\n  more\n\nafter", "<ul><li>a</li><li>b more</li></ul><p>after</p>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("**b *c*** `d*e*`", "<p><strong>b <em>c</em></strong> <code>d*e*</code></p>"),
        ("p_22 of conv_average, x_i", "<p>p<sub>22</sub> of conv_average, x<sub>i</sub></p>"),
        ("df/dw_1", "<p>df/dw<sub>1</sub></p>"),
        ("y_hat - y, df/dy_hat_2, `y_hat`", "<p>ŷ - y, df/dŷ<sub>2</sub>, <code>y_hat</code></p>"),
        ("- a\n\n  more of a\n\nafter", "<ul><li>a more of a</li></ul><p>after</p>"),
        ("[a *page*](two.html)", '<p><a href="two.html">a <em>page</em></a></p>'),
        ("[web](https://a.b/c?d&e)", '<p><a href="https://a.b/c?d&amp;e">web</a></p>'),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("```\na < b\n\n- c\n```\nd", "<pre>a &lt; b\n\n- c</pre><p>d</p>"),
        ("```\nnever closed", "<pre>never closed</pre>"),
        ("", ""),
    ],
)
def test_markdown(text: str, html: str) -> None:
    assert as_html(text, student=False) == html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,y)",
        '[x](a.html"onclick="alert(1))',
        "`<img src=x onerror=alert(1)>`",
        "```\n</pre><script>\n```",
        "# <b>no</b>",
    ],
)
def test_nothing_becomes_html_or_runs(text: str) -> None:
    html = as_html(text, student=True)
    for bad in ("<script", "<img", "<b>", 'javascript:alert(1)"', 'href="data', '"onclick'):
        assert bad not in html


def test_everything_stands_in_its_place() -> None:
    words = read_words(TEXT)
    assert (words.title, words.course(True)) == ("The course", "<p>Before anything.</p><p>Hello.</p>")
    assert words.names == ["one", "two"]
    assert (words.title_of("two"), words.title_of("three")) == ("A title: with a colon", "three")
    assert words.about("one", True) == "<p>Words for both.</p>"
    assert words.about("two", True) == "<p>Words for both.</p><p>Words for two.</p><pre>## no heading</pre>"
    assert words.about("one", True, "training") == "<p>It takes <em>long</em>.</p>"
    assert words.noted("one", True, "training") == '<div class="note"><p>Slow.</p></div>'
    assert words.about("three", True) == words.noted("two", True, "cost") == ""


def test_each_edition_has_its_own() -> None:
    words = read_words(TEXT)
    assert words.errata(False) == ["The book writes a<sub>1</sub>. It means b<sub>2</sub>.", "Told to all.", "Slow."]
    assert words.errata(True)[0] == "The book writes a<sub>1</sub>. What does it mean?"
    assert as_html("Teacher: the key", student=True) == ""
    assert as_html("- Student: asked\n- both", student=False) == "<ul><li>both</li></ul>"


MARKS = (
    "Teacher: {}",
    "teacher: {}",
    "TEACHER : {}",
    "**Teacher:** {}",
    "**Teacher**: {}",
    "*Teacher : {}*",
    "__Teacher__:{}",
)
MARKS += ("Teacher - {}", "Teacher – {}", "**Teacher** — {}", "Teachers: {}", "Teacher:\n  {}", "Teacher: one\n\n  {}")


@pytest.mark.parametrize("mark", MARKS)
def test_what_is_for_teachers_is_known_however_it_is_written(mark: str) -> None:
    text = f"- The book says so. {mark.format('SECRET')} Student: What *does* it say?\n- Both.\n"
    told = {student: as_html(text, student) for student in (False, True)}
    assert told[True] == "<ul><li>The book says so. What <em>does</em> it say?</li><li>Both.</li></ul>"
    assert "SECRET" in told[False]
    assert "eacher" not in told[False]
    assert "*" not in told[False]
    words = read_words(f"## a\n### Errata\n{text}")
    assert "SECRET" not in "".join([*words.errata(True), words.noted("a", True)])


@pytest.mark.parametrize("text", ["The student-teacher ratio.", "One teacher - or two.", "A teacherless: class"])
def test_other_words_are_left_alone(text: str) -> None:
    assert as_html(text, student=True) == as_html(text, student=False) == f"<p>{text}</p>"


@pytest.mark.parametrize(("name", "title"), section_titles().items())
def test_a_section_is_known_by_its_name_and_by_its_title(name: str, title: str) -> None:
    for heading in (name, title, title.upper(), f"{title}  "):
        words = read_words(f"## a\n### {heading}\nOne.\n### Errata: {heading}\n- Two.\n")
        section = "" if name == "network" else name
        assert words.about("a", True, section) == "<p>One.</p>", heading
        assert words.noted("a", True, section) == '<div class="note"><p>Two.</p></div>', heading
        assert set(words.sections) <= {name}


def test_the_section_that_a_page_begins_with_may_be_named() -> None:
    words = read_words("## a\nOne.\n### Network\nTwo.\n### Errata: Network\n- Three.\n")
    assert (words.about("a", True), words.noted("a", True)) == (
        "<p>One. Two.</p>",
        '<div class="note"><p>Three.</p></div>',
    )
    assert words.sections == []


def test_words_of_several_files_follow_each_other() -> None:
    both = read_words("## a: A\n").and_also(read_words("# Course\n\n## b: B\n"))
    assert (both.title, both.title_of("a"), both.title_of("b")) == ("Course", "A", "B")
