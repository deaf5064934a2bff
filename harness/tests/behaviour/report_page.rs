//! The HTML page: complete, without network access, accessible, and safe with hostile data.

use std::collections::BTreeSet;

use harness::report::html;
use harness::report::model::Status;
use scraper::{ElementRef, Html, Selector};

use crate::report_documents::{HOSTILE, a_gate, a_grid, a_hostile_document, a_sweep, a_tuning};

fn pages() -> Vec<Html> {
    let documents = [
        a_sweep(),
        a_grid(),
        a_tuning(),
        a_gate(Status::Regression),
        a_gate(Status::Inconclusive),
        a_hostile_document(),
    ];
    documents.iter().map(|document| Html::parse_document(&html(document).unwrap())).collect()
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect()
}

#[test]
fn a_page_is_well_formed_and_its_links_have_targets() {
    for page in pages() {
        assert!(page.errors.is_empty(), "{:?}", page.errors);
        let ids: Vec<&str> = all(&page, "[id]").iter().filter_map(|e| e.attr("id")).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{ids:?}");
        for link in all(&page, "a") {
            let target = link.attr("href").unwrap().strip_prefix('#').unwrap();
            assert!(unique.contains(target), "{target}");
        }
        for labelled in all(&page, "[aria-labelledby]") {
            assert!(unique.contains(labelled.attr("aria-labelledby").unwrap()));
        }
    }
}

#[test]
fn a_page_loads_no_resources_and_runs_no_scripts() {
    for page in pages() {
        let policy = all(&page, "meta[http-equiv]");
        assert!(policy[0].attr("content").unwrap().starts_with("default-src 'none'"));
        let fetching = "script, link, img, iframe, object, embed, video, audio, base, form, image";
        assert!(all(&page, fetching).is_empty());
        for element in all(&page, "*") {
            for (name, value) in element.value().attrs() {
                assert!(!name.starts_with("on"), "{name}");
                let refers = ["src", "srcset", "href", "xlink:href", "action", "style", "xmlns"];
                assert!(!refers.contains(&name) || value.starts_with('#'), "{name}={value}");
                let allowed = ["aria-label", "content"].contains(&name);
                assert!(allowed || !value.contains("url("), "{name}={value}");
            }
        }
        let style = text(all(&page, "style")[0]);
        assert!(!style.contains("url(") && !style.contains("@import"));
    }
}

#[test]
fn a_page_is_accessible_to_screen_readers() {
    for page in pages() {
        assert_eq!(all(&page, "html")[0].attr("lang"), Some("en"));
        assert_eq!(all(&page, "h1").len(), 1);
        let mut level = 0;
        for heading in all(&page, "h1, h2, h3, h4") {
            let this: u32 = heading.value().name()[1..].parse().unwrap();
            assert!(this <= level + 1, "{} after a heading of level {level}", text(heading));
            level = this;
        }
        for table in all(&page, "table") {
            let named = |selector: &str| table.select(&Selector::parse(selector).unwrap()).count();
            assert_eq!(named("caption"), 1);
            assert_eq!(named("th:not([scope])"), 0);
            assert!(named("th[scope=col]") > 0);
        }
        for heading in all(&page, "th") {
            assert!(!text(heading).trim().is_empty(), "an empty heading");
        }
        for scrolled in all(&page, ".scroll, pre:not(.wrap)") {
            assert_eq!(scrolled.attr("tabindex"), Some("0"));
            assert!(!scrolled.attr("aria-label").unwrap_or_default().is_empty());
        }
        for figure in all(&page, "figure") {
            let picture = Selector::parse("[role=img]").unwrap();
            let alt = figure.select(&picture).next().unwrap().attr("aria-label").unwrap();
            assert!(!alt.trim().is_empty());
        }
        for svg in all(&page, "svg") {
            assert_eq!(svg.attr("aria-hidden"), Some("true"), "its words stand beside it");
        }
        assert_eq!(all(&page, "body > a")[0].attr("href"), Some("#verdict"));
    }
}

#[test]
fn the_verdict_is_the_first_thing_on_a_page() {
    let page = Html::parse_document(&html(&a_gate(Status::Regression)).unwrap());
    let main = all(&page, "main > *")[0];
    assert_eq!(main.attr("id"), Some("verdict"));
    let words = text(main);
    assert!(words.contains("regression") && words.contains("HEAD is 12.0 % slower than main."));
    assert!(words.contains("insert takes 11.1 ms more per 1,000 records"));
}

#[test]
fn a_page_escapes_hostile_texts() {
    let page = Html::parse_document(&html(&a_hostile_document()).unwrap());
    for selector in ["title", "h1", ".question", ".answer", "#again pre"] {
        assert_eq!(text(all(&page, selector)[0]), HOSTILE, "{selector}");
    }
    // Pictures truncate long labels.
    let labels: Vec<String> = all(&page, "svg text").into_iter().map(text).collect();
    assert!(labels.iter().any(|label| label.contains("<script>")));
}

#[test]
fn a_page_follows_the_colour_scheme_of_the_reader() {
    let page = html(&a_sweep()).unwrap();
    assert!(page.contains("prefers-color-scheme: dark"));
    let drawn = page.split("</style>").nth(1).unwrap();
    for fixed in ["#FFFFFF", "#222222", "#0072B2", "#5C5C5C", "#DEDEDE"] {
        assert!(!drawn.contains(fixed), "{fixed} does not follow");
    }
}
