"""The page in a real browser: phone and desktop, light and dark, and not one request."""

from __future__ import annotations

import os
import shutil

import pytest

from reports.comparison import compare
from reports.html import render_html
from tests.reports.bundles import bundle, digest_of, host, target

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHARTS_PER_GROUP = 4
VIEWS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]

MEASURE_CHARTS = """
() => [...document.querySelectorAll('svg.chart')].map(svg => {
  const box = svg.getBoundingClientRect();
  const scale = box.width / svg.viewBox.baseVal.width;
  const texts = [...svg.querySelectorAll('text')];
  const sizes = texts.map(t => parseFloat(getComputedStyle(t).fontSize) * scale);
  const outside = texts.filter(t => { const b = t.getBoundingClientRect();
    return b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 || b.bottom > box.bottom + 1; });
  return {classes: svg.getAttribute('class'), width: box.width, height: box.height, smallest: Math.min(...sizes),
          outside: outside.map(t => t.textContent), label: svg.getAttribute('aria-label'),
          role: svg.getAttribute('role')};
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


@pytest.fixture(scope="module")
def browser():
    path = "/usr/bin/chromium" if os.path.exists("/usr/bin/chromium") else shutil.which("chromium")  # noqa: PTH110
    required = os.environ.get("CHIPASSAY_REQUIRE_BROWSER") == "1"
    if path is None:
        if required:
            pytest.fail("CHIPASSAY_REQUIRE_BROWSER=1, but there is no chromium: install Debian's chromium")
        pytest.skip("no chromium on this machine (apt install chromium)")
    playwright = (
        pytest.importorskip("playwright.sync_api") if not required else __import__("playwright.sync_api").sync_api
    )
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Two reports: the main job, and many machines with long names and a second group."""
    many = [
        bundle(),
        bundle("/runs/b", on=host("HiSilicon Kunpeng 920 7260 64-Core Processor", "Huawei", "CN"),
               targets=(target("onnx-cpu", "float32", 1, 0.1, seed=5), target("torch-cpu", "bfloat16", 1, 0.02))),
        bundle("/runs/c", workload_name="code", workload_digest=digest_of("w2"), output_tokens=32),
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("pages")
    for name, bundles in (("main", [bundle()]), ("many", many)):
        (folder / f"{name}.html").write_text(render_html(compare(bundles)), encoding="utf-8")
    return {"main": (folder / "main.html", CHARTS_PER_GROUP), "many": (folder / "many.html", 2 * CHARTS_PER_GROUP)}


@pytest.mark.parametrize("name", ["main", "many"])
@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_page_stands_alone_and_fits(browser, pages, name, width, scheme):
    path, chart_count = pages[name]
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri(), wait_until="load")

    assert requests == [path.as_uri()]
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    charts = page.evaluate(MEASURE_CHARTS)
    shown = [chart for chart in charts if chart["width"] > 0 and chart["height"] > 0]
    wanted = f"chart {scheme} {'wide' if width > 560 else 'narrow'}"
    assert [chart["classes"] for chart in shown] == [wanted] * chart_count
    for chart in shown:
        assert chart["smallest"] >= 11
        assert chart["outside"] == []
        assert chart["role"] == "img"
        assert chart["label"].endswith(".")
    assert page.evaluate(CONTRAST) == []
    page.close()


def test_every_cell_is_reachable_on_a_phone(browser, pages):
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(pages["main"][0].as_uri())
    cut = page.evaluate(
        "[...document.querySelectorAll('td, th, h1, h2, h3, .figure')].filter(e => e.getBoundingClientRect().width > 0"
        " && e.getBoundingClientRect().right > innerWidth).map(e => e.textContent)"
    )
    assert cut == []
    page.close()
