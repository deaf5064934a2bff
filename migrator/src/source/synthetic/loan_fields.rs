//! The line of vehicle loans: the attributes of each element, in the order in which they are
//! written. Tables only; keys, roles and types are written by `application`.

use super::fields::{FURTHER_INCOMES, INCOMES, OWNERSHIPS, REQUEST};
use super::product_line::{Child, Field, Group, Line, Refused, Typed, field};
use super::values::Kind;

/// Loans, for `scenarios/contracts/loans.json`.
pub(super) const LOANS: &Line = &Line {
    application: "IL_application",
    other_application: "application",
    contact: "IL_contact",
    second_role: "SEC",
    root_fields: ROOT,
    request_fields: REQUEST,
    application_fields: APPLICATION,
    identity_fields: IDENTITY,
    contact_fields: CONTACT,
    address: Typed {
        name: "IL_contact_address",
        type_attribute: "address_type_code",
        fields: ADDRESS,
    },
    employment: Typed {
        name: "IL_contact_employment",
        type_attribute: "employment_type_code",
        fields: EMPLOYMENT,
    },
    of_contact: &[],
    children: &[
        child("IL_app_decision_info", 100, DECISION, OVERRIDES),
        child("IL_collateral", 95, &[], COLLATERAL),
        child("IL_fund_checklist", 90, CHECKLIST, &[]),
        child("IL_fund_dlr_ach", 90, TRANSFER, &[]),
        child("IL_backend_policies", 85, &[], POLICIES),
        child("IL_ITI_note", 70, NOTE, &[]),
    ],
    refusals: &[
        (Refused::ContactId, "IL_contact", "con_id"),
        (Refused::Score, "IL_app_decision_info", "north_score_pr"),
        (Refused::Reference, "IL_application", "servicer_no"),
        (Refused::Rate, "IL_app_decision_info", "military_rate"),
        (Refused::Debt, "IL_app_decision_info", "debt_per_month"),
        (Refused::Received, "IL_application", "received_on"),
        (Refused::Note, "IL_app_decision_info", "review_note"),
        (Refused::Mileage, "IL_collateral", "c1_mileage"),
        (Refused::Term, "IL_backend_policies", "gap_term"),
        (Refused::Reason, "IL_app_decision_info", "override_credit"),
    ],
};

const fn child(
    name: &'static str,
    percent: u32,
    fields: &'static [Field],
    groups: &'static [Group],
) -> Child {
    // One in 33 stands twice in its application.
    Child { name, percent, twice_percent: 3, fields, groups }
}

/// `Provenir`: the attributes that staging keeps (contract.md 2.3).
const ROOT: &[Field] = &[
    field("appone_trans_id", 70, Kind::Digits(12)),
    field("dt_app_id", 40, Kind::Digits(9)),
    field("dt_dealer_id", 40, Kind::Digits(6)),
];

