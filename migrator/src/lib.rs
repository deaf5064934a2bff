//! Maps XML application records with a JSON mapping contract and stores the rows.
//!
//! # How a record flows
//!
//! ```text
//! source → validate → parse → map → coerce → (queue) → dedup → insert + log
//! ```
//!
//! 1. [`source`] lists the keys of the records and reads their texts: a folder, a database column,
//!    or a synthetic workload. [`run::batch_planner`] groups keys into batches.
//! 2. [`stage::validate`] checks the raw text. [`stage::parse`] turns it into a tree without copies.
//! 3. [`stage::map`] applies the [`contract`] to the tree, and [`stage::coerce`] converts each value
//!    to the type of its column. The result is a [`record::MappingOutcome`]: rows, or a reason.
//! 4. [`run::pipeline::run`] connects the steps with a pool of workers, on one thread each or with a
//!    queue between preparing and writing.
//! 5. [`write::dedup`] finds records whose keys are stored already. [`write::insert`] stores the rows
//!    of a batch and its log entries in one transaction, through a [`store`].
//! 6. [`telemetry`] counts and times all of it for the run report; [`verify`] compares a store with
//!    its source afterwards.
//!
//! [`cli`] is the program. Folders import only from those before them; `tests/layering.rs` of the
//! harness has their order. The mapping rules are in `migrator/docs/contract.md`.
//!
//! # Example
//!
//! Maps one synthetic record, without a store:
//!
//! ```
//! use chrono::NaiveDateTime;
//! use migrator::contract::catalogue::Catalogue;
//! use migrator::contract::model::Contract;
//! use migrator::source::synthetic::{Product, Profile, Spec, SyntheticSource};
//! use migrator::stage::coerce::Coercer;
//! use migrator::stage::map::Mapper;
//! use migrator::stage::parse::Parser;
//! use migrator::stage::validate::validate;
//!
//! let (contract, catalogue) = (Contract::embedded()?, Catalogue::embedded()?);
//! let now = NaiveDateTime::default();
//! let spec = Spec {
//!     product: Product::Cc,
//!     profile: Profile::Staged,
//!     records: 1,
//!     seed: 42,
//!     duplicates: 0.0,
//!     rejects: 0.0,
//! };
//!
//! let raw = SyntheticSource::new(spec)?.record(1);
//! let valid = validate(raw).unwrap();
//! let parsed = Parser::new(&contract).parse(&valid).unwrap();
//! let rows = Mapper::new(&contract, now).map(&parsed).unwrap();
//! let typed = Coercer::new(&contract.tables, &catalogue, now)?.coerce(&rows).unwrap();
//! assert!(!typed.tables.is_empty());
//! # Ok::<(), migrator::error::Error>(())
//! ```

pub mod cli;
pub mod config;
pub mod contract;
pub mod error;
pub mod record;
pub mod run;
pub mod source;
pub mod stage;
pub mod store;
pub mod telemetry;
pub mod util;
pub mod verify;
pub mod write;
