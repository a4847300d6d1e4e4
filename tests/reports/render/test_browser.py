"""The page in a real browser: phone, desktop and paper, light and dark, by keyboard, and not one request."""

from __future__ import annotations

import os
import re
import shutil

import pytest

from reports.document.language import words
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from reports.render.html import render_html
from tests.reports.bundles import bundle, digest_of, h200_bundle, host, kunpeng_bundle, modelled_bundle, target

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
REQUIRED = os.environ.get("CHIPASSAY_REQUIRE_BROWSER") == "1"
VIEWS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
NAMES = ["main", "many", "dependence", "chinese", "projected", "modelled"]
CHIPS = ("huawei-ascend-910b3", "nvidia-h20-96gb", "nvidia-h200-sxm", "rockchip-rk3576")

MEASURE_CHARTS = """
() => [...document.querySelectorAll('svg.chart')].map(svg => {
  const box = svg.getBoundingClientRect();
  const scale = box.width / svg.viewBox.baseVal.width;
  const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim());
  const boxes = texts.map(t => t.getBoundingClientRect());
  const sizes = texts.map(t => parseFloat(getComputedStyle(t).fontSize) * scale);
  const outside = texts.filter((t, i) => { const b = boxes[i];
    return b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 || b.bottom > box.bottom + 1; });
  const crossing = texts.filter((t, i) => boxes.some((b, j) => j < i && box.width > 0
    && Math.min(b.right, boxes[i].right) - Math.max(b.left, boxes[i].left) > 2
    && Math.min(b.bottom, boxes[i].bottom) - Math.max(b.top, boxes[i].top) > 4));
  return {classes: svg.getAttribute('class'), width: box.width, height: box.height, smallest: Math.min(...sizes),
          outside: outside.map(t => t.textContent), crossing: crossing.map(t => t.textContent),
          label: svg.getAttribute('aria-label'), role: svg.getAttribute('role')};
})
"""
CONTRAST = """
() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  return [...document.querySelectorAll('p, dt, dd, td, th, small, h1, h2, h3, li, pre, summary, span, svg.chart text')]
    .filter(e => e.textContent.trim() && e.getBoundingClientRect().width > 0)
    .map(e => { const style = getComputedStyle(e); const ink = e.closest('svg') ? style.fill : style.color;
      const [a, b] = [light(parse(ink)), light(behind(e))].sort((x, y) => y - x);
      return {ratio: (a + .05) / (b + .05), text: e.textContent.trim().slice(0, 40)}; })
    .filter(e => e.ratio < 4.5);
}
"""
VISIBLE_SVG = (
    "() => [...document.querySelectorAll('svg.chart')].filter(s => s.getBoundingClientRect().width > 0).length"
)


def needed(module: str):
    """A module of the browser tests; where they are optional and it is absent, the test is skipped aloud."""
    return __import__(module, fromlist=["_"]) if REQUIRED else pytest.importorskip(module)


