"""The index of a bundle: what was asked, known before anything runs."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from importlib.metadata import version

from profiler.records.index import BUNDLE_SCHEMA, BundleIndex, WorkloadRecord
from profiler.run.request import Request


def index_of(request: Request) -> BundleIndex:
    """Return the index of a run that has just begun."""
    spec, workload = request.model.spec, request.workload
    precisions: Sequence[str] = sorted({target.precision for target in request.targets})
    facts: dict[str, float] = {
        "parameters": spec.parameters,
        "non_embedding_parameters": spec.non_embedding_parameters,
        "decode_flops_per_token": spec.decode_flops(workload.total_tokens),
        "prefill_flops": spec.prefill_flops(workload.prompt_tokens),
    }
    if workload.image:
        facts["vision_parameters"] = spec.vision_parameters
        facts["image_flops"] = spec.image_flops(workload.image.height, workload.image.width)
    for precision in precisions:
        facts[f"weight_bytes_{precision}"] = spec.weight_bytes(precision)
    return BundleIndex(
        schema=BUNDLE_SCHEMA,
        chipassay_version=version("chipassay"),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        state="running",
        command=request.command,
        model=request.model,
        model_facts=facts,
        workload=WorkloadRecord(
            name=workload.name,
            digest=workload.digest(),
            token_source=workload.token_source,
            batch=workload.batch,
            prompt_tokens=workload.prompt_tokens,
            output_tokens=workload.output_tokens,
            prompt_ids=workload.prompt_ids,
            image=workload.image,
            thinking_tokens=workload.thinking_tokens,
            conversation=workload.conversation,
        ),
        target_ids=tuple(target.id for target in request.targets),
        files={},
    )