/// `IL_application`.
const APPLICATION: &[Field] = &[
    field("received_on", 98, Kind::Moment),
    field("entered_on", 80, Kind::Moment),
    field("entry_channel", 96, Kind::Code(CHANNELS)),
    field("vehicle_class", 95, Kind::Code(CLASSES)),
    field("vehicle_subclass", 55, Kind::Code(SUBCLASSES)),
    field("product_family", 38, Kind::Words),
    field("applicant_ip", 77, Kind::Ip),
    field("consent_esign", 90, Kind::Truth),
    field("consent_sms", 80, Kind::Truth),
    field("credit_analyst", 80, Kind::User),
    field("funding_analyst", 60, Kind::User),
    field("changed_on", 85, Kind::Moment),
    field("joint_ind", 85, Kind::Flag),
    field("add_total_ind", 70, Kind::Flag),
    field("cash_down", 80, Kind::Money(9_000)),
    field("invoice", 70, Kind::Money(70_000)),
    field("loan_wanted", 96, Kind::Money(60_000)),
    field("payment_per_month", 85, Kind::Money(1_200)),
    field("price", 94, Kind::Money(80_000)),
    field("trade_allowance", 35, Kind::Money(12_000)),
    field("trade_down", 30, Kind::Money(8_000)),
    field("trade_payoff", 30, Kind::Money(9_000)),
    field("term_wanted", 92, Kind::Whole(180)),
    field("florida_fee_ind", 40, Kind::Flag),
    field("tennessee_fee_ind", 40, Kind::Flag),
    field("last_error", 30, Kind::Note),
    field("dealer_no", 95, Kind::Whole(90_000)),
    field("branch_no", 40, Kind::Whole(90_000)),
    field("dealer_name", 96, Kind::Company),
    field("dealer_street", 85, Kind::AddressLine),
    field("dealer_city", 88, Kind::Town),
    field("dealer_state", 90, Kind::State),
    field("dealer_zip", 88, Kind::PostalCode),
    field("dealer_phone", 90, Kind::Phone),
    field("dealer_fax", 60, Kind::Phone),
    field("dealer_email", 70, Kind::Email),
    field("dealer_active", 80, Kind::Flag),
    field("broker_ind", 60, Kind::Flag),
    field("servicer_no", 30, Kind::Whole(90_000)),
    field("servicer_name", 30, Kind::Company),
    field("servicer_phone", 30, Kind::Phone),
    field("servicer_email", 25, Kind::Email),
    field("system_of_entry", 92, Kind::Words),
    field("browser", 85, Kind::Note),
    field("form_version", 92, Kind::Digits(6)),
    field("entry_session", 90, Kind::Token(48)),
    field("came_from", 50, Kind::Token(120)),
    field("consent_trace", 80, Kind::Token(320)),
];

/// `IL_app_decision_info`.
const DECISION: &[Field] = &[
    field("outcome", 94, Kind::Code(OUTCOMES)),
    field("decided_on", 92, Kind::Moment),
    field("clock_days", 60, Kind::Whole(60)),
    field("model_lead_pr", 80, Kind::Code(LEADS)),
    field("model_lead_sec", 45, Kind::Code(LEADS)),
    field("bureau_reason_pr1", 81, Kind::Reason),
    field("bureau_reason_pr2", 77, Kind::Reason),
    field("bureau_reason_pr3", 73, Kind::Reason),
    field("bureau_reason_pr4", 69, Kind::Reason),
    field("bureau_reason_sec1", 36, Kind::Reason),
    field("bureau_reason_sec2", 32, Kind::Reason),
    field("model_reason_pr1", 76, Kind::Reason),
    field("model_reason_pr2", 72, Kind::Reason),
    field("model_reason_sec1", 36, Kind::Reason),
    field("model_reason_sec2", 32, Kind::Reason),
    field("bureau_pulled", 90, Kind::Code(BUREAUS)),
    field("debt_ratio", 85, Kind::Rate),
    field("adjusted_ratio", 30, Kind::Rate),
    field("adjusted_debt", 30, Kind::Money(4_000)),
    field("adjusted_income", 30, Kind::Money(9_000)),
    field("debt_per_month", 88, Kind::Money(5_000)),
    field("income_per_month", 90, Kind::Money(20_000)),
    field("military_rate", 25, Kind::Rate),
    field("own_grade_pr", 80, Kind::Grade),
    field("own_grade_sec", 40, Kind::Grade),
    field("supervisor_look", 45, Kind::Code(INDICATORS)),
    field("same_loan_ind", 75, Kind::Flag),
    field("verification_open", 75, Kind::Truth),
    field("override_note", 40, Kind::Note),
    field("review_note", 85, Kind::Note),
    field("policy_trace", 90, Kind::Token(240)),
    field("strategy", 85, Kind::Words),
    field("queue_history", 90, Kind::Note),
    field("adverse_letter", 60, Kind::Note),
    field("last_rule", 88, Kind::Words),
    field("model_inputs", 90, Kind::Token(240)),
    field("file_score", 92, Kind::Score),
    field("income_check", 85, Kind::Words),
    field("fraud_alert", 75, Kind::Note),
    field("device_answer", 85, Kind::Note),
    field("quiz_result", 85, Kind::Words),
    field("bank_answer", 85, Kind::Note),
    field("file_grade", 85, Kind::Grade),
    field("counter_offer", 70, Kind::Note),
    field("device_print", 85, Kind::Token(200)),
    field("offer_letter", 80, Kind::Note),
    field("income_proof", 85, Kind::Words),
    field("adverse_reasons", 80, Kind::Note),
    field("route", 90, Kind::Words),
    field("rule_trace", 90, Kind::Token(160)),
    field("north_score_pr", 92, Kind::Score),
    field("north_score_sec", 50, Kind::Score),
    field("own_score_pr", 92, Kind::Score),
    field("own_score_sec", 50, Kind::Score),
    field("risk_score_pr", 92, Kind::Score),
    field("risk_score_sec", 50, Kind::Score),
];

