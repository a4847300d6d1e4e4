"""The message catalogue: both languages, the same placeholders, nothing unused and nothing missing."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from backends.common.errors import InputError
from profiler.disturbance.device import DEVICE_DETECTORS
from profiler.disturbance.host import DETECTORS
from profiler.metrics.catalogue import METRICS
from reports.document.language import LANGUAGES, Words, catalogue, check_languages, parse_language, words
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from reports.render.html import render_html
from reports.render.markdown import render_markdown
from tests.reports.bundles import bundle, digest_of, h200_bundle, kunpeng_bundle

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
WORD = re.compile(r"[A-Za-z]{3,}")


def placeholders(template) -> set[str]:
    texts = template.values() if isinstance(template, dict) else [template]
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", list(catalogue()))
def test_a_message_has_both_languages_and_the_same_placeholders(key):
    entry = catalogue()[key]
    assert set(entry) == set(LANGUAGES)
    # The count that chooses a plural need not be said in the other language.
    plural = {"count"} if isinstance(entry["en"], dict) else set()
    assert placeholders(entry["en"]) - plural == placeholders(entry["zh"]) - plural
    if isinstance(entry["en"], dict):
        assert set(entry["en"]) == {"one", "other"}
    if key.startswith("language."):
        return
    words_in_it = WORD.search(re.sub(r"\{\w+\}|FLOP|TTFT|TPOT|MBU|MFU", "", str(entry["en"])).replace("other", ""))
    assert CHINESE.search(str(entry["zh"])) or not words_in_it, "a translation that is none"
    assert not CHINESE.search(str(entry["en"]))


def test_a_language_that_is_not_whole_says_what_it_lacks():
    messages = {"a.b": {"en": "x", "zh": "甲"}, "a.c": {"en": "y"}}
    with pytest.raises(InputError, match=r"'zh' lacks 1 of 2 messages.*: a\.c"):
        check_languages(messages, LANGUAGES)
    with pytest.raises(InputError, match="fr"):
        check_languages({"a.b": {"en": "x", "zh": "甲", "fr": "z"}}, LANGUAGES)


def test_every_remedy_is_translated_from_its_current_words():
    for detector in (*DETECTORS, *DEVICE_DETECTORS):
        entry = catalogue()[f"disturbance.remedy.{detector.name}"]
        assert entry["en"] == detector.remedy, f"{detector.name} has moved on: translate it again"
        assert f"disturbance.name.{detector.name}" in catalogue()


def test_every_metric_is_translated_from_its_current_words():
    for metric in METRICS:
        for what in ("title", "definition"):
            entry = catalogue()[f"metric.{metric.name}.{what}"]
            assert entry["en"] == getattr(metric, what), f"{metric.name} has moved on: translate it again"


def test_a_metric_whose_translation_is_outdated_shows_its_current_words(monkeypatch):
    metric = METRICS[0]
    assert CHINESE.search(words("zh").definition(metric))
    monkeypatch.setitem(catalogue(), f"metric.{metric.name}.definition", {"en": "older", "zh": "旧"})
    assert words("zh").definition(metric) == words("zh").quoted(metric.definition)
    assert words("en").definition(metric) == metric.definition


def literals() -> tuple[set[str], list[re.Pattern[str]]]:
    """Every text of the product's code, and a pattern for every text that is put together from a fixed start."""
    texts, patterns = set(), []
    for floor in ("reports", "profiler", "backends"):
        for path in (ROOT / floor).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.add(node.value)
                elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                    parts = (re.escape(one.value) if isinstance(one, ast.Constant) else r"(\w+)" for one in node.values)
                    patterns.append(re.compile("".join(parts)))
    templates = "".join(path.read_text() for path in ROOT.glob("reports/render/templates/*.j2"))
    return texts | set(re.findall(r"'([\w.]+)'", templates)), [one for one in patterns if "." in one.pattern]


def test_every_message_is_said_somewhere():
    """A key is in the code as it is, or a fixed start of it is, and what fills it is in the code too.

    What a record says (``recorded.*``) has a test of its templates; a detail of a part is named without its unit.
    """
    texts, patterns = literals()
    texts |= {text.removesuffix(unit) for text in texts for unit in ("_bytes", "_w", "_hz", "_bits")}
    unused = [
        key
        for key in catalogue()
        if not key.startswith("recorded.")
        and key not in texts
        and not any(found and texts.issuperset(found.groups()) for found in (one.fullmatch(key) for one in patterns))
    ]
    assert unused == []


def test_the_whole_report_can_be_said_in_chinese():
    comparison = compare([h200_bundle(with_cpu=True), kunpeng_bundle(), bundle("/b", workload_digest=digest_of("w2"))])
    for text in (render_html(judge(comparison), words("zh")), render_markdown(judge(comparison), words("zh"))):
        assert "没有受限处理器" in text
        assert "Without the restricted" not in text
        assert "What this rests on" not in text
        assert "Not compared with" not in text
    assert 'lang="zh-Hans"' in render_html(judge(comparison), words("zh"))


def test_headings_of_a_chinese_document_are_chinese():
    text = render_markdown(judge(compare([h200_bundle(with_cpu=True), kunpeng_bundle()])), words("zh"))
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert len(heads) > 8
    assert [head for head in heads if not CHINESE.search(head)] == []


def test_lists_and_sentences_follow_the_language():
    assert words("en").listing(["a"]) == "a" and words("en").listing(["a", "b", "c"]) == "a, b and c"
    assert words("zh").listing(["a", "b", "c"]) == "a、b、c"
    assert words("en").together(["A.", "B."]) == "A. B." and words("zh").together(["甲。", "乙。"]) == "甲。乙。"


def test_a_plural_follows_its_count():
    said = [words("en")("page.footer", version="1", count=count) for count in (1, 2)]
    assert "1 run bundle." in said[0] and "2 run bundles." in said[1]


def test_a_missing_message_or_value_is_a_bug_and_not_a_gap():
    with pytest.raises(KeyError):
        Words("en")("no.such.message")
    with pytest.raises(KeyError):
        Words("en")("summary.failed")


def test_a_language_is_named_or_refused():
    assert parse_language(" ZH ") == "zh"
    with pytest.raises(InputError, match="unknown language 'french'"):
        parse_language("french")
