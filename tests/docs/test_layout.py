"""docs/layout.xsd and docs/layout.md say what the parser does."""

import re
from pathlib import Path

import pytest
from lxml import etree

from dvic_hub.domain.layout import check_layout
from dvic_hub.domain.layout_grammar import ELEMENTS
from dvic_hub.domain.layout_schema import schema

pytestmark = pytest.mark.hub

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs/layout.md").read_text("utf-8")
EXAMPLES = [block for block in re.findall(r"```xml\n(.*?)```", PAGE, re.S) if "<package" in block]
FILES = sorted((TOP / "examples").glob("*/*.xml"))


@pytest.fixture(scope="module")
def xsd():
    return etree.XMLSchema(etree.fromstring((TOP / "docs/layout.xsd").read_bytes()))


def test_the_schema_is_made_of_the_grammar():
    assert (TOP / "docs/layout.xsd").read_text("utf-8") == schema()


@pytest.mark.parametrize("text", [*EXAMPLES, *(file.read_text("utf-8") for file in FILES)],
                         ids=[*(f"layout.md-{at}" for at in range(len(EXAMPLES))), *(file.stem for file in FILES)])
def test_examples_are_good_for_schema_and_parser(xsd, text):
    assert check_layout(text) == []
    xsd.assertValid(etree.fromstring(text.encode()))


@pytest.mark.parametrize("inside", [
    '<hist name="a"/>', "<histo/>", '<histo name="a" line-color="rde"/>', '<histo name="a" minimum="x"/>',
    '<graph name="a" draw="42"/>', '<color-axis pattern="mud"/>', '<legend position="middle"/>', "<tab/>",
    '<histo name="a" line-width="21"/>', "words", '<histo name="a" draw-option="&lt;"/>', '<legend list=","/>',
])
def test_what_the_parser_refuses_the_schema_refuses(xsd, inside):
    text = f"<package><canvas>{inside}</canvas></package>"
    assert check_layout(text)
    assert not xsd.validate(etree.fromstring(text))


@pytest.mark.parametrize("inside", [
    '<histo name="a" minimum="-.5e-3" maximum="7." line-color="#00FF00" line-width="20" draw-option="hist,e1 *"/>',
    '<color-axis pattern="gray , #00ff00,red"/>', '<legend list="a b,c/d"/>', '<graph name="a" draw="x=-1.5"/>',
])
def test_what_the_parser_takes_the_schema_takes(xsd, inside):
    text = f"<package><canvas>{inside}</canvas></package>"
    assert check_layout(text) == []
    xsd.assertValid(etree.fromstring(text))


@pytest.mark.parametrize("name", ELEMENTS)
def test_every_element_and_attribute_is_explained_with_a_picture(name):
    section = PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]
    told = set(re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.M))
    assert told == set(ELEMENTS[name].attributes)
    pictures = re.findall(r"!\[[^]]+\]\((screens/layout-[a-z0-9-]+\.png)\)", section)
    assert pictures
    assert all((TOP / "docs" / picture).is_file() for picture in pictures)