/// `IL_contact`, besides its id, its role and its surname.
const IDENTITY: &[Field] = &[
    field("first_name", 98, Kind::GivenName),
    field("birth_date", 96, Kind::Birthday),
    field("ssn", 96, Kind::Ssn),
];

/// `IL_contact`, the rest.
const CONTACT: &[Field] = &[
    field("middle_name", 72, Kind::GivenName),
    field("name_suffix", 16, Kind::Suffix),
    field("maiden_name", 50, Kind::Surname),
    field("email_address", 87, Kind::Email),
    field("evening_phone", 85, Kind::Phone),
    field("mobile_phone", 87, Kind::Phone),
    field("fraud_mark", 16, Kind::Code(&["S", "V"])),
    field("servicing_customer_no", 55, Kind::Whole(90_000_000)),
    field("licence_number", 82, Kind::Token(12)),
    field("remarks", 60, Kind::Note),
    field("language", 60, Kind::Words),
    field("licence_state", 70, Kind::State),
];

/// `IL_contact_address`, besides its type.
const ADDRESS: &[Field] = &[
    field("rent_or_mortgage", 85, Kind::Money(4_000)),
    field("address_line_1", 60, Kind::AddressLine),
    field("street_number", 92, Kind::StreetNumber),
    field("street_name", 94, Kind::Street),
    field("unit", 33, Kind::Unit),
    field("po_box", 18, Kind::Unit),
    field("rural_route", 13, Kind::Unit),
    field("city", 96, Kind::Town),
    field("state", 96, Kind::State),
    field("zip", 96, Kind::PostalCode),
    field("years_here", 90, Kind::Whole(30)),
    field("months_here", 90, Kind::Whole(11)),
    field("home_owner", 87, Kind::Code(OWNERSHIPS)),
];

/// `IL_contact_employment`, besides its type.
const EMPLOYMENT: &[Field] = &[
    field("employer", 96, Kind::Company),
    field("job", 92, Kind::Job),
    field("pay_basis", 92, Kind::Code(&["YEAR", "MONTH", "WEEK", "HOUR"])),
    field("pay", 95, Kind::Money(90_000)),
    field("years_at_work", 87, Kind::Whole(30)),
    field("months_at_work", 87, Kind::Whole(11)),
    field("income_kind", 87, Kind::Code(INCOMES)),
    field("untaxed_ind", 75, Kind::Flag),
    field("own_business_ind", 80, Kind::Flag),
    field("further_income", 38, Kind::Money(4_000)),
    field("further_income_kind", 38, Kind::Code(FURTHER_INCOMES)),
    field("further_income_detail", 28, Kind::Words),
    field("work_phone", 82, Kind::Phone),
    field("work_street_name", 60, Kind::Street),
    field("work_city", 80, Kind::Town),
    field("work_state", 80, Kind::State),
    field("work_zip", 77, Kind::PostalCode),
    field("supervisor", 50, Kind::FullName),
];

