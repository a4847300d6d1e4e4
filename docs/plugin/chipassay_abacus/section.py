"""The report section: how many answers of this workload one kilowatt-hour pays for.

A section is a function from a judged group and the reader's words to a :class:`Section`, or None where there is nothing
to show. It returns blocks, never HTML: every format draws them.
"""

from __future__ import annotations

from reports.document import notation
from reports.document.language import Words
from reports.document.model import Grid, GroupView, Paragraph, Section

JOULES_PER_KWH = 3.6e6

TEXT = {
    "en": {
        "title": "Answers per kilowatt-hour",
        "intro": "One answer is {tokens} output tokens, the prompt's share of the energy included.",
        "target": "Target",
        "answers": "Answers per kWh",
        "grade": "Grade",
    },
    "zh": {
        "title": "每千瓦时回答数",
        "intro": "一次回答为 {tokens} 个输出 token，含提示词所耗能量。",
        "target": "目标",
        "answers": "每千瓦时回答数",
        "grade": "等级",
    },
}


def answers_per_kwh(view: GroupView, say: Words) -> Section | None:
    """Return a row for each comparable target with an energy figure; None if there is none."""
    text = TEXT[say.language]
    tokens = view.group.workload.output_tokens
    rows = []
    for row in view.group.conclusive:
        joules = row.metric("energy_per_output_token")
        if joules.value:
            answers = JOULES_PER_KWH / (joules.value * tokens)
            rows.append((row.label, notation.number(answers), say(f"grade.{joules.grade}")))
    if not rows:
        return None
    head = (text["target"], text["answers"], text["grade"])
    blocks = (Paragraph(text["intro"].format(tokens=tokens)), Grid(text["title"], head, tuple(rows)))
    return Section("answers_per_kwh", text["title"], blocks)