@pytest.fixture(scope="module")
def browser():
    path = "/usr/bin/chromium" if os.path.exists("/usr/bin/chromium") else shutil.which("chromium")  # noqa: PTH110
    if path is None:
        if REQUIRED:
            pytest.fail("CHIPASSAY_REQUIRE_BROWSER=1, but there is no chromium: install Debian's chromium")
        pytest.skip("no chromium on this machine (apt install chromium)")
    with needed("playwright.sync_api").sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The main job; many machines with long names and a second group; a dependence; the same with projections, in
    English and in Chinese; modelled targets beside measured ones."""
    many = [
        bundle(),
        bundle("/runs/b", on=host("HiSilicon Kunpeng 920 7260 64-Core Processor", "Huawei", "CN"),
               targets=(target("onnx-cpu", "float32", 1, 0.1, seed=5), target("torch-cpu", "bfloat16", 1, 0.02))),
        bundle("/runs/c", workload_name="code", workload_digest=digest_of("w2"), output_tokens=32),
    ]  # fmt: skip
    depends = [h200_bundle(with_cpu=True), kunpeng_bundle()]
    folder = tmp_path_factory.mktemp("pages")
    bundles = {"main": [bundle()], "many": many, "dependence": depends, "chinese": depends, "projected": depends,
               "modelled": [modelled_bundle()]}  # fmt: skip
    for name, given in bundles.items():
        spoken = words("zh" if name == "chinese" else "en")
        compared = compare(given, project_on=CHIPS if name in ("chinese", "projected") else ())
        (folder / f"{name}.html").write_text(render_html(judge(compared), spoken), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in NAMES}


@pytest.fixture
def open_page(browser, pages):
    opened = []

    def open_(name, width=1280, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened.append(page)
        page.goto(pages[name].as_uri(), wait_until="load")
        return page

    yield open_
    for page in opened:
        page.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_page_stands_alone_and_fits(browser, pages, name, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(pages[name].as_uri(), wait_until="load")

    assert requests == [pages[name].as_uri()]
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    charts = page.evaluate(MEASURE_CHARTS)
    shown = [chart for chart in charts if chart["width"] > 0 and chart["height"] > 0]
    layout = "wide" if width > 560 else "narrow"
    assert len(shown) == page.evaluate("document.querySelectorAll('figure').length") >= 6
    for chart in shown:
        assert chart["classes"] == f"chart {layout}"
        assert chart["smallest"] >= 11
        assert chart["outside"] == []
        assert chart["crossing"] == []
        assert chart["role"] == "img"
        assert chart["label"].endswith(("。", "."))
    assert page.evaluate(CONTRAST) == []
    page.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(open_page, name, width):
    axe = needed("axe_playwright_python.sync_playwright").Axe()
    page = open_page(name, width)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = axe.run(page).response["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found] == []


@pytest.mark.parametrize("name", ["main", "dependence", "projected", "modelled"])
def test_every_cell_is_reachable_on_a_phone(open_page, name):
    cut = open_page(name, 390).evaluate(
        "[...document.querySelectorAll('td, th, h1, h2, h3, .figure')].filter(e => e.getBoundingClientRect().width > 1"
        " && e.getBoundingClientRect().right > innerWidth).map(e => e.textContent)"
    )
    assert cut == []


def test_the_verdict_is_the_first_thing_read(open_page):
    page = open_page("dependence")
    first = page.evaluate(
        "(() => { const lead = document.querySelector('.lead'); const box = lead.getBoundingClientRect();"
        " return {text: lead.textContent, bottom: box.bottom}; })()"
    )
    assert first["text"].startswith("Without the restricted processors")
    assert first["bottom"] < 400


def test_terms_lead_to_their_explanation_by_keyboard(open_page):
    page = open_page("dependence")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    link = page.locator("table a.term").first
    link.focus()
    assert link.get_attribute("title")
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector(':target').tagName") == "DT"
    targets = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))"
    )
    assert [one for one in targets if not page.evaluate("id => !!document.getElementById(id)", one)] == []


def test_a_folded_table_opens_by_keyboard(open_page):
    page = open_page("main")
    page.locator("details.terms > summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details.terms dl").first.is_visible()


def test_the_chinese_page_says_so_and_keeps_the_recorded_words(open_page):
    page = open_page("chinese")
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    heads = page.evaluate("[...document.querySelectorAll('h2')].map(h => h.textContent)")
    assert all(re.search(r"[\u4e00-\u9fff]", head) for head in heads)
    text = page.evaluate("document.body.innerText")
    assert "没有受限处理器" in text
    assert "no meter: this KVM guest has no RAPL" in text, "what a bundle recorded is shown as recorded"


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_a_projection_stands_in_its_own_box_and_colour(open_page, width, scheme):
    page = open_page("projected", width, scheme)
    shown = page.evaluate(
        "(() => { const box = document.querySelector('.panel.projection'), style = e => getComputedStyle(e);"
        " const cell = box.querySelector('td[data-label=TPOT] > span'), measured = document.querySelector('main h2');"
        " return {box: style(box).backgroundColor, page: style(document.body).backgroundColor,"
        " head: style(box.querySelector('h2')).color, other: style(measured).color, edge: style(box).borderLeftWidth,"
        " inside: box.querySelectorAll('.swatch').length, lines: cell.innerText.split('\\n').length}; })()"
    )
    assert shown["box"] != shown["page"] and shown["head"] != shown["other"] and shown["edge"] == "6px"
    assert shown["inside"] == 0, "the colours of measured targets are theirs alone"
    assert shown["lines"] == 2, "the interval stands below its figure"


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_what_was_not_run_looks_different_not_only_by_colour(open_page, width, scheme):
    page = open_page("modelled", width, scheme)
    shown = page.evaluate(
        "(() => { const style = e => getComputedStyle(e), row = document.querySelector('tr.modelled');"
        " const edge = e => style(e).borderLeftStyle, first = row.querySelector('th');"
        " const ran = document.querySelector('table.dense tbody:not(.modelled) th');"
        " const head = document.querySelector('.modelled-head td'), box = document.querySelector('.panel.modelled');"
        " return {ink: style(first).color, other: style(ran).color, edge: [edge(first), edge(row)], ran: edge(ran),"
        " hatched: style(head).backgroundImage, said: head.innerText, panel: edge(box),"
        " colours: document.querySelectorAll('tr.modelled .swatch').length}; })()"
    )
    assert shown["ink"] != shown["other"] and "dashed" in shown["edge"] and shown["ran"] != "dashed"
    assert shown["hatched"].startswith("repeating-linear-gradient")
    assert shown["said"] == "Modelled by the vendor's tools; not run" and shown["panel"] == "dashed"
    assert shown["colours"] == 0, "the colours of measured targets are theirs alone"


@pytest.mark.parametrize("name", ["dependence", "projected", "modelled"])
def test_paper_is_light_whatever_the_screen_is(browser, pages, tmp_path, name):
    page = browser.new_page(viewport={"width": 704, "height": 1000}, color_scheme="dark")
    page.goto(pages[name].as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 32, 39)"
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(VISIBLE_SVG) == page.evaluate("document.querySelectorAll('figure').length")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    folded = page.evaluate(
        "[...document.querySelectorAll('details:not(.more):not(.terms) > :not(summary)')]"
        ".filter(e => e.getBoundingClientRect().height === 0).length"
    )
    assert folded == 0, "what is folded on the screen is open on paper"
    document = page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert document.startswith(b"%PDF") and document.count(b"/Type /Page\n") < 25
    page.close()