/// `IL_fund_checklist`.
const CHECKLIST: &[Field] = &[
    field("booked_on", 70, Kind::Moment),
    field("paid_out_on", 65, Kind::Moment),
    field("audit_kind", 50, Kind::Code(AUDITS)),
    field("pay_out", 60, Kind::Code(INDICATORS)),
    field("loan_account_no", 60, Kind::Whole(90_000_000)),
    field("servicing_loan_no", 55, Kind::Whole(90_000_000)),
    field("amount_ok_ind", 75, Kind::Flag),
    field("age_ok_ind", 75, Kind::Flag),
    field("bureau_fresh_ind", 75, Kind::Flag),
    field("score_ok_ind", 75, Kind::Flag),
    field("down_ok_ind", 75, Kind::Flag),
    field("ratio_ok_ind", 75, Kind::Flag),
    field("loan_ok_ind", 75, Kind::Flag),
    field("term_ok_ind", 75, Kind::Flag),
    field("boarded_on", 60, Kind::Moment),
    field("bureau_expires_on", 60, Kind::Moment),
    field("share_percent", 40, Kind::Rate),
    field("share_amount", 40, Kind::Money(4_000)),
    field("subtotal", 60, Kind::Money(60_000)),
    field("all_payments", 60, Kind::Money(90_000)),
    field("finance_charge_checked", 50, Kind::Money(20_000)),
    field("product_no", 55, Kind::Digits(6)),
    field("verification_no", 45, Kind::Token(10)),
    field("addendum_pr_seen", 65, Kind::Code(CONFIRMATIONS)),
    field("addendum_sec_seen", 65, Kind::Code(CONFIRMATIONS)),
    field("application_pr_seen", 65, Kind::Code(CONFIRMATIONS)),
    field("application_sec_seen", 65, Kind::Code(CONFIRMATIONS)),
    field("licence_pr_seen", 65, Kind::Code(CONFIRMATIONS)),
    field("lien_seen", 65, Kind::Code(CONFIRMATIONS)),
    field("title_seen", 65, Kind::Code(CONFIRMATIONS)),
    field("filed_seen", 65, Kind::Code(CONFIRMATIONS)),
    field("address_ok", 65, Kind::Flag),
    field("references_ok", 65, Kind::Flag),
    field("signed_pr_ok", 65, Kind::Flag),
    field("signed_sec_ok", 65, Kind::Flag),
    field("unit_ok", 65, Kind::Flag),
    field("check_asked_by", 70, Kind::Code(DESKS)),
    field("pay_slip_expires_pr", 50, Kind::Moment),
    field("pay_slip_expires_sec", 30, Kind::Moment),
    field("closing_note", 50, Kind::Note),
    field("scan_index", 90, Kind::Token(700)),
];

/// `IL_fund_dlr_ach`.
const TRANSFER: &[Field] = &[
    field("hold_transfer_ind", 80, Kind::Flag),
    field("bank_account_no", 85, Kind::Digits(12)),
    field("bank_account_kind", 85, Kind::Code(&["C", "S"])),
    field("bank_routing_no", 85, Kind::Digits(9)),
    field("bank_phone", 60, Kind::Phone),
    field("bank_name", 80, Kind::Company),
    field("note_rate", 85, Kind::Rate),
    field("cash_proceeds", 60, Kind::Money(60_000)),
    field("dealer_proceeds", 60, Kind::Money(60_000)),
    field("down_percent", 55, Kind::Rate),
    field("tax_fee", 35, Kind::Money(400)),
    field("finance_charge", 75, Kind::Money(20_000)),
    field("licence_fee", 45, Kind::Money(300)),
    field("loan_to_value", 70, Kind::Rate),
    field("note_payment", 75, Kind::Money(1_200)),
    field("dealer_fee_1", 40, Kind::Money(500)),
    field("dealer_fee_2", 25, Kind::Money(500)),
    field("sale_price", 80, Kind::Money(80_000)),
    field("taxes", 65, Kind::Money(5_000)),
    field("title_fee", 55, Kind::Money(200)),
    field("financed", 80, Kind::Money(60_000)),
    field("contract_state", 80, Kind::State),
    field("first_due_on", 75, Kind::Moment),
    field("signed_on", 75, Kind::Moment),
    field("income_good_until", 45, Kind::Moment),
    field("old_loan_no", 25, Kind::Whole(90_000_000)),
    field("transfer_trace", 85, Kind::Token(60)),
    field("trace_no", 70, Kind::Digits(15)),
];

