//! Words of synthetic records. Surnames are trees, given names are herbs and stones, towns do not
//! exist.

/// Given names.
pub(super) const GIVEN_NAMES: &[&str] = &[
    "Amber", "Basil", "Beryl", "Clover", "Coral", "Fern", "Flint", "Garnet", "Heather", "Iris",
    "Ivy", "Jade", "Jasper", "Juniper", "Laurel", "Lavender", "Mallow", "Olive", "Onyx", "Opal",
    "Pearl", "Reed", "Rosemary", "Ruby", "Rue", "Saffron", "Sage", "Slate", "Sorrel", "Yarrow",
];

/// Surnames, also used for texts without a meaning.
pub(super) const TREES: &[&str] = &[
    "Alder", "Ash", "Aspen", "Beech", "Birch", "Cedar", "Cypress", "Dogwood", "Elder", "Elm",
    "Fir", "Ginkgo", "Hawthorn", "Hazel", "Hemlock", "Holly", "Hornbeam", "Ironwood", "Katsura",
    "Larch", "Linden", "Maple", "Mulberry", "Oak", "Osier", "Pine", "Poplar", "Quince", "Rowan",
    "Spruce", "Sycamore", "Tamarack", "Teak", "Walnut", "Willow", "Yew",
];

/// Texts that XML, windows-1252 or a second unescape change.
pub(super) const AWKWARD: &[&str] = &[
    "O'Hazel",
    "Elm & Ash",
    "Oak <and> Pine",
    "the \"old\" mill",
    "R&amp;D",
    "a &lt; b",
    "tab\there",
    "two\nlines",
    "Zoë Peña",
    "naïve café",
    "Łoś",
    "日本",
    "½ – “quoted”",
];

/// Streets.
pub(super) const STREETS: &[&str] = &[
    "Bramble Lane",
    "Brook End",
    "Chestnut Row",
    "Clay Pit Road",
    "Cooper Alley",
    "Ferry Steps",
    "Foxglove Way",
    "Granary Walk",
    "Heron Quay",
    "Kiln Street",
    "Lantern Court",
    "Meadow Rise",
    "Millrace Road",
    "Orchard Bank",
    "Quarry Hill",
    "Ropewalk",
    "Saddlers Yard",
    "Tanner Street",
    "Thistle Drive",
    "Weir Gardens",
];

/// Towns.
pub(super) const TOWNS: &[&str] = &[
    "Alderwick",
    "Ashmere",
    "Birchhaven",
    "Cedarholt",
    "Elmstead Falls",
    "Fernbrook",
    "Hazelford",
    "Hollin Gap",
    "Larchmont Bay",
    "Mapleton Cross",
    "Oakhampton Mills",
    "Pinewater",
    "Quince Harbor",
    "Rowanby",
    "Sprucefield",
    "Willowmere",
    "Yewbridge",
];

/// State codes.
pub(super) const STATES: &[&str] =
    &["AZ", "CO", "FL", "GA", "IA", "ME", "MN", "NV", "NY", "OH", "OR", "TN", "TX", "UT", "WA"];

/// Job titles.
pub(super) const JOBS: &[&str] = &[
    "Baker",
    "Beekeeper",
    "Bookbinder",
    "Carpenter",
    "Clerk",
    "Clockmaker",
    "Ferry Pilot",
    "Gardener",
    "Glazier",
    "Lamplighter",
    "Librarian",
    "Locksmith",
    "Nurse",
    "Potter",
    "Teacher",
    "Thatcher",
    "Weaver",
    "Welder",
];

/// Second part of company names, after a tree.
pub(super) const TRADES: &[&str] =
    &["Bakery", "Bank", "Brothers", "Credit Union", "Freight", "Mills", "Press", "Stores", "Works"];

/// Plain words for notes, journals and messages.
pub(super) const WORDS: &[&str] = &[
    "account",
    "address",
    "after",
    "again",
    "amount",
    "answer",
    "applicant",
    "asked",
    "before",
    "bureau",
    "call",
    "card",
    "checked",
    "clerk",
    "closed",
    "copy",
    "customer",
    "date",
    "document",
    "entered",
    "file",
    "found",
    "given",
    "held",
    "income",
    "later",
    "letter",
    "limit",
    "line",
    "missing",
    "name",
    "note",
    "number",
    "open",
    "paid",
    "pending",
    "phone",
    "policy",
    "queue",
    "received",
    "record",
    "report",
    "request",
    "result",
    "review",
    "rule",
    "score",
    "sent",
    "signed",
    "step",
    "system",
    "today",
    "update",
    "value",
    "verified",
    "waiting",
    "without",
];
