from __future__ import annotations

from cronnx_lab.report import Section, Table, page


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert str(Table(("a", "long"), [("wide", "1")])).splitlines() == ["a     long", "wide     1"]


def test_a_page_escapes_text_but_not_the_content_of_its_sections() -> None:
    table = Table(("a",), [("<b>",)]).html()
    whole = page("A & B", [Section("c < d", table, "e > f"), Section("g", "<svg></svg>")])
    assert "<h1>A &amp; B</h1>" in whole
    assert "<h2>c &lt; d</h2>\n<p>e &gt; f</p>\n<table>" in whole
    assert "<td>&lt;b&gt;</td>" in whole
    assert "<svg></svg>" in whole