/// `IL_collateral`: what secures the loan, up to four pieces.
const COLLATERAL: &[Group] = &[
    Group {
        percent: 96,
        whole: false,
        fields: &[
            field("c1_kind", 70, Kind::Code(COLLATERALS)),
            field("c1_make", 92, Kind::Code(MAKES)),
            field("c1_model", 90, Kind::Token(12)),
            field("c1_used", 85, Kind::Code(&["N", "U", "D"])),
            field("c1_year", 92, Kind::Year),
            field("c1_value", 85, Kind::Worth(90_000)),
            field("c1_vin", 80, Kind::Token(17)),
            field("c1_mileage", 50, Kind::Count(90_000)),
            field("c1_power", 45, Kind::Count(400)),
            field("c1_length", 50, Kind::Count(45)),
            field("c1_option1", 40, Kind::Worth(4_000)),
            field("c1_option1_text", 40, Kind::Code(OPTIONS)),
            field("c1_option2", 40, Kind::Worth(4_000)),
            field("c1_option2_text", 40, Kind::Code(OPTIONS)),
        ],
    },
    Group {
        percent: 50,
        whole: false,
        fields: &[
            field("c2_kind", 70, Kind::Code(COLLATERALS)),
            field("c2_make", 92, Kind::Code(MAKES)),
            field("c2_model", 90, Kind::Token(12)),
            field("c2_used", 85, Kind::Code(&["N", "U", "D"])),
            field("c2_year", 92, Kind::Year),
            field("c2_value", 85, Kind::Worth(90_000)),
            field("c2_vin", 80, Kind::Token(17)),
            field("c2_mileage", 50, Kind::Count(90_000)),
            field("c2_power", 45, Kind::Count(400)),
            field("c2_option1", 40, Kind::Worth(4_000)),
            field("c2_option1_text", 40, Kind::Code(OPTIONS)),
        ],
    },
    Group {
        percent: 35,
        whole: false,
        fields: &[
            field("c3_kind", 70, Kind::Code(COLLATERALS)),
            field("c3_make", 92, Kind::Code(MAKES)),
            field("c3_model", 90, Kind::Token(12)),
            field("c3_used", 85, Kind::Code(&["N", "U", "D"])),
            field("c3_year", 92, Kind::Year),
            field("c3_value", 85, Kind::Worth(90_000)),
            field("c3_vin", 80, Kind::Token(17)),
        ],
    },
    Group {
        percent: 22,
        whole: false,
        fields: &[
            field("c4_kind", 70, Kind::Code(COLLATERALS)),
            field("c4_make", 92, Kind::Code(MAKES)),
            field("c4_model", 90, Kind::Token(12)),
            field("c4_used", 85, Kind::Code(&["N", "U", "D"])),
            field("c4_year", 92, Kind::Year),
            field("c4_value", 85, Kind::Worth(90_000)),
            field("c4_vin", 80, Kind::Token(17)),
        ],
    },
];

