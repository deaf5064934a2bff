//! The one scan of the text: well-formedness, tree checks and the slots that mapping reads.
