//! Modules import downwards only: the order of the list is the order of the layers.

#[path = "support/layering.rs"]
mod layering;

use std::path::Path;

const ORDER: &[&str] = &[
    // 0: what travels, what stops a run
    "record/parsed.rs",
    "record/mod.rs",
    "error.rs",
    // 1: settings, counters
    "config.rs",
    "metrics.rs",
    // 2: contract and catalogue, the report
    "contract/case.rs",
    "contract/convert/unicode.rs",
    "contract/convert/number.rs",
    "contract/convert/time.rs",
    "contract/convert/mod.rs",
    "contract/expr/rename.rs",
    "contract/expr/like.rs",
    "contract/expr/formula.rs",
    "contract/expr/value.rs",
    "contract/expr/condition.rs",
    "contract/expr/case.rs",
    "contract/expr/mod.rs",
    "contract/model.rs",
    "contract/draft.rs",
    "contract/check.rs",
    "contract/compile.rs",
    "contract/load.rs",
    "contract/catalogue.rs",
    "contract/mod.rs",
    "report.rs",
    // 3: the pure stages, the stores
    "stage/html.rs",
    "stage/validate.rs",
    "stage/parse/references.rs",
    "stage/parse/declaration.rs",
    "stage/parse/names.rs",
    "stage/parse/namespace.rs",
    "stage/parse/paths.rs",
    "stage/parse/mod.rs",
    "stage/map/contacts.rs",
    "stage/map/context.rs",
    "stage/map/env.rs",
    "stage/map/lookup.rs",
    "stage/map/chain.rs",
    "stage/map/rows.rs",
    "stage/map/mod.rs",
    "stage/coerce.rs",
    "stage/mod.rs",
    "store/canonical.rs",
    "store/schema.rs",
    "store/mod.rs",
    "store/checksum.rs",
    "store/sqlite.rs",
    // 4: sources, duplicates, log
    "source/generated/draw.rs",
    "source/generated/words.rs",
    "source/generated/xml.rs",
    "source/generated/spec.rs",
    "source/generated/plan.rs",
    "source/generated/bytes.rs",
    "source/generated/people.rs",
    "source/generated/values.rs",
    "source/generated/fields.rs",
    "source/generated/reports.rs",
    "source/generated/application.rs",
    "source/generated/mod.rs",
    "source/mod.rs",
    "source/files.rs",
    "source/table.rs",
    "dedup.rs",
    "log.rs",
    "blame.rs",
    "feed.rs",
    // 5: batches
    "insert.rs",
    // 6: the wiring
    "pipeline.rs",
    // 7: the program
    "args.rs",
    "display.rs",
    "cmd/generate.rs",
    "cmd/rows.rs",
    "cmd/run.rs",
    "cmd/schema.rs",
    "cmd/mod.rs",
    "lib.rs",
    "main.rs",
];

#[test]
fn every_file_imports_only_from_files_below_it() {
    layering::assert_layers(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), ORDER);
}
