"""Plain lines where there is no terminal, one live line where there is."""

import io

from rich.console import Console

from profiler.run import progress
from profiler.run.plan import Event
from profiler.run.progress import Progress


def plain():
    stream = io.StringIO()
    return Progress(Console(file=stream, force_terminal=False)), stream


def test_a_new_stage_is_a_line_and_the_same_stage_waits(monkeypatch):
    monkeypatch.setattr(progress.time, "monotonic", lambda: 100.0)
    shown, stream = plain()
    with shown:
        shown.begin("onnx-cpu@int8", "starting")
        shown.event(Event("load", "weights 10 %"))
        shown.event(Event("load", "weights 20 %"))
        shown.event(Event("measure", "repetition 1: 5.00 tok/s", 12.4))
        monkeypatch.setattr(progress.time, "monotonic", lambda: 106.0)
        shown.event(Event("measure", "repetition 2: 5.10 tok/s", 300.0))
        shown.done("finished")
    assert stream.getvalue().splitlines() == [
        "onnx-cpu@int8  starting",
        "onnx-cpu@int8  load: weights 10 %",
        "onnx-cpu@int8  measure: repetition 1: 5.00 tok/s, about 12 s left",
        "onnx-cpu@int8  measure: repetition 2: 5.10 tok/s, about 5.0 min left",
        "onnx-cpu@int8  finished",
    ]


def test_what_an_engine_says_is_never_taken_for_markup():
    shown, stream = plain()
    shown.begin("t", "a")
    shown.event(Event("load", "[bold]tensor[0][/nonsense]"))
    shown.done("[red]done[/x]")
    assert "[bold]tensor[0][/nonsense]" in stream.getvalue()
    assert "[red]done[/x]" in stream.getvalue()


def test_on_a_terminal_what_an_engine_says_is_never_taken_for_markup_either():
    stream = io.StringIO()
    with Progress(Console(file=stream, force_terminal=True, width=100)) as shown:
        shown.begin("t", "a")
        shown.event(Event("load", "tensor [/nonsense] [0]"))
        shown.done("over")
    assert "over" in stream.getvalue()
