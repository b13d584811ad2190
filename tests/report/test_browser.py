"""The page in a real browser: figures drawn, console silent, pictures taken."""

import re
import shutil
import struct
import subprocess

import pytest

from disparate.report.html import page

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--virtual-time-budget=30000",
    "--enable-logging=stderr",
)
DARK = "--blink-settings=preferredColorScheme=0"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium or google-chrome"),
]


@pytest.fixture(scope="module")
def report(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(result), encoding="utf-8")
    return path


def browse(report, tmp_path, *flags, width=1280, height=2000):
    command = [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},{height}", *flags]
    done = subprocess.run([*command, report.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_every_figure_is_drawn_and_the_console_is_silent(report, tmp_path):
    document, console = browse(report, tmp_path, "--dump-dom")
    assert console == []
    figures = len(re.findall(r'data-figure="', document))
    assert figures == 26
    assert f'data-figures-drawn="{figures}"' in document
    assert document.count("svg-container") == figures
    assert document.count('class="point"') > 100


def test_figures_that_say_why_are_drawn_too(explain_five, tmp_path):
    path = tmp_path / "explanation.html"
    path.write_text(page(explain_five), encoding="utf-8")
    document, console = browse(path, tmp_path, "--dump-dom")
    assert console == []
    figures = len(re.findall(r'data-figure="', document))
    assert figures > 10
    assert f'data-figures-drawn="{figures}"' in document


def test_policy_stops_a_foreign_script(report, tmp_path):
    changed = tmp_path / "changed.html"
    text = report.read_text(encoding="utf-8")
    changed.write_text(text.replace("<h1>", "<script>document.title='owned'</script><h1>", 1), encoding="utf-8")
    document, console = browse(changed, tmp_path, "--dump-dom")
    assert "<title>owned" not in document
    assert len(console) == 1
    assert "Content Security Policy" in console[0]


@pytest.mark.parametrize(("name", "flags", "width"), [("light", (), 1280), ("dark", (DARK,), 1280), ("phone", (), 500)])
def test_picture_can_be_taken(report, tmp_path, name, flags, width):
    target = tmp_path / f"{name}.png"
    _, console = browse(report, tmp_path, *flags, f"--screenshot={target}", width=width)
    assert console == []
    assert struct.unpack(">II", target.read_bytes()[16:24]) == (width, 2000)


def test_figures_follow_the_dark_theme(report, tmp_path):
    light, _ = browse(report, tmp_path, "--dump-dom")
    dark, _ = browse(report, tmp_path, "--dump-dom", DARK)
    assert "rgb(181, 69, 11)" in light
    assert "rgb(181, 69, 11)" not in dark
    assert "rgb(255, 157, 97)" in dark


def test_a_narrow_window_needs_no_sideways_scrolling(report, tmp_path):
    probe = tmp_path / "probe.html"
    text = report.read_text(encoding="utf-8")
    policy = re.search(r"script-src [^;]*;", text)[0]
    measure = "document.body.dataset.wide = String(document.documentElement.scrollWidth)"
    script = f"<script>addEventListener('load', () => setTimeout(() => {{ {measure} }}, 9000))</script>"
    changed = text.replace(policy, "script-src 'unsafe-inline';").replace("</body>", f"{script}</body>")
    probe.write_text(changed, encoding="utf-8")
    document, _ = browse(probe, tmp_path, "--dump-dom", width=500)
    assert int(re.search(r'data-wide="(\d+)"', document)[1]) <= 500
