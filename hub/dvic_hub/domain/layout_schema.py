"""Makes docs/layout.xsd of the grammar: editors then complete and check layouts while they are written.

    python -m dvic_hub.domain.layout_schema > docs/layout.xsd

What an XSD of version 1.0 can't say only the hub checks: that a minimum is below its maximum, that a linked axis is
there.
"""

from xml.sax.saxutils import quoteattr

from dvic_hub.domain.layout_grammar import ELEMENTS, MAX_LAYOUT_TEXT, ROOT, TEXT, Kind


def schema() -> str:
    """The whole XSD."""
    kinds = {kind.name: kind for element in ELEMENTS.values() for kind in element.attributes.values()}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             "<!-- Made by python -m dvic_hub.domain.layout_schema; docs/layout.md explains it. -->",
             '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">',
             f'  <xs:element name="{ROOT}" type="{ROOT}-element"/>']
    for name in sorted(kinds):
        lines += _kind(kinds[name])
    for name in ELEMENTS:
        lines += _element(name)
    return "\n".join([*lines, "</xs:schema>", ""])


def _kind(kind: Kind) -> list[str]:
    facets = [f"      <xs:enumeration value={quoteattr(each)}/>" for each in kind.choices]
    if kind.pattern:
        facets.append(f"      <xs:pattern value={quoteattr(kind.pattern)}/>")
    if kind is TEXT:
        facets.append(f'      <xs:maxLength value="{MAX_LAYOUT_TEXT}"/>')
    return [f'  <xs:simpleType name="{kind.name}">', '    <xs:restriction base="xs:string">', *facets,
            "    </xs:restriction>", "  </xs:simpleType>"]


def _element(name: str) -> list[str]:
    element = ELEMENTS[name]
    mixed = ' mixed="true"' if element.text else ""
    lines = [f'  <xs:complexType name="{name}-element"{mixed}>']
    if name == "table":
        lines += ["    <xs:choice>",
                  *(f'      <xs:element name="{each}" type="{each}-element" minOccurs="0" maxOccurs="unbounded"/>'
                    for each in element.holds), "    </xs:choice>"]
    elif element.holds:
        least = "1" if name == "tabbedPanel" else "0"
        lines += [f'    <xs:choice minOccurs="{least}" maxOccurs="unbounded">',
                  *(f'      <xs:element name="{each}" type="{each}-element"/>' for each in element.holds),
                  "    </xs:choice>"]
    for key, kind in element.attributes.items():
        need = ' use="required"' if key in element.needs else ""
        lines.append(f'    <xs:attribute name="{key}" type="{kind.name}"{need}/>')
    return [*lines, "  </xs:complexType>"]


if __name__ == "__main__":
    print(schema(), end="")
