//! What every rendering of a document promises.

use std::fs;
use std::path::Path;

use harness::render::document::Standing;
use harness::render::files;

use crate::report_documents::{a_gate, a_grid, a_hostile_document, a_sweep, a_tuning};

#[test]
fn dump() {
    let Ok(out) = std::env::var("DUMP") else { return };
    for (name, document) in [
        ("sweep", a_sweep()),
        ("grid", a_grid()),
        ("tune", a_tuning()),
        ("gate", a_gate(Standing::Regression)),
        ("unsure", a_gate(Standing::Inconclusive)),
        ("hostile", a_hostile_document()),
    ] {
        for file in files(&document).unwrap() {
            let path = Path::new(&out).join(name).join(&file.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file.bytes).unwrap();
        }
    }
}
