//! The page in a real browser. Runs if `SWEETSPOT_CHROMIUM` is 1, which `.ci/run` sets, and
//! otherwise reports that it was skipped.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::report::html;
use harness::report::model::{Document, Status};
use serde::Deserialize;
use tempfile::TempDir;

use crate::report_documents::{a_gate, a_grid, a_hostile_document, a_sweep, a_tuning};

/// Properties that the page reports about itself.
#[derive(Debug, Deserialize)]
struct Seen {
    text: String,
    /// Widths of the window and of everything in it.
    window: f64,
    content: f64,
    /// Requested addresses.
    requests: Vec<String>,
    /// Characters for which no font has a glyph.
    missing: Vec<String>,
    /// Texts of pictures that cross the edge of the picture or overlap another text.
    clipped: Vec<String>,
    overlapping: Vec<String>,
    /// Interactive elements that a keyboard cannot reach.
    unreachable: Vec<String>,
    /// Smallest text of a picture, in pixels of the screen.
    smallest: f64,
}

fn is_asked_for() -> bool {
    let asked = std::env::var("SWEETSPOT_CHROMIUM").is_ok_and(|value| value == "1");
    if !asked {
        // A macro of the test harness would capture this output.
        let words = b"skipped: SWEETSPOT_CHROMIUM=1 opens the page in Chromium\n";
        io::stderr().write_all(words).unwrap();
    }
    asked
}

fn chromium(profile: &Path) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new("chromium");
    command.timeout(Duration::from_secs(120)).args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--virtual-time-budget=20000",
    ]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    command
}

/// A page that shows another in a frame of this many pixels. A window itself cannot be as narrow as
/// a phone.
fn framed(page: &str, width: u32, height: u32) -> String {
    let page = page.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!doctype html><meta charset=utf-8><body style='margin:0'><iframe \
         style='border:0;display:block;width:{width}px;height:{height}px' srcdoc=\"{page}\">\
         </iframe>"
    )
}

/// The framed page with a script that reports its properties.
fn watching(page: &str, width: u32) -> String {
    let framed = framed(page, width, 800);
    format!("{framed}<pre id=seen style='display:none'></pre><script>{SCRIPT}</script>")
}

const SCRIPT: &str = r"
onload = () => {
  const frame = document.querySelector('iframe');
  const page = frame.contentDocument, view = frame.contentWindow;
  const body = page.body, root = page.documentElement;
  const closed = [...page.querySelectorAll('details')];
  closed.forEach(d => d.open = true);
  const shown = e => e.getClientRects().length > 0;
  const texts = [...page.querySelectorAll('svg text')].filter(shown);

  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 40;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const drawn = (c, font) => {
    pen.clearRect(0, 0, 40, 40);
    pen.font = '24px ' + font;
    pen.fillText(c, 6, 28);
    return pen.getImageData(0, 0, 40, 40).data.join();
  };
  const missing = new Set();
  for (const e of [body, page.querySelector('pre')]) {
    const font = view.getComputedStyle(e).fontFamily;
    const none = drawn('\u{10fffd}', font);
    for (const c of new Set(e.textContent)) {
      if (c.trim() && drawn(c, font) === none) missing.add(c);
    }
  }

  const clipped = [], overlapping = [];
  for (const svg of new Set(texts.map(t => t.ownerSVGElement))) {
    const frame = svg.getBoundingClientRect();
    const boxes = texts.filter(t => t.ownerSVGElement === svg)
      .map(t => [t.textContent.trim(), t.getBoundingClientRect()]);
    for (const [words, b] of boxes) {
      if (b.left < frame.left - 1 || b.right > frame.right + 1 ||
          b.top < frame.top - 1 || b.bottom > frame.bottom + 1) clipped.push(words);
    }
    for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
      const [a, b] = [boxes[i][1], boxes[j][1]];
      const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      // Line boxes are higher than their ink, so they may overlap a little.
      if (x > 2 && y > 0.35 * Math.min(a.height, b.height)) {
        overlapping.push(boxes[i][0] + ' and ' + boxes[j][0]);
      }
    }
  }
  const size = t => parseFloat(view.getComputedStyle(t).fontSize) *
    t.ownerSVGElement.getBoundingClientRect().width / t.ownerSVGElement.viewBox.baseVal.width;

  const reach = [...page.querySelectorAll('a, summary, [tabindex]')].filter(shown);
  const wide = [...page.querySelectorAll('body *')]
    .filter(e => shown(e) && e.scrollWidth > e.clientWidth + 1 &&
      /auto|scroll/.test(view.getComputedStyle(e).overflowX));
  const unreachable = [...reach, ...wide].filter(e => {
    e.focus();
    return page.activeElement !== e;
  }).map(e => e.tagName + ' ' + e.textContent.slice(0, 40));

  document.getElementById('seen').textContent = JSON.stringify({
    text: body.innerText, window: view.innerWidth, content: root.scrollWidth,
    requests: view.performance.getEntriesByType('resource').map(e => e.name),
    missing: [...missing], clipped, overlapping, unreachable,
    smallest: Math.min(99, ...texts.map(size)),
  });
};
";

