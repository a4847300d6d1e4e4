"""The outcome as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from profiler.metrics.catalogue import METRICS
from profiler.records.ceilings import CeilingSample
from profiler.records.quantity import Quantity
from tests.benchmarks.contenders import OURS
from tests.benchmarks.outcome import Outcome
from tests.benchmarks.race import Heat
from tests.benchmarks.score import Entry

_SCALE = {"mbu": (100.0, "%"), "mfu": (100.0, "%")}
_BEYOND = 1.1
"""Past this share of a ceiling a figure says that work was skipped, or that the machine changed in between."""


def render(outcome: Outcome) -> str:
    """The whole report."""
    parts = [
        f"# {outcome.model}, {outcome.prompt_tokens} + {outcome.output_tokens} tokens, {outcome.threads} threads",
        "\n".join(f"* {line}" for line in _header(outcome)),
        _contenders(outcome.entries),
        _NOTES,
        _absent(outcome),
        "## Wanted",
        _wishes(outcome),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


_NOTES = (
    "Median [95 % interval]. The *over it* columns say how many times as fast as the contender ours decoded in the "
    "same round (prefill in brackets). MBU counts the bytes of *our* format at that precision; a peer's format may "
    "need more or fewer. *Same tokens*: leading output tokens shared with ours; quantised formats differ by design. "
    "A wish is granted or denied by the whole interval."
)


def _header(outcome: Outcome) -> list[str]:
    lines = [f"{outcome.machine}; {outcome.created}", f"versions: {', '.join(outcome.versions)}"]
    for heat in outcome.heats:
        lines.append(f"heat {heat.precision}: {_ceilings(heat)}")
    return lines


def _ceilings(heat: Heat) -> str:
    assert heat.ceilings is not None
    rates = {"read": heat.ceilings.read_samples, **heat.ceilings.gemm_samples}
    shown = [f"{name} {_range(samples)} G{'B' if name == 'read' else 'FLOP'}/s" for name, samples in rates.items()]
    before, after = heat.load_average
    return f"{heat.rounds} rounds; ceilings {', '.join(shown)}; load average {before:.1f} before, {after:.1f} after"


def _range(samples: Sequence[CeilingSample]) -> str:
    rates = sorted(sample.amount / sample.duration_ns for sample in samples)
    return f"{rates[len(rates) // 2]:.1f} ({rates[0]:.1f} to {rates[-1]:.1f})" if rates else "not sampled"


def _contenders(entries: Sequence[Entry]) -> str:
    titles = {metric.name: metric.title for metric in METRICS}
    head = ["contender", "Decode tok/s", "Prefill tok/s", titles["mbu"], titles["mfu"]]
    head += [f"{name} over it" for name in OURS]
    head += ["same tokens", "disturbed"]
    rows = []
    for entry in entries:
        figures = [
            _figure(entry.metrics[name], *_SCALE.get(name, (1.0, ""))) + _doubt(name, entry.metrics[name])
            for name in ("decode_throughput", "prefill_throughput", "mbu", "mfu")
        ]
        name = f"**{entry.contender.id}**" if entry.contender.ours else entry.contender.id
        ratios = [_ratio(entry, engine) for engine in OURS]
        disturbed = f"{entry.spoiled} of {entry.metrics['decode_throughput'].n}"
        rows.append([name, *figures, *ratios, str(entry.same_tokens), disturbed])
    return _grid(head, rows)


def _ratio(entry: Entry, engine: str) -> str:
    if engine not in entry.ratios:
        return "—"
    prefill = entry.prefill_ratios[engine].value
    return f"{_figure(entry.ratios[engine], 1.0, '×', 2)} ({prefill:.2f}×)"


def _doubt(name: str, figure: Quantity) -> str:
    return " (beyond the ceiling!)" if name in _SCALE and figure.value is not None and figure.value > _BEYOND else ""


def _figure(figure: Quantity | None, scale: float = 1.0, unit: str = "", decimals: int = 1) -> str:
    if figure is None or figure.value is None:
        return "—"
    text = f"{figure.value * scale:.{decimals}f}{unit}"
    if figure.ci95:
        text += f" [{figure.ci95[0] * scale:.{decimals}f}, {figure.ci95[1] * scale:.{decimals}f}]"
    return text


def _absent(outcome: Outcome) -> str:
    rows = [[name, reason] for name, reason in outcome.absent.items()]
    return "## Did not run\n\n" + _grid(["contender", "why"], rows) if rows else ""


def _wishes(outcome: Outcome) -> str:
    rows = [
        [
            wish.what,
            f"{'≥' if wish.at_least else '≤'} {wish.bound:g}",
            _figure(wish.figure, decimals=3),
            wish.verdict,
        ]
        for wish in outcome.wishes
    ]
    return _grid(["what", "wanted", "measured", "met"], rows)


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
