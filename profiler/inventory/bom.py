"""The inventory as a CycloneDX 1.6 bill of materials, through ``cyclonedx-python-lib``.

Parts become components of the standard's types: ``device``, ``firmware``, ``operating-system``, ``platform``
(interpreter, hypervisor), ``framework`` (engines), ``library`` with a package URL, and ``machine-learning-model``.
Facts become properties in the namespace ``chipassay:``; names are joined by colons, lists are JSON. Unreadable parts
are properties of the document, ``chipassay:unread:PART`` with the reason.

The same inventory gives the same document, byte for byte: the serial number is a UUID version 5 of the content, and the
timestamp is the bundle's creation or else ``SOURCE_DATE_EPOCH``; without either it is omitted.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component as Part
from cyclonedx.model.component import ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from backends.common.errors import InputError
from backends.qwen.model import Model
from profiler.records.codec import encode
from profiler.records.host import Component, Host

NAMESPACE = "chipassay"

_SERIAL_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://chipassay/cyclonedx/1")
_ORIGIN = ("designer_country", "foundry", "foundry_country", "foundry_country_alt", "process_node", "memory_type")


def cyclonedx(host: Host, *, version: str, model: Model | None = None, created: datetime.datetime | None = None) -> str:
    """Return the document as JSON text.

    ``version`` is that of chipassay, named as the tool; ``model`` is the model a bundle was made with.
    """
    parts = [_part(component, number) for number, component in enumerate(host.components)]
    parts += [_library(name, release) for name, release in packages(host).items()]
    if model is not None:
        parts.append(_model(model))
    tool = Part(name=NAMESPACE, version=version, type=ComponentType.APPLICATION)
    subject = Part(
        name=_subject(host),
        type=ComponentType.DEVICE,
        bom_ref="machine",
        properties=[_property("fingerprint", host.fingerprint)],
    )
    metadata = BomMetaData(
        tools=ToolRepository(components=[tool]),
        component=subject,
        timestamp=created or datetime.datetime.fromtimestamp(0, datetime.UTC),
    )
    seed = hashlib.sha256(encode([host, model, version, created.isoformat() if created else None])).hexdigest()
    bom = Bom(
        components=parts,
        metadata=metadata,
        serial_number=uuid.uuid5(_SERIAL_SPACE, seed),
        properties=[_property(f"unread:{part}", reason) for part, reason in host.unread.items()],
    )
    bom.register_dependency(subject, parts)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    if created is None:
        del document["metadata"]["timestamp"]
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def document_time(created: str | None) -> datetime.datetime | None:
    """Return when the facts were taken: the bundle's time, else ``SOURCE_DATE_EPOCH`` (seconds), else None."""
    if created is not None:
        try:
            return datetime.datetime.fromisoformat(created)
        except ValueError as error:
            raise InputError(
                f"the bundle's creation time {created!r} is not ISO 8601: the bundle is damaged"
            ) from error
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return None
    try:
        return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(f"SOURCE_DATE_EPOCH must be a count of seconds, not {epoch!r}") from error


def packages(host: Host) -> dict[str, str]:
    """Return name and version of the Python packages in the inventory."""
    versions: dict[str, str] = {}
    for component in host.components:
        listed = component.details.get("packages") if component.kind == "python" else None
        if isinstance(listed, dict):
            versions.update({str(name): str(version) for name, version in listed.items() if name})
    return versions


def _subject(host: Host) -> str:
    return next((part.name for part in host.components if part.kind == "machine"), "machine")


def _part(component: Component, number: int) -> Part:
    details = {key: value for key, value in component.details.items() if key not in ("packages", "chip")}
    chip = component.details.get("chip")
    chip = chip if isinstance(chip, dict) else {}
    facts = {
        "kind": component.kind,
        "source": component.source,
        "note": component.note,
        "designer_country": component.designer_country,
        "chip": {key: value for key, value in chip.items() if key not in _ORIGIN},
        **{key: chip[key] for key in _ORIGIN if key in chip and key != "designer_country"},
        "detail": details,
    }
    maker = OrganizationalEntity(name=component.vendor) if component.vendor else None
    return Part(
        name=component.name,
        type=_type(component.kind),
        bom_ref=f"{component.kind}-{number}",
        version=_version(component),
        manufacturer=maker,
        properties=[_property(key, value) for key, value in _flat(facts)],
    )


def _type(kind: str) -> ComponentType:
    return {
        "firmware": ComponentType.FIRMWARE,
        "operating-system": ComponentType.OPERATING_SYSTEM,
        "virtualisation": ComponentType.PLATFORM,
        "python": ComponentType.PLATFORM,
        "engine": ComponentType.FRAMEWORK,
        "numeric-libraries": ComponentType.LIBRARY,
    }.get(kind, ComponentType.DEVICE)


def _version(component: Component) -> str | None:
    version = component.details.get("version")
    return str(version) if version else None


def _library(name: str, version: str) -> Part:
    if not name.strip():  # no package index has a name for it
        return Part(name=name, version=version, type=ComponentType.LIBRARY)
    purl = PackageURL("pypi", name=name, version=version)
    return Part(name=name, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=purl.to_string())


def _model(model: Model) -> Part:
    spec = model.spec
    facts = {
        "model": {
            "architecture": spec.architecture,
            "parameters": spec.parameters,
            "layers": spec.layers,
            "weights": model.weights_kind,
            "hub_id": spec.hub_id,
            "digest": model.digest,
        }
    }
    digest = model.digest
    known = len(digest) == 64 and all(character in "0123456789abcdef" for character in digest)
    return Part(
        name=spec.name,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model-{spec.name}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)] if known else None,
        properties=[_property(key, value) for key, value in _flat(facts)],
    )


def _property(name: str, value: str) -> Property:
    return Property(name=f"{NAMESPACE}:{name}", value=value)


def _flat(facts: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested facts under names joined by colons; skip empty ones."""
    for key, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}:")
        elif value not in (None, "", [], ()):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
            yield f"{prefix}{key}", text
