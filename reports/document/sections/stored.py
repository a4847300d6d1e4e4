"""How a checkpoint is stored, what of it no part uses, and whose routing is replayed, as (name, value) facts."""

from __future__ import annotations

from backends.qwen.model import Model
from reports.document.language import Words
from reports.judge.comparison.comparison import Group


def stored_facts(group: Group, say: Words) -> list[tuple[str, str]]:
    """Return what the record says of the model's files; nothing for synthetic weights with routers that choose."""
    model = group.model
    return [*_storage(model, group, say), *_routing(model, say)]


def _storage(model: Model, group: Group, say: Words) -> list[tuple[str, str]]:
    storage = model.storage
    if storage is None:
        return []
    facts = []
    if storage.form:
        arithmetic = dict.fromkeys(row.record.worker.engine.arithmetic for row in group.rows if row.record.worker)
        text = say("facts.stored_text", form=say.quoted(storage.form), count=storage.quantised,
                   arithmetic=say.listing(list(arithmetic)) or "float32")  # fmt: skip
        facts.append((say("facts.stored"), text))
    if storage.unused:
        parts = [say(f"facts.unused.{each.reason}", count=each.tensors) for each in storage.unused]
        facts.append((say("facts.unused"), say.clauses(parts)))
    if storage.unread_keys:
        facts.append((say("facts.unread_keys"), say.enumeration(storage.unread_keys)))
    return facts


def _routing(model: Model, say: Words) -> list[tuple[str, str]]:
    if model.routing is None:
        return []
    found = model.routing
    text = say("facts.replayed_text", path=found.path, model=found.recorded_with, digest=found.digest)
    return [(say("facts.replayed"), text)]
