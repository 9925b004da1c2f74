"""Layouts: what is read, what is refused with which line, and what stands in for one that is not there."""

import pytest

from dvic_hub.domain.layout import MOST_FAULTS, BadLayout, check_layout, read_layout
from dvic_hub.domain.layout_auto import MOST_ON_A_TAB, automatic_layout
from dvic_hub.domain.layout_grammar import MAX_LAYOUT_DEPTH, MAX_LAYOUT_ELEMENTS, MAX_LAYOUT_TEXT

RICH = """<package name="readout" title="Read-out">
  <tabbedPanel>
    <tab title="Charges">
      <tabbedPanel><tab title="Near"><canvas name="c"/></tab></tabbedPanel>
    </tab>
    <tab title="Rates">
      <table>
        <row weight="2">
          <canvas name="rates" title="Rates" log-y="true">
            <histo name="rate" minimum="0.5" maximum="1e3" line-color="#ff0000" line-width="2" draw-option="hist e1"/>
            <graph name="temperature" linked-axis="y2" fill-color="none"/>
            <graph name="limit" draw="y=42" line-color="red"/>
            <y2-axis position="right" title="T [°C]" minimum="10" maximum="30" line-color="blue"/>
            <legend list="rate, temperature" position="top-left"/>
            <text x="0.1" y="0.8">two  words</text>
          </canvas>
          <table><col><canvas/></col><col><text>beside</text></col></table>
        </row>
      </table>
    </tab>
  </tabbedPanel>
</package>"""


def found(tree, element):
    here = [tree] if tree["element"] == element else []
    return here + [each for child in tree.get("children", ()) for each in found(child, element)]


def one_fault(text):
    [fault] = check_layout(text)
    return fault.line, fault.reason


def in_canvas(inside):
    return f"<package>\n<canvas>\n{inside}\n</canvas>\n</package>"


def test_a_layout_becomes_plain_data():
    tree = read_layout(RICH)
    assert tree["title"] == "Read-out"
    assert [tab["title"] for tab in found(tree, "tab")] == ["Charges", "Near", "Rates"]
    [histo] = found(tree, "histo")
    assert histo == {"element": "histo", "line": 10, "name": "rate", "minimum": 0.5, "maximum": 1000.0,
                     "line-color": "#ff0000", "line-width": 2, "draw-option": "hist e1"}
    assert found(tree, "graph")[1]["draw"] == {"axis": "y", "at": 42.0}
    assert found(tree, "legend")[0]["list"] == ["rate", "temperature"]
    assert found(tree, "text")[0]["text"] == "two  words"
    assert found(tree, "canvas")[1]["log-y"] is True
    assert found(tree, "row")[0]["weight"] == 2


def test_an_axis_of_colours_has_steps_and_labels():
    label = '<label position="0">off</label>'
    tree = read_layout(in_canvas(f'<color-axis pattern="gray, #00ff00,red">{label}</color-axis>'))
    [axis] = found(tree, "color-axis")
    assert axis["pattern"] == ["gray", "#00ff00", "red"]
    assert axis["children"] == [{"element": "label", "line": 3, "position": 0.0, "text": "off"}]


NUMBER = "wants a number such as 12, -0.5 or 1e6"
WIDTH = "wants a whole number from 0 to 20"


@pytest.mark.parametrize(("inside", "reason"), [
    ('<hist name="a"/>', "there is no element <hist> (did you mean histo?)"),
    ("<tab/>", "<tab> may not stand in <canvas>: it belongs into <tabbedPanel>"),
    ('<histo name="a" line-colour="red"/>', "<histo> has no attribute 'line-colour' (did you mean line-color?)"),
    ("<histo/>", "<histo> needs the attribute 'name'"),
    ('<histo name="a" line-color="rde"/>',
     '<histo>: line-color="rde" wants a colour: a name such as red or blue, or #rrggbb'),
    ('<histo name="a" minimum="a lot"/>', f'<histo>: minimum="a lot" {NUMBER}'),
    ('<histo name="a" minimum="nan"/>', f'<histo>: minimum="nan" {NUMBER}'),
    ('<histo name="a" minimum="1_0"/>', f'<histo>: minimum="1_0" {NUMBER}'),
    ('<histo name="a" minimum="1e999"/>', f'<histo>: minimum="1e999" {NUMBER}'),
    ('<histo name="a" minimum="5" maximum="5"/>', "<histo>: minimum=5 is not below maximum=5"),
    ('<histo name="a" line-width="99"/>', f'<histo>: line-width="99" {WIDTH}'),
    ('<histo name="a" line-width="-1"/>', f'<histo>: line-width="-1" {WIDTH}'),
    ('<histo name="a" draw-option="&lt;b&gt;"/>',
     '<histo>: draw-option="<b>" wants ROOT\'s letters such as hist, e1 or colz, at most 40'),
    ('<graph name="a" draw="42"/>', '<graph>: draw="42" wants y=NUMBER or x=NUMBER: where the reference line stands'),
    ('<graph name="a" linked-axis="y2"/>', 'linked-axis=\'y2\' of "a", but the canvas has no <y2-axis>'),
    ('<graph name="a" linked-axis="z"/>', '<graph>: linked-axis="z" wants y or y2'),
    ("<y2-axis/><y2-axis/>", "a <canvas> with more than one <y2-axis>"),
    ('<y2-axis position="middle"/>', '<y2-axis>: position="middle" wants left or right'),
    ('<color-axis pattern="mud"/>', '<color-axis>: pattern="mud" wants rainbow, viridis, cividis, gray, heat, bird, '
                                    "blue-red, temperature, or two or more colours with commas between"),
    ("<legend list=','/>", '<legend>: list="," wants names with commas between'),
    ("some words", "words in <canvas>: put them into <text>, where that may stand"),
    (f"<text>{'x' * (MAX_LAYOUT_TEXT + 1)}</text>",
     f"a text of more than {MAX_LAYOUT_TEXT} characters: make it shorter"),
])
def test_a_fault_is_told_with_its_line_and_what_to_write(inside, reason):
    line, told = one_fault(in_canvas(inside))
    assert told == reason
    assert line in (3, 4)