/// `IL_backend_policies`: a warranty of each kind.
const POLICIES: &[Group] = &[
    Group {
        percent: 25,
        whole: true,
        fields: &[
            field("disability_company", 100, Kind::Company),
            field("disability_amount", 100, Kind::Money(3_000)),
            field("disability_term", 100, Kind::Whole(84)),
            field("disability_policy", 70, Kind::Token(14)),
        ],
    },
    Group {
        percent: 25,
        whole: true,
        fields: &[
            field("life_company", 100, Kind::Company),
            field("life_amount", 100, Kind::Money(3_000)),
            field("life_term", 100, Kind::Whole(84)),
            field("life_policy", 70, Kind::Token(14)),
        ],
    },
    Group {
        percent: 45,
        whole: true,
        fields: &[
            field("extended_company", 100, Kind::Company),
            field("extended_amount", 100, Kind::Money(3_000)),
            field("extended_term", 100, Kind::Whole(84)),
            field("extended_policy", 70, Kind::Token(14)),
        ],
    },
    Group {
        percent: 60,
        whole: true,
        fields: &[
            field("gap_company", 100, Kind::Company),
            field("gap_amount", 100, Kind::Money(3_000)),
            field("gap_term", 100, Kind::Whole(84)),
            field("gap_policy", 70, Kind::Token(14)),
            field("gap_lien", 80, Kind::Flag),
        ],
    },
    Group {
        percent: 15,
        whole: true,
        fields: &[
            field("other_company", 100, Kind::Company),
            field("other_amount", 100, Kind::Money(3_000)),
            field("other_term", 100, Kind::Whole(84)),
            field("other_policy", 70, Kind::Token(14)),
        ],
    },
    Group {
        percent: 30,
        whole: true,
        fields: &[
            field("roadside_company", 100, Kind::Company),
            field("roadside_amount", 100, Kind::Money(3_000)),
            field("roadside_term", 100, Kind::Whole(84)),
            field("roadside_policy", 70, Kind::Token(14)),
        ],
    },
    Group {
        percent: 45,
        whole: true,
        fields: &[
            field("service_company", 100, Kind::Company),
            field("service_amount", 100, Kind::Money(3_000)),
            field("service_term", 100, Kind::Whole(84)),
            field("service_policy", 70, Kind::Token(14)),
        ],
    },
];

/// `IL_app_decision_info`: why a policy did not apply.
const OVERRIDES: &[Group] = &[
    Group { percent: 35, whole: false, fields: &[field("override_capacity", 95, Kind::Reason)] },
    Group { percent: 35, whole: false, fields: &[field("override_collateral", 95, Kind::Reason)] },
    Group { percent: 35, whole: false, fields: &[field("override_credit", 95, Kind::Reason)] },
];

/// `IL_ITI_note`, mapped by nothing.
const NOTE: &[Field] = &[
    field("written_on", 90, Kind::Moment),
    field("written_by", 90, Kind::User),
    field("text", 95, Kind::Note),
    field("trace", 60, Kind::Token(240)),
];

const CHANNELS: &[&str] = &["DEALER", "FINDER", "SHOW", "PARTNER-API", "WEB"];
const CLASSES: &[&str] = &["MARINE", "RV", "HORSE", "CYCLE", "OFFROAD", "UTILITY"];
const SUBCLASSES: &[&str] = &["ATV", "PWC", "SNOW", "UTV"];
const OUTCOMES: &[&str] = &["APPROVED", "DECLINED", "COUNTER", "PENDING", "WITHDRAWN"];
const LEADS: &[&str] = &["OWN", "VANTAGE"];
const BUREAUS: &[&str] = &["NORTH", "SOUTH", "BLEND"];
const AUDITS: &[&str] = &["FULL", "SPOT", "NONE"];
const INDICATORS: &[&str] = &["HOLD", "RELEASE", "REVIEW"];
const CONFIRMATIONS: &[&str] = &["Y", "N", "NA", "WAIVED"];
const DESKS: &[&str] =
    &["NORTH DESK", "SOUTH DESK", "FIELD OFFICE", "NIGHT SHIFT", "HEAD OFFICE", "CHIEF CLERK"];
const COLLATERALS: &[&str] = &["BOAT", "ENGINE", "HORSE TRAILER", "RV", "TRAILER", "UNDETERMINED"];
const MAKES: &[&str] = &[
    "Alder Craft",
    "Birch Boats",
    "Cedar Motor",
    "Elm Trailers",
    "Fir & Sons",
    "Hazel Marine",
    "Larch Cycles",
    "Oak Trail",
    "Pine Motors",
    "Rowan Coach",
];
const OPTIONS: &[&str] =
    &["Awning", "Bimini top", "Fish finder", "Spare wheel", "Trolling motor", "Winch"];
