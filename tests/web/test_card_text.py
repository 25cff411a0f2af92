"""A model card becomes HTML of ours, whatever its author wrote."""

from modelmill.web.card_text import card_html

CARD = """# Faces

Trained on **few** pictures with `DiffAugment`;
see [the paper](https://example.org/paper).

| set | KID |
|---|---|
| drawn | 0.02 |

- one
- two

```
run <me>
```
"""


def test_the_forms_it_knows_become_html() -> None:
    html = card_html(CARD)
    assert '<h3 class="section-title mt-6">Faces</h3>' in html
    assert "<p>Trained on <strong>few</strong> pictures with <code>DiffAugment</code>; see " in html
    assert 'href="https://example.org/paper">the paper</a>' in html
    assert '<th scope="col">KID</th>' in html and "<td>0.02</td>" in html
    assert "<li>one</li><li>two</li>" in html
    assert '<pre class="code-block">run &lt;me&gt;</pre>' in html


def test_nothing_of_the_authors_is_html() -> None:
    wild = """<script>alert(1)</script>
# <img src=x onerror=alert(1)>
- [click](javascript:alert(1)) **<b>** `<i>`
| <td> |
[a](https://e.org/"onmouseover="x)
|---|
"""
    html = card_html(wild)
    for bad in ("<script", "<img", "<b>", "<i>", "<td> ", 'href="javascript', '"onmouseover="'):
        assert bad not in html, bad
    assert card_html("") == "" and "<table" in card_html("|---|")
