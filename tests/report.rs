//! Opens the report of `detect` in a browser, sorts, filters and zooms.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::run;

const READER: &str = include_str!("report.js");

fn chromium() -> Option<Command> {
    common::one_of(&["chromium", "chromium-browser", "google-chrome"])
}

/// The results of the script that operates the page, in a window of some width.
fn seen(chromium: &mut Command, at: &Path, width: u32, dark: bool) -> serde_json::Value {
    let report = fs::read_to_string(at.join("out/report.html")).expect("written");
    let watch =
        "<head>\n<script>var wrong = []; addEventListener(\"error\", event => wrong.push(event.message));</script>";
    let page =
        report.replacen("<head>", watch, 1).replacen("</body>", &format!("<script>\n{READER}</script>\n</body>"), 1);
    fs::write(at.join("read.html"), page).expect("written");
    let profile = tempfile::tempdir().expect("a temporary folder");
    let scheme = if dark { 0 } else { 1 };
    let output = chromium
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args(["--disable-component-update", "--disable-sync", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--window-size={width},900"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", at.join("read.html").display()))
        .output()
        .expect("it runs");
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    let results = page.split_once("<pre id=\"results\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (results, _) = results.unwrap_or_else(|| panic!("the script failed: {page}\n{output:?}"));
    serde_json::from_str(results).expect("JSON")
}

#[test]
fn a_reader_sorts_filters_and_zooms() {
    if chromium().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    run(at, &["simulate", "-o", "sim", "--seed", "3", "--bases", "300000", "--families", "6", "-q"]).fine();
    run(at, &["detect", "sim/genome.fa", "-o", "out", "-q"]).fine();
    let summary: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(at.join("out/summary.json")).expect("written")).expect("JSON");
    let families = summary["annotation"]["families"].as_array().expect("a list");
    assert!(families.len() >= 3, "{families:?}");

    let pages =
        [1280, 600].map(|width| [false, true].map(|dark| seen(&mut chromium().expect("it is there"), at, width, dark)));
    let page = &pages[0][0];
    let texts = |name: &str| -> Vec<String> {
        let texts = page[name].as_array().expect("a list");
        texts.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
    };
    let bases: Vec<u64> = families.iter().map(|family| family["bases"].as_u64().expect("a number")).collect();
    let number = |text: &String| text.replace(',', "").parse::<u64>().expect("a number");
    let numbers = |name: &str| texts(name).iter().map(number).collect::<Vec<_>>();
    assert_eq!(texts("wrong"), [""; 0]);
    assert_eq!(texts("loaded"), [""; 0], "nothing but the page is loaded");
    assert_eq!(numbers("bases"), bases);
    let mut sorted = bases.clone();
    sorted.sort_unstable();
    let back: Vec<u64> = sorted.iter().rev().copied().collect();
    assert_eq!((numbers("sortedOnce"), numbers("sortedTwice")), (back, sorted));
    let mut names: Vec<String> =
        families.iter().map(|family| family["name"].as_str().expect("a name").to_owned()).collect();
    names.sort_by_key(|name| name.rsplit('-').next().and_then(|number| number.parse::<u64>().ok()));
    assert_eq!(texts("names"), names);
    assert_eq!(texts("filtered"), ["family-2"]);

    let range = |name: &str| -> [u64; 3] {
        let text = page[name].as_str().expect("a text");
        let numbers: Vec<u64> = text.replace(',', "").split(' ').filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().unwrap_or_else(|_| panic!("{text}"))
    };
    let length = range("whole")[2];
    assert_eq!(range("whole"), [1, length, length]);
    let [from, to, _] = range("closer");
    assert!(from > 1 && to < length && to - from < length * 3 / 5, "{from} {to}");
    assert!(range("right")[0] > from && range("right")[1] > to);
    assert_eq!((range("again"), range("escaped")), ([1, length, length], [1, length, length]));
    let [from, to, _] = range("dragged");
    assert!(from > length / 3 && to < length * 2 / 3, "{from} {to}");
    assert_eq!(range("second")[0], 1);
    assert!(page["drawn"].as_u64() >= Some(2));

    let pictures = page["pictures"].as_array().expect("a list");
    assert!(pictures.len() >= 6);
    for [light, dark] in &pages {
        assert_eq!((&light["wider"], &dark["wider"]), (&0.into(), &0.into()), "nothing is cut off");
        assert!(light["ground"] != dark["ground"] && light["ink"] != dark["ink"], "{light} {dark}");
        let wide = |picture: &serde_json::Value| picture[0].as_f64() > Some(300.0) && picture[1].as_f64() > Some(60.0);
        assert!(light["pictures"].as_array().expect("a list").iter().all(wide), "{light}");
    }
}
