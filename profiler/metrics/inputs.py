"""What a picture, a thought, and further turns cost: figures of the workloads that have them."""

from __future__ import annotations

from profiler.metrics.contract import Context, Metric, ceiling_of
from profiler.records.quantity import Quantity
from profiler.records.target import Measured, conversation_ns
from profiler.statistics.medians import median

NO_IMAGE = "the workload has no picture"
NO_TURNS = "the workload has one turn"


class ImageEncode(Metric):
    """Time in the vision tower."""

    name, title, unit, better = "image_encode", "Image encode", "s", "lower"
    about = "image"
    column = "where known"
    definition = (
        "Time in the vision tower, from patches to tokens of the prompt, for the pictures of all sequences: a part of "
        "TTFT. Reading and scaling a picture file is not in it."
    )

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Median over repetitions."""
        samples = _encode_s(measured)
        if not samples:
            return Quantity.unavailable(self.unit, NO_IMAGE)
        return self._median(samples, "measured", "monotonic clock around the tower, median over repetitions")


class ImageShare(Metric):
    """The tower's part of TTFT."""

    name, title, unit, better = "image_share", "Image share of TTFT", "1", "lower"
    about = "image"
    column = "details"
    definition = "Image encode divided by TTFT; what the picture's tokens cost in the prefill comes on top."

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Median over repetitions."""
        samples = [r.image_ns / r.token_ns[0] for r in measured.worker.counted if r.image_ns is not None]
        if not samples:
            return Quantity.unavailable(self.unit, NO_IMAGE)
        return self._median(samples, "derived", "image encode / TTFT of each repetition, median")


class ImageTokens(Metric):
    """Tokens of the prompt that are the picture."""

    name, title, unit, better = "image_tokens", "Image tokens", "tok", "lower"
    about = "image"
    column = "details"
    definition = "Tokens that the picture takes in each prompt: its patches, merged as the model merges them."

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Follows from the size of the picture and the tower's dimensions."""
        if context.image is None:
            return Quantity.unavailable(self.unit, NO_IMAGE)
        method = f"{context.image.width}x{context.image.height} pixels, after the processor's scaling"
        return Quantity(float(context.image.tokens), self.unit, "derived", method, 1)


class ImageMfu(Metric):
    """FLOPs utilisation of the vision tower."""

    name, title, unit, better = "image_mfu", "MFU of the tower", "1", "higher"
    about = "image"
    column = "details"
    definition = (
        "Operations that the vision tower needs for the pictures, divided by image encode and by the matrix-product "
        "rate that the machine showed right before and after, at the same arithmetic."
    )

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Median over repetitions, each against the matrix-product rate measured right before and after it."""
        if not _encode_s(measured):
            return Quantity.unavailable(self.unit, NO_IMAGE)
        arithmetic = measured.worker.engine.arithmetic
        beside = context.ceilings.gemm_samples.get(arithmetic, ()) if context.ceilings else ()
        samples = [
            len(r.token_ids) * context.image_flops / (r.image_ns / 1e9) / ceiling
            for r in measured.worker.counted
            if r.image_ns and (ceiling := ceiling_of(beside, r)) is not None
        ]
        if not samples:
            return Quantity.unavailable(self.unit, f"no {arithmetic} matrix-product ceiling is measured on this device")
        method = f"required operations / image encode over the {arithmetic} product beside each repetition, median"
        return self._median(samples, "derived", method)


class TimeToAnswer(Metric):
    """Time to the first token after the thought."""

    name, title, unit, better = "time_to_answer", "Time to answer", "s", "lower"
    about = "thought"
    column = "where known"
    definition = (
        "Time from handing over the prompt to knowing the first token of the answer, when a thought of the workload's "
        "thinking tokens comes before it. TTFT is the time to the first token of the thought."
    )

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Median over repetitions."""
        thought = context.thinking_tokens
        if not thought:
            return Quantity.unavailable(self.unit, "the workload has no thinking budget; use --thinking-tokens")
        samples = [r.token_ns[thought] / 1e9 for r in measured.worker.counted]
        return self._median(samples, "measured", f"monotonic clock at output token {thought + 1}, median")


class TurnTtft(Metric):
    """TTFT of the turns after the first."""

    name, title, unit, better = "turn_ttft", "TTFT, later turns", "s", "lower"
    about = "turns"
    column = "where known"
    definition = (
        "Time from handing over what a later turn adds to knowing the first token of its answer: the median of the "
        "later turns. Without a prefix cache it prefills everything said so far, with one only what is new."
    )

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Median over turns, then over repetitions."""
        samples = [median([t.token_ns[0] / 1e9 for t in r.turns]) for r in measured.worker.counted if r.turns]
        if not samples:
            return Quantity.unavailable(self.unit, NO_TURNS)
        return self._median(samples, "measured", "monotonic clock, median over later turns, median over repetitions")


class ConversationTime(Metric):
    """Time of all turns."""

    name, title, unit, better = "conversation_time", "Conversation", "s", "lower"
    about = "turns"
    column = "where known"
    definition = (
        "Time from handing over the first prompt to the last token of the last turn, with no wait between turns."
    )

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Median over repetitions."""
        samples = [conversation_ns(r) / 1e9 for r in measured.worker.counted if r.turns]
        if not samples:
            return Quantity.unavailable(self.unit, NO_TURNS)
        return self._median(samples, "measured", "monotonic clock over all turns, median over repetitions")


def _encode_s(measured: Measured) -> list[float]:
    """Return the time in the tower of every repetition with a picture."""
    return [r.image_ns / 1e9 for r in measured.worker.counted if r.image_ns is not None]
