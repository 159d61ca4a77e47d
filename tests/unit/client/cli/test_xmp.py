"""XMP as bytes: tags are added, and everything else stays."""

from xml.etree.ElementTree import canonicalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from image_classifier_client.cli.sidecars.xmp import NAMESPACES, NotXmp, add_tags, tag_name

CAT = ["domestic cat", "tabby"]
PREFIXES = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
# A developed photo, as programs write them: several descriptions, attributes, structures, comments,
# foreign namespaces, a packet around it.
DEVELOPED = """\
<?xml version="1.0" encoding="UTF-8"?>
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<!-- mine -->
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Some Toolkit 1.0">
 <rdf:RDF {prefixes} xmlns:dev="http://example.org/developer/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
  <rdf:Description rdf:about="">
   <!-- a comment -->
   <dev:history><rdf:Seq>
    <rdf:li rdf:parseType="Resource"><dc:subject>not a tag</dc:subject></rdf:li>
   </rdf:Seq></dev:history>
   <dev:note><![CDATA[<b>1 < 2</b>]]></dev:note>
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Käse &amp; Brot</rdf:li></rdf:Alt></dc:title>
   {properties}
  </rdf:Description>
  <rdf:Description rdf:about="" xmp:Rating='4' dev:params="a&#10;b&quot;c" dev:version="3"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
# ten entities within ten, nine times: 10 GB
ENTITIES = [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)]
BOMB = f'<!DOCTYPE a [<!ENTITY e0 "0123456789">{"".join(ENTITIES)}]><a>&e9;</a>'


def sidecar(properties: str, document: str = DEVELOPED) -> bytes:
    return document.format(prefixes=PREFIXES, properties=properties).encode()


def listed(name: str, *values: str, array: str = "Bag") -> str:
    items = "".join(f"<rdf:li>{value}</rdf:li>" for value in values)
    return f"<{name}><rdf:{array}>{items}</rdf:{array}></{name}>"


def same(data: bytes | None) -> str:
    assert data is not None
    return canonicalize(data.decode(), with_comments=True, strip_text=True, rewrite_prefixes=True)


def tags(data: bytes | None) -> dict[str, list[str]]:
    """Property to its values, wherever it is."""
    assert data is not None
    return {
        name: etree.fromstring(data).xpath(f"//{name}/*/rdf:li/text()", namespaces=NAMESPACES)
        for name in ("dc:subject", "lr:hierarchicalSubject", "digiKam:TagsList")
    }


def test_a_new_sidecar_has_the_tags_as_each_program_reads_them() -> None:
    assert tags(add_tags(None, CAT)) == {
        "dc:subject": ["domestic cat", "tabby"],
        "lr:hierarchicalSubject": ["domestic cat|tabby"],
        "digiKam:TagsList": ["domestic cat/tabby"],
    }


@pytest.mark.parametrize("array", ["Bag", "Seq", "Alt"])
def test_tags_join_those_that_are_there_and_nothing_else_changes(array: str) -> None:
    before = sidecar(listed("dc:subject", "Cat", "Oma", array=array))
    after = sidecar(
        listed("dc:subject", "Cat", "Oma", "domestic cat", "tabby", array=array)
        + listed("lr:hierarchicalSubject", "domestic cat|tabby")
        + listed("digiKam:TagsList", "domestic cat/tabby", array="Seq")
    )
    found = add_tags(before, CAT)
    assert same(found) == same(after)
    assert b"<![CDATA[<b>1 < 2</b>]]>" in (found or b"")
    assert (found or b"").startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<?xpacket begin=')


def test_only_what_is_missing_is_added() -> None:
    before = sidecar(listed("dc:subject", "TABBY") + listed("digiKam:TagsList", "My cats/tabby"))
    assert tags(add_tags(before, CAT)) == {
        "dc:subject": ["TABBY", "domestic cat"],
        "lr:hierarchicalSubject": ["domestic cat|tabby"],
        "digiKam:TagsList": ["My cats/tabby", "domestic cat/tabby"],
    }


def test_tags_in_two_descriptions_are_all_known() -> None:
    rest = listed("lr:hierarchicalSubject", "a|b") + listed("digiKam:TagsList", "a/b")
    second = f'</rdf:Description><rdf:Description rdf:about="">{listed("dc:subject", "b")}'
    assert add_tags(sidecar(listed("dc:subject", "a") + rest + second), ["a", "b"]) is None


@pytest.mark.parametrize(
    ("there", "name"),
    [
        ("Domestic Cat", "domestic cat"),
        ("STRASSE", "straße"),
        ("cafe\u0301", "café"),
        (" cat\n", "cat"),
    ],
)
def test_a_tag_that_reads_the_same_is_there(there: str, name: str) -> None:
    before = sidecar(
        "".join(
            listed(p, there) for p in ("dc:subject", "lr:hierarchicalSubject", "digiKam:TagsList")
        )
    )
    assert add_tags(before, [name]) is None


def test_a_value_with_a_note_is_there() -> None:
    noted = (
        '<rdf:li rdf:parseType="Resource"><rdf:value>tabby</rdf:value><dc:note>x</dc:note></rdf:li>'
    )
    before = sidecar(f"<dc:subject><rdf:Bag>{noted}</rdf:Bag></dc:subject>")
    found = add_tags(before, ["tabby"])
    assert (found or b"").count(b"tabby") == 3  # once for each property


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<dc:subject>Oma</dc:subject>", listed("dc:subject", "Oma", "tabby")),
        (
            '<dc:subject xml:lang="de"><rdf:Bag/></dc:subject>',
            listed("dc:subject", "tabby").replace(">", ' xml:lang="de">', 1),
        ),
        ("<dc:subject/>", listed("dc:subject", "tabby")),
        ("<dc:subject><rdf:Bag/></dc:subject>", listed("dc:subject", "tabby")),
    ],
)
def test_a_property_in_another_form_becomes_a_list(before: str, after: str) -> None:
    others = listed("lr:hierarchicalSubject", "tabby") + listed("digiKam:TagsList", "tabby")
    assert same(add_tags(sidecar(before + others), ["tabby"])) == same(sidecar(after + others))


def test_a_property_in_the_short_form_becomes_a_list() -> None:
    document = f'<rdf:RDF {PREFIXES}><rdf:Description dc:subject="Oma" dc:format="x"/></rdf:RDF>'
    found = add_tags(document.encode(), ["tabby"])
    assert tags(found)["dc:subject"] == ["Oma", "tabby"]
    assert b'dc:format="x"' in (found or b"")
    assert b'dc:subject="' not in (found or b"")


@pytest.mark.parametrize(
    "document",
    [
        f"<rdf:RDF {PREFIXES}/>",
        f'<m:xmpmeta xmlns:m="adobe:ns:meta/"><rdf:RDF {PREFIXES}> </rdf:RDF></m:xmpmeta>',
        f'<r:RDF xmlns:r="{NAMESPACES["rdf"]}" xmlns:dc="urn:x"><r:Description dc:a="1"/></r:RDF>',
    ],
    ids=["bare", "without a description", "with other prefixes"],
)
def test_a_sparse_sidecar(document: str) -> None:
    found = add_tags(document.encode(), CAT)
    assert tags(found)["dc:subject"] == CAT
    assert add_tags(found, CAT) is None


def test_a_text_where_none_belongs_stays() -> None:
    document = f"<rdf:RDF {PREFIXES}>my notes</rdf:RDF>"
    assert b">my notes<" in (add_tags(document.encode(), CAT) or b"")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_another_encoding(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    document = (
        f"<?xml version='1.0' encoding='{declared}'?><rdf:RDF {PREFIXES}><!--Käse--></rdf:RDF>"
    )
    found = add_tags(document.encode(encoding), CAT)
    assert "<!--Käse-->" in (found or b"").decode()
    assert tags(found)["dc:subject"] == CAT


@pytest.mark.parametrize(("name", "deep"), [("AC/DC", ["AC/DC", "AC-DC"]), ("a|b", ["a-b", "a|b"])])
def test_a_separator_in_a_name_makes_no_level(name: str, deep: list[str]) -> None:
    found = tags(add_tags(None, [name]))
    assert found["dc:subject"] == [name]
    assert found["lr:hierarchicalSubject"] + found["digiKam:TagsList"] == deep


def test_two_names_that_read_the_same_are_one_tag() -> None:
    assert tags(add_tags(None, ["Crane", "crane"]))["dc:subject"] == ["crane"]


@given(st.lists(st.text().map(tag_name).filter(bool), min_size=1, max_size=2))
def test_any_label_can_be_a_tag_and_is_added_once(path: list[str]) -> None:
    found = add_tags(None, path)
    assert found is not None
    assert add_tags(found, path) is None
    assert set(tags(found)["dc:subject"]) <= set(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not valid XML"),
        (b"\xff\xd8\xff\xe0", "not valid XML"),
        (b"hello", "not valid XML"),
        (sidecar("")[:-40], "not valid XML"),
        (sidecar("<unclosed>"), r"not valid XML \(line 14\)"),
        (sidecar("&unknown;"), "not valid XML"),
        (b"<a>" * 1000 + b"</a>" * 1000, "not valid XML"),
        (b"<svg/>", "not XMP"),
        (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>', "not XMP"),
        (b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'>" + sidecar("", "<a/>"), "DOCTYPE"),
        (b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "DOCTYPE"),
        (BOMB.encode(), "not valid XML|DOCTYPE"),
        (sidecar("<dc:subject><dc:x/></dc:subject>"), "its dc:subject is not a list"),
        (sidecar("<dc:subject><rdf:Bag/><rdf:Bag/></dc:subject>"), "its dc:subject is not a list"),
        (sidecar('<dc:subject rdf:resource="urn:x"/>'), "its dc:subject is not a list"),
        (sidecar("<dc:subject>a<!-- x -->b</dc:subject>"), "its dc:subject is not a list"),
    ],
)
def test_what_is_no_xmp_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(NotXmp, match=reason):
        add_tags(data, CAT)