def test_every_fault_is_told_at_once_and_below_an_unknown_element_nothing():
    inside = '<histo name="a" colour="red"/>\n<gruph><canvas bad="1"/></gruph>\n<text sise="1"/>'
    faults = check_layout(in_canvas(inside))
    assert [fault.line for fault in faults] == [3, 4, 5]


def test_faults_have_an_end():
    assert len(check_layout(in_canvas("<bad/>" * 1000))) == MOST_FAULTS


@pytest.mark.parametrize(("text", "line", "reason"), [
    ("", 1, "not well-formed XML: no element found"),
    ("<package>\n<canvas>\n</package>", 3, "not well-formed XML: mismatched tag"),
    ("<layout/>", 1, "the file begins with <layout>: wants <package>"),
    ("<package/>\n<package/>", 2, "not well-formed XML: junk after document element"),
    ("<package>\n<table>\n<row/>\n<col/>\n</table></package>", 5,
     "a <table> holds rows or columns, not both: put a <table> into the row or the column"),
    ("<package>\n<tabbedPanel/></package>", 2, "a <tabbedPanel> without a <tab>"),
    ("<package>\x00</package>", 1, "not well-formed XML: not well-formed (invalid token)"),
])
def test_a_file_that_is_no_layout_is_refused(text, line, reason):
    assert one_fault(text) == (line, reason)


def test_half_a_character_is_shown_as_a_question_mark():
    assert read_layout("<package title='\ud800'/>")["title"] == "?"


REFUSED = "a layout may hold no <!DOCTYPE>: entities and files from elsewhere are refused. Leave it out"


@pytest.mark.parametrize("text", [
    '<!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>\n<package title="&b;"/>',
    '<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n<package><text>&a;</text></package>',
    '<!DOCTYPE package SYSTEM "https://example.org/layout.dtd">\n<package/>',
    '<?xml version="1.0"?>\n<!DOCTYPE p [<!ENTITY % a SYSTEM "http://10.0.0.1/">%a;]><package/>',
], ids=["bomb", "file", "document type elsewhere", "parameter entity"])
def test_entities_and_files_from_elsewhere_are_refused(text):
    line, reason = one_fault(text)
    assert (line in (1, 2), reason) == (True, REFUSED)


def test_an_encoding_that_the_file_claims_changes_nothing():
    assert read_layout('<?xml version="1.0" encoding="latin-1"?><package title="Ü"/>')["title"] == "Ü"


def test_depth_and_number_are_bounded():
    def nested(depth):
        return "<package><table>" + "<row><table>" * depth + "</table></row>" * depth + "</table></package>"

    assert check_layout(nested((MAX_LAYOUT_DEPTH - 2) // 2)) == []
    assert one_fault(nested(MAX_LAYOUT_DEPTH)) == (1, f"elements more than {MAX_LAYOUT_DEPTH} deep: make it flatter")
    assert len(check_layout("<bad>" * 100_000)) == 2
    many = "<package>" + "<canvas/>" * MAX_LAYOUT_ELEMENTS + "</package>"
    assert one_fault(many) == (1, f"more than {MAX_LAYOUT_ELEMENTS} elements: make several packages of it")


def test_the_first_fault_is_the_errors_text():
    with pytest.raises(BadLayout, match="line 3: there is no element <hist>"):
        read_layout(in_canvas('<hist name="a"/>'))


def names(tree):
    return [each["name"] for each in found(tree, "histo") + found(tree, "graph")]


def test_without_a_layout_tabs_follow_the_names():
    objects = [(f"adc/ch{number}", "histogram", 1) for number in (10, 2, 1)]
    tree = automatic_layout("readout", [*objects, ("map", "histogram", 2), ("gain", "graph", 0)])
    tabs = found(tree, "tab")
    assert [tab["title"] for tab in tabs] == ["adc", "other"]
    assert names(tabs[0]) == ["adc/ch1", "adc/ch2", "adc/ch10"]
    assert [each["draw-option"] for each in found(tabs[1], "histo")] == ["colz"]
    assert len(found(tabs[1], "graph")) == 1


def test_few_objects_need_no_tabs_and_many_get_tabs_of_their_own():
    few = automatic_layout("p", [("a", "histogram", 1), ("b", "histogram", 1)])
    assert (found(few, "tab"), len(found(few, "canvas"))) == ([], 2)
    many = automatic_layout("p", [(f"h{number}", "histogram", 1) for number in range(40)])
    assert [tab["title"] for tab in found(many, "tab")] == ["1 to 16", "17 to 32", "33 to 40"]
    assert all(len(found(tab, "canvas")) <= MOST_ON_A_TAB for tab in found(many, "tab"))
    assert names(many) == [f"h{number}" for number in range(40)]


def test_nothing_to_show_is_a_layout_too():
    assert found(automatic_layout("p", []), "canvas") == []
