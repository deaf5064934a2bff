//! The wiring of a run: the only file that names every stage.
