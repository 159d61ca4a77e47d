"""XMP as bytes: adds the tags of a photo, and keeps everything else.

The three properties are those that photo managers read. Comments and unknown properties stay.
Differences that mean nothing in XML may change, such as the quotes around an attribute, and the
file becomes UTF-8.
"""

import re
import unicodedata
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lxml import etree

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NAMESPACES = {
    "rdf": RDF,
    "dc": "http://purl.org/dc/elements/1.1/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
}
# The root is this namespace's `xmpmeta`, of old programs its `xapmeta`, or `rdf:RDF` itself.
ADOBE = "adobe:ns:meta/"
ARRAYS = tuple(f"{{{RDF}}}{kind}" for kind in ("Bag", "Seq", "Alt"))
DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
NEW = f"""\
<x:xmpmeta xmlns:x="{ADOBE}">
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description rdf:about="">
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
""".encode()
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class NotXmp(Exception):
    """The sidecar contains something other than XMP; the text says what is wrong."""


def tag_name(label: str) -> str:
    """A label as a tag: on one line, without characters that XML cannot contain."""
    return " ".join(_NOT_IN_XML.sub("", label).split())


def add_tags(sidecar: bytes | None, path: Sequence[str]) -> bytes | None:
    """Add one tag and the tags above it.

    Args:
        sidecar: The file; ``None`` for a new one.
        path: The names of the tags, from the most general to the most specific.

    Returns:
        The new file; ``None`` if the file has all the tags.

    Raises:
        NotXmp: The sidecar is not XMP.
    """
    path = list({_folded(name): name for name in path}.values())
    root = _parse(NEW if sidecar is None else sidecar)
    rdf = _rdf(root)
    wanted = [
        ("dc:subject", "Bag", path),
        ("lr:hierarchicalSubject", "Bag", [_joined("|", path)]),
        ("digiKam:TagsList", "Seq", [_joined("/", path)]),
    ]
    # every property is tried: `any` would stop at the first that changes
    changed = [_add(rdf, name, kind, values) for name, kind, values in wanted]
    if not any(changed):
        return None
    start = DECLARATION if (sidecar or b"").removeprefix(BOM_UTF8).startswith(b"<?xml") else b""
    # comments and processing instructions beside the root are kept, the padding after it is not
    parts = [*reversed([*root.itersiblings(preceding=True)]), root, *root.itersiblings()]
    texts = (etree.tostring(part, encoding="UTF-8", with_tail=False) for part in parts)
    return bytes(start + b"\n".join(texts) + b"\n")


def _joined(separator: str, path: Sequence[str]) -> str:
    """The path as one value; a separator within a name would make two levels of it."""
    return separator.join(name.replace(separator, "-") for name in path)


def _parse(data: bytes) -> Any:
    """The root element. No entity is expanded and nothing is loaded."""
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, strip_cdata=False
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise NotXmp(f"it is not valid XML (line {error.position[0]})") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise NotXmp("it has a DOCTYPE, which XMP does not allow")
    return root


def _rdf(root: Any) -> Any:
    rdf = root
    if etree.QName(root).namespace == ADOBE:
        rdf = root.find("rdf:RDF", NAMESPACES)
    if rdf is None or rdf.tag != f"{{{RDF}}}RDF":
        raise NotXmp("it is XML, but not XMP")
    return rdf


def _add(rdf: Any, name: str, kind: str, values: Iterable[str]) -> bool:
    """Add values to a property; whether any was missing."""
    qualified = _qualified(name)
    descriptions = rdf.findall("rdf:Description", NAMESPACES)
    for description in descriptions:
        _expand(description, qualified, kind)
    properties = [found for one in descriptions for found in one.findall(qualified)]
    arrays = [_array(found, name, kind) for found in properties]
    known = {_folded(text) for array in arrays for text in _texts(array)}
    missing = [value for value in values if _folded(value) not in known]
    if not missing:
        return False
    if not arrays:
        if not descriptions:
            descriptions = [_child(rdf, _qualified("rdf:Description"))]
            descriptions[0].set(_qualified("rdf:about"), "")
        arrays = [_child(_child(descriptions[0], qualified), _qualified(f"rdf:{kind}"))]
    for value in missing:
        _child(arrays[0], _qualified("rdf:li")).text = value
    return True


def _expand(description: Any, name: str, kind: str) -> None:
    """Turn a property that is an attribute, RDF's short form, into an array of one value."""
    value = description.attrib.pop(name, None)
    if value is not None:
        array = _child(_child(description, name), _qualified(f"rdf:{kind}"))
        _child(array, _qualified("rdf:li")).text = value


def _array(found: Any, name: str, kind: str) -> Any:
    """The array of a property; a plain text becomes an array of one value."""
    elements = list(found.iterchildren(etree.Element))
    if len(elements) == 1 and elements[0].tag in ARRAYS:
        return elements[0]
    if len(found) or found.attrib:
        raise NotXmp(f"its {name} is not a list of tags")
    text, found.text = (found.text or "").strip(), None
    array = _child(found, _qualified(f"rdf:{kind}"))
    if text:
        _child(array, _qualified("rdf:li")).text = text
    return array


def _texts(array: Any) -> Iterator[str]:
    for item in array.iterfind("rdf:li", NAMESPACES):
        value = item.find("rdf:value", NAMESPACES)  # beside it may be notes about the value
        yield "".join((item if value is None else value).itertext())


def _folded(text: str) -> str:
    """The same for texts that a person takes for the same tag."""
    return unicodedata.normalize("NFC", text.strip().casefold())


def _qualified(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _child(parent: Any, name: str) -> Any:
    """Append an element, indented as the elements before it."""
    depth = len(list(parent.iterancestors())) + 1
    last = parent[-1] if len(parent) else None
    namespace = etree.QName(name).namespace
    prefixes = {prefix: uri for prefix, uri in NAMESPACES.items() if uri == namespace}
    child = etree.SubElement(parent, name, nsmap=prefixes)
    if (parent.text or "").strip():
        pass  # text is not to be moved
    elif last is None:
        child.tail = "\n" + " " * (depth - 1)
        parent.text = "\n" + " " * depth
    else:
        child.tail, last.tail = last.tail, parent.text
    return child
