//! Tests of the library without a store and without the program.
#![cfg(test)]

mod library {
    mod contract_loans;
    mod contract_shipped;
    mod fault_corpus;
    mod generate;
    mod oracle;
    mod pieces;
    mod source_readers;
    mod well_formed;
}