/// Opens a document in a frame of this width.
fn seen(document: &Document, width: u32) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, &watching(&html(document).unwrap(), width));
    let mut command = chromium(&folder.path().join("profile"));
    let output = command.arg("--dump-dom").arg(address(&path)).output().unwrap();
    let dom = String::from_utf8(output.stdout).unwrap();
    let after = dom.split("<pre id=\"seen\" style=\"display:none\">").nth(1);
    let json = after.and_then(|after| after.split("</pre>").next()).unwrap_or_default();
    let json = json.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}");
    let json = json.replace("&amp;", "&");
    serde_json::from_str(&json).unwrap()
}

fn written(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("page.html");
    fs::write(&path, text).unwrap();
    path
}

fn address(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn documents() -> [(&'static str, Document); 5] {
    [
        ("sweep", a_sweep()),
        ("grid", a_grid()),
        ("tune", a_tuning()),
        ("gate", a_gate(Status::Regression)),
        ("hostile", a_hostile_document()),
    ]
}

#[test]
fn a_browser_shows_every_page_completely_on_phone_and_desktop() {
    if !is_asked_for() {
        return;
    }
    let mut faulty = Vec::new();
    for (name, document) in documents() {
        for width in [380, 820, 1280] {
            let seen = seen(&document, width);
            assert!((seen.window - f64::from(width)).abs() < 0.5, "{}", seen.window);
            let of_page = faults(&seen, &document.headline.words);
            faulty.extend(of_page.into_iter().map(|fault| format!("{name} at {width}: {fault}")));
        }
    }
    assert!(faulty.is_empty(), "{}", faulty.join("\n"));
}

fn faults(seen: &Seen, verdict: &str) -> Vec<String> {
    let listed = [
        ("asked for", &seen.requests),
        ("no glyph for", &seen.missing),
        ("clipped", &seen.clipped),
        ("overlapping", &seen.overlapping),
        ("out of a keyboard's reach", &seen.unreachable),
    ];
    let listed = listed.into_iter().filter(|(_, list)| !list.is_empty());
    let mut faults: Vec<String> =
        listed.map(|(name, list)| format!("{name}: {}", list.join(" ¦ "))).collect();
    if !seen.text.contains(verdict) {
        faults.push("no verdict".into());
    }
    if seen.content > seen.window {
        faults.push(format!("the page is {} pixels wide", seen.content));
    }
    if seen.smallest < 8.5 {
        faults.push(format!("a text is {} pixels high", seen.smallest));
    }
    faults
}

#[test]
fn a_browser_takes_screenshots_of_every_page() {
    if !is_asked_for() {
        return;
    }
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-screenshots");
    fs::create_dir_all(&pictures).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, document) in [("tune", a_tuning()), ("gate", a_gate(Status::Regression))] {
        let page = html(&document).unwrap();
        for (width, height) in [(380, 2600), (1280, 2600)] {
            let path = written(&folder, &framed(&page, width, height));
            for (scheme, setting) in [("light", 1), ("dark", 0)] {
                let picture = pictures.join(format!("{name}-{width}-{scheme}.png"));
                let mut command = chromium(&folder.path().join("profile"));
                command
                    .arg(format!("--blink-settings=preferredColorScheme={setting}"))
                    .arg(format!("--window-size={},{height}", width.max(520)))
                    .arg(format!("--screenshot={}", picture.display()))
                    .arg(address(&path))
                    .assert()
                    .success();
                assert!(fs::metadata(&picture).unwrap().len() > 10_000, "{}", picture.display());
            }
        }
    }
}
