//! The line of vehicle loans: the attributes of each element, in the order in which they are
//! written. Tables only; keys, roles and types are written by `application`.

use super::fields::{FURTHER_INCOMES, INCOMES, OWNERSHIPS, REQUEST};
use super::product_line::{
    ChildElement, FieldGroup, FieldSpec, InvalidValue, ProductLine, TypedElement, field,
};
use super::values::ValueKind;

/// Loans, for `scenarios/contracts/loans.json`.
pub(super) const LOANS: &ProductLine = &ProductLine {
    application: "IL_application",
    other_application: "application",
    contact: "IL_contact",
    second_role: "SEC",
    root_fields: ROOT,
    request_fields: REQUEST,
    application_fields: APPLICATION,
    identity_fields: IDENTITY,
    contact_fields: CONTACT,
    address: TypedElement {
        name: "IL_contact_address",
        type_attribute: "address_type_code",
        fields: ADDRESS,
    },
    employment: TypedElement {
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
    invalid_values: &[
        (InvalidValue::ContactId, "IL_contact", "con_id"),
        (InvalidValue::Score, "IL_app_decision_info", "north_score_pr"),
        (InvalidValue::Reference, "IL_application", "servicer_no"),
        (InvalidValue::Rate, "IL_app_decision_info", "military_rate"),
        (InvalidValue::Debt, "IL_app_decision_info", "debt_per_month"),
        (InvalidValue::Received, "IL_application", "received_on"),
        (InvalidValue::Note, "IL_app_decision_info", "review_note"),
        (InvalidValue::Mileage, "IL_collateral", "c1_mileage"),
        (InvalidValue::Term, "IL_backend_policies", "gap_term"),
        (InvalidValue::Reason, "IL_app_decision_info", "override_credit"),
    ],
};

const fn child(
    name: &'static str,
    percent: u32,
    fields: &'static [FieldSpec],
    groups: &'static [FieldGroup],
) -> ChildElement {
    // One in 33 stands twice in its application.
    ChildElement { name, percent, twice_percent: 3, fields, groups }
}

/// `Provenir`: the attributes that staging keeps (contract.md 2.3).
const ROOT: &[FieldSpec] = &[
    field("appone_trans_id", 70, ValueKind::Digits(12)),
    field("dt_app_id", 40, ValueKind::Digits(9)),
    field("dt_dealer_id", 40, ValueKind::Digits(6)),
];

/// `IL_application`.
const APPLICATION: &[FieldSpec] = &[
    field("received_on", 98, ValueKind::Moment),
    field("entered_on", 80, ValueKind::Moment),
    field("entry_channel", 96, ValueKind::Code(CHANNELS)),
    field("vehicle_class", 95, ValueKind::Code(CLASSES)),
    field("vehicle_subclass", 55, ValueKind::Code(SUBCLASSES)),
    field("product_family", 38, ValueKind::Words),
    field("applicant_ip", 77, ValueKind::Ip),
    field("consent_esign", 90, ValueKind::Truth),
    field("consent_sms", 80, ValueKind::Truth),
    field("credit_analyst", 80, ValueKind::User),
    field("funding_analyst", 60, ValueKind::User),
    field("changed_on", 85, ValueKind::Moment),
    field("joint_ind", 85, ValueKind::Flag),
    field("add_total_ind", 70, ValueKind::Flag),
    field("cash_down", 80, ValueKind::Money(9_000)),
    field("invoice", 70, ValueKind::Money(70_000)),
    field("loan_wanted", 96, ValueKind::Money(60_000)),
    field("payment_per_month", 85, ValueKind::Money(1_200)),
    field("price", 94, ValueKind::Money(80_000)),
    field("trade_allowance", 35, ValueKind::Money(12_000)),
    field("trade_down", 30, ValueKind::Money(8_000)),
    field("trade_payoff", 30, ValueKind::Money(9_000)),
    field("term_wanted", 92, ValueKind::Whole(180)),
    field("florida_fee_ind", 40, ValueKind::Flag),
    field("tennessee_fee_ind", 40, ValueKind::Flag),
    field("last_error", 30, ValueKind::Note),
    field("dealer_no", 95, ValueKind::Whole(90_000)),
    field("branch_no", 40, ValueKind::Whole(90_000)),
    field("dealer_name", 96, ValueKind::Company),
    field("dealer_street", 85, ValueKind::AddressLine),
    field("dealer_city", 88, ValueKind::Town),
    field("dealer_state", 90, ValueKind::State),
    field("dealer_zip", 88, ValueKind::PostalCode),
    field("dealer_phone", 90, ValueKind::Phone),
    field("dealer_fax", 60, ValueKind::Phone),
    field("dealer_email", 70, ValueKind::Email),
    field("dealer_active", 80, ValueKind::Flag),
    field("broker_ind", 60, ValueKind::Flag),
    field("servicer_no", 30, ValueKind::Whole(90_000)),
    field("servicer_name", 30, ValueKind::Company),
    field("servicer_phone", 30, ValueKind::Phone),
    field("servicer_email", 25, ValueKind::Email),
    field("system_of_entry", 92, ValueKind::Words),
    field("browser", 85, ValueKind::Note),
    field("form_version", 92, ValueKind::Digits(6)),
    field("entry_session", 90, ValueKind::Token(48)),
    field("came_from", 50, ValueKind::Token(120)),
    field("consent_trace", 80, ValueKind::Token(320)),
];

/// `IL_app_decision_info`.
const DECISION: &[FieldSpec] = &[
    field("outcome", 94, ValueKind::Code(OUTCOMES)),
    field("decided_on", 92, ValueKind::Moment),
    field("clock_days", 60, ValueKind::Whole(60)),
    field("model_lead_pr", 80, ValueKind::Code(LEADS)),
    field("model_lead_sec", 45, ValueKind::Code(LEADS)),
    field("bureau_reason_pr1", 81, ValueKind::Reason),
    field("bureau_reason_pr2", 77, ValueKind::Reason),
    field("bureau_reason_pr3", 73, ValueKind::Reason),
    field("bureau_reason_pr4", 69, ValueKind::Reason),
    field("bureau_reason_sec1", 36, ValueKind::Reason),
    field("bureau_reason_sec2", 32, ValueKind::Reason),
    field("model_reason_pr1", 76, ValueKind::Reason),
    field("model_reason_pr2", 72, ValueKind::Reason),
    field("model_reason_sec1", 36, ValueKind::Reason),
    field("model_reason_sec2", 32, ValueKind::Reason),
    field("bureau_pulled", 90, ValueKind::Code(BUREAUS)),
    field("debt_ratio", 85, ValueKind::Rate),
    field("adjusted_ratio", 30, ValueKind::Rate),
    field("adjusted_debt", 30, ValueKind::Money(4_000)),
    field("adjusted_income", 30, ValueKind::Money(9_000)),
    field("debt_per_month", 88, ValueKind::Money(5_000)),
    field("income_per_month", 90, ValueKind::Money(20_000)),
    field("military_rate", 25, ValueKind::Rate),
    field("own_grade_pr", 80, ValueKind::Grade),
    field("own_grade_sec", 40, ValueKind::Grade),
    field("supervisor_look", 45, ValueKind::Code(INDICATORS)),
    field("same_loan_ind", 75, ValueKind::Flag),
    field("verification_open", 75, ValueKind::Truth),
    field("override_note", 40, ValueKind::Note),
    field("review_note", 85, ValueKind::Note),
    field("policy_trace", 90, ValueKind::Token(240)),
    field("strategy", 85, ValueKind::Words),
    field("queue_history", 90, ValueKind::Note),
    field("adverse_letter", 60, ValueKind::Note),
    field("last_rule", 88, ValueKind::Words),
    field("model_inputs", 90, ValueKind::Token(240)),
    field("file_score", 92, ValueKind::Score),
    field("income_check", 85, ValueKind::Words),
    field("fraud_alert", 75, ValueKind::Note),
    field("device_answer", 85, ValueKind::Note),
    field("quiz_result", 85, ValueKind::Words),
    field("bank_answer", 85, ValueKind::Note),
    field("file_grade", 85, ValueKind::Grade),
    field("counter_offer", 70, ValueKind::Note),
    field("device_print", 85, ValueKind::Token(200)),
    field("offer_letter", 80, ValueKind::Note),
    field("income_proof", 85, ValueKind::Words),
    field("adverse_reasons", 80, ValueKind::Note),
    field("route", 90, ValueKind::Words),
    field("rule_trace", 90, ValueKind::Token(160)),
    field("north_score_pr", 92, ValueKind::Score),
    field("north_score_sec", 50, ValueKind::Score),
    field("own_score_pr", 92, ValueKind::Score),
    field("own_score_sec", 50, ValueKind::Score),
    field("risk_score_pr", 92, ValueKind::Score),
    field("risk_score_sec", 50, ValueKind::Score),
];

/// `IL_contact`, besides its id, its role and its surname.
const IDENTITY: &[FieldSpec] = &[
    field("first_name", 98, ValueKind::GivenName),
    field("birth_date", 96, ValueKind::Birthday),
    field("ssn", 96, ValueKind::Ssn),
];

/// `IL_contact`, the rest.
const CONTACT: &[FieldSpec] = &[
    field("middle_name", 72, ValueKind::GivenName),
    field("name_suffix", 16, ValueKind::Suffix),
    field("maiden_name", 50, ValueKind::Surname),
    field("email_address", 87, ValueKind::Email),
    field("evening_phone", 85, ValueKind::Phone),
    field("mobile_phone", 87, ValueKind::Phone),
    field("fraud_mark", 16, ValueKind::Code(&["S", "V"])),
    field("servicing_customer_no", 55, ValueKind::Whole(90_000_000)),
    field("licence_number", 82, ValueKind::Token(12)),
    field("remarks", 60, ValueKind::Note),
    field("language", 60, ValueKind::Words),
    field("licence_state", 70, ValueKind::State),
];

/// `IL_contact_address`, besides its type.
const ADDRESS: &[FieldSpec] = &[
    field("rent_or_mortgage", 85, ValueKind::Money(4_000)),
    field("address_line_1", 60, ValueKind::AddressLine),
    field("street_number", 92, ValueKind::StreetNumber),
    field("street_name", 94, ValueKind::Street),
    field("unit", 33, ValueKind::Unit),
    field("po_box", 18, ValueKind::Unit),
    field("rural_route", 13, ValueKind::Unit),
    field("city", 96, ValueKind::Town),
    field("state", 96, ValueKind::State),
    field("zip", 96, ValueKind::PostalCode),
    field("years_here", 90, ValueKind::Whole(30)),
    field("months_here", 90, ValueKind::Whole(11)),
    field("home_owner", 87, ValueKind::Code(OWNERSHIPS)),
];

/// `IL_contact_employment`, besides its type.
const EMPLOYMENT: &[FieldSpec] = &[
    field("employer", 96, ValueKind::Company),
    field("job", 92, ValueKind::Job),
    field("pay_basis", 92, ValueKind::Code(&["YEAR", "MONTH", "WEEK", "HOUR"])),
    field("pay", 95, ValueKind::Money(90_000)),
    field("years_at_work", 87, ValueKind::Whole(30)),
    field("months_at_work", 87, ValueKind::Whole(11)),
    field("income_kind", 87, ValueKind::Code(INCOMES)),
    field("untaxed_ind", 75, ValueKind::Flag),
    field("own_business_ind", 80, ValueKind::Flag),
    field("further_income", 38, ValueKind::Money(4_000)),
    field("further_income_kind", 38, ValueKind::Code(FURTHER_INCOMES)),
    field("further_income_detail", 28, ValueKind::Words),
    field("work_phone", 82, ValueKind::Phone),
    field("work_street_name", 60, ValueKind::Street),
    field("work_city", 80, ValueKind::Town),
    field("work_state", 80, ValueKind::State),
    field("work_zip", 77, ValueKind::PostalCode),
    field("supervisor", 50, ValueKind::FullName),
];

/// `IL_fund_checklist`.
const CHECKLIST: &[FieldSpec] = &[
    field("booked_on", 70, ValueKind::Moment),
    field("paid_out_on", 65, ValueKind::Moment),
    field("audit_kind", 50, ValueKind::Code(AUDITS)),
    field("pay_out", 60, ValueKind::Code(INDICATORS)),
    field("loan_account_no", 60, ValueKind::Whole(90_000_000)),
    field("servicing_loan_no", 55, ValueKind::Whole(90_000_000)),
    field("amount_ok_ind", 75, ValueKind::Flag),
    field("age_ok_ind", 75, ValueKind::Flag),
    field("bureau_fresh_ind", 75, ValueKind::Flag),
    field("score_ok_ind", 75, ValueKind::Flag),
    field("down_ok_ind", 75, ValueKind::Flag),
    field("ratio_ok_ind", 75, ValueKind::Flag),
    field("loan_ok_ind", 75, ValueKind::Flag),
    field("term_ok_ind", 75, ValueKind::Flag),
    field("boarded_on", 60, ValueKind::Moment),
    field("bureau_expires_on", 60, ValueKind::Moment),
    field("share_percent", 40, ValueKind::Rate),
    field("share_amount", 40, ValueKind::Money(4_000)),
    field("subtotal", 60, ValueKind::Money(60_000)),
    field("all_payments", 60, ValueKind::Money(90_000)),
    field("finance_charge_checked", 50, ValueKind::Money(20_000)),
    field("product_no", 55, ValueKind::Digits(6)),
    field("verification_no", 45, ValueKind::Token(10)),
    field("addendum_pr_seen", 65, ValueKind::Code(CONFIRMATIONS)),
    field("addendum_sec_seen", 65, ValueKind::Code(CONFIRMATIONS)),
    field("application_pr_seen", 65, ValueKind::Code(CONFIRMATIONS)),
    field("application_sec_seen", 65, ValueKind::Code(CONFIRMATIONS)),
    field("licence_pr_seen", 65, ValueKind::Code(CONFIRMATIONS)),
    field("lien_seen", 65, ValueKind::Code(CONFIRMATIONS)),
    field("title_seen", 65, ValueKind::Code(CONFIRMATIONS)),
    field("filed_seen", 65, ValueKind::Code(CONFIRMATIONS)),
    field("address_ok", 65, ValueKind::Flag),
    field("references_ok", 65, ValueKind::Flag),
    field("signed_pr_ok", 65, ValueKind::Flag),
    field("signed_sec_ok", 65, ValueKind::Flag),
    field("unit_ok", 65, ValueKind::Flag),
    field("check_asked_by", 70, ValueKind::Code(DESKS)),
    field("pay_slip_expires_pr", 50, ValueKind::Moment),
    field("pay_slip_expires_sec", 30, ValueKind::Moment),
    field("closing_note", 50, ValueKind::Note),
    field("scan_index", 90, ValueKind::Token(700)),
];

/// `IL_fund_dlr_ach`.
const TRANSFER: &[FieldSpec] = &[
    field("hold_transfer_ind", 80, ValueKind::Flag),
    field("bank_account_no", 85, ValueKind::Digits(12)),
    field("bank_account_kind", 85, ValueKind::Code(&["C", "S"])),
    field("bank_routing_no", 85, ValueKind::Digits(9)),
    field("bank_phone", 60, ValueKind::Phone),
    field("bank_name", 80, ValueKind::Company),
    field("note_rate", 85, ValueKind::Rate),
    field("cash_proceeds", 60, ValueKind::Money(60_000)),
    field("dealer_proceeds", 60, ValueKind::Money(60_000)),
    field("down_percent", 55, ValueKind::Rate),
    field("tax_fee", 35, ValueKind::Money(400)),
    field("finance_charge", 75, ValueKind::Money(20_000)),
    field("licence_fee", 45, ValueKind::Money(300)),
    field("loan_to_value", 70, ValueKind::Rate),
    field("note_payment", 75, ValueKind::Money(1_200)),
    field("dealer_fee_1", 40, ValueKind::Money(500)),
    field("dealer_fee_2", 25, ValueKind::Money(500)),
    field("sale_price", 80, ValueKind::Money(80_000)),
    field("taxes", 65, ValueKind::Money(5_000)),
    field("title_fee", 55, ValueKind::Money(200)),
    field("financed", 80, ValueKind::Money(60_000)),
    field("contract_state", 80, ValueKind::State),
    field("first_due_on", 75, ValueKind::Moment),
    field("signed_on", 75, ValueKind::Moment),
    field("income_good_until", 45, ValueKind::Moment),
    field("old_loan_no", 25, ValueKind::Whole(90_000_000)),
    field("transfer_trace", 85, ValueKind::Token(60)),
    field("trace_no", 70, ValueKind::Digits(15)),
];

/// `IL_collateral`: what secures the loan, up to four pieces.
const COLLATERAL: &[FieldGroup] = &[
    FieldGroup {
        percent: 96,
        whole: false,
        fields: &[
            field("c1_kind", 70, ValueKind::Code(COLLATERALS)),
            field("c1_make", 92, ValueKind::Code(MAKES)),
            field("c1_model", 90, ValueKind::Token(12)),
            field("c1_used", 85, ValueKind::Code(&["N", "U", "D"])),
            field("c1_year", 92, ValueKind::Year),
            field("c1_value", 85, ValueKind::Worth(90_000)),
            field("c1_vin", 80, ValueKind::Token(17)),
            field("c1_mileage", 50, ValueKind::Count(90_000)),
            field("c1_power", 45, ValueKind::Count(400)),
            field("c1_length", 50, ValueKind::Count(45)),
            field("c1_option1", 40, ValueKind::Worth(4_000)),
            field("c1_option1_text", 40, ValueKind::Code(OPTIONS)),
            field("c1_option2", 40, ValueKind::Worth(4_000)),
            field("c1_option2_text", 40, ValueKind::Code(OPTIONS)),
        ],
    },
    FieldGroup {
        percent: 50,
        whole: false,
        fields: &[
            field("c2_kind", 70, ValueKind::Code(COLLATERALS)),
            field("c2_make", 92, ValueKind::Code(MAKES)),
            field("c2_model", 90, ValueKind::Token(12)),
            field("c2_used", 85, ValueKind::Code(&["N", "U", "D"])),
            field("c2_year", 92, ValueKind::Year),
            field("c2_value", 85, ValueKind::Worth(90_000)),
            field("c2_vin", 80, ValueKind::Token(17)),
            field("c2_mileage", 50, ValueKind::Count(90_000)),
            field("c2_power", 45, ValueKind::Count(400)),
            field("c2_option1", 40, ValueKind::Worth(4_000)),
            field("c2_option1_text", 40, ValueKind::Code(OPTIONS)),
        ],
    },
    FieldGroup {
        percent: 35,
        whole: false,
        fields: &[
            field("c3_kind", 70, ValueKind::Code(COLLATERALS)),
            field("c3_make", 92, ValueKind::Code(MAKES)),
            field("c3_model", 90, ValueKind::Token(12)),
            field("c3_used", 85, ValueKind::Code(&["N", "U", "D"])),
            field("c3_year", 92, ValueKind::Year),
            field("c3_value", 85, ValueKind::Worth(90_000)),
            field("c3_vin", 80, ValueKind::Token(17)),
        ],
    },
    FieldGroup {
        percent: 22,
        whole: false,
        fields: &[
            field("c4_kind", 70, ValueKind::Code(COLLATERALS)),
            field("c4_make", 92, ValueKind::Code(MAKES)),
            field("c4_model", 90, ValueKind::Token(12)),
            field("c4_used", 85, ValueKind::Code(&["N", "U", "D"])),
            field("c4_year", 92, ValueKind::Year),
            field("c4_value", 85, ValueKind::Worth(90_000)),
            field("c4_vin", 80, ValueKind::Token(17)),
        ],
    },
];

/// `IL_backend_policies`: a warranty of each kind.
const POLICIES: &[FieldGroup] = &[
    FieldGroup {
        percent: 25,
        whole: true,
        fields: &[
            field("disability_company", 100, ValueKind::Company),
            field("disability_amount", 100, ValueKind::Money(3_000)),
            field("disability_term", 100, ValueKind::Whole(84)),
            field("disability_policy", 70, ValueKind::Token(14)),
        ],
    },
    FieldGroup {
        percent: 25,
        whole: true,
        fields: &[
            field("life_company", 100, ValueKind::Company),
            field("life_amount", 100, ValueKind::Money(3_000)),
            field("life_term", 100, ValueKind::Whole(84)),
            field("life_policy", 70, ValueKind::Token(14)),
        ],
    },
    FieldGroup {
        percent: 45,
        whole: true,
        fields: &[
            field("extended_company", 100, ValueKind::Company),
            field("extended_amount", 100, ValueKind::Money(3_000)),
            field("extended_term", 100, ValueKind::Whole(84)),
            field("extended_policy", 70, ValueKind::Token(14)),
        ],
    },
    FieldGroup {
        percent: 60,
        whole: true,
        fields: &[
            field("gap_company", 100, ValueKind::Company),
            field("gap_amount", 100, ValueKind::Money(3_000)),
            field("gap_term", 100, ValueKind::Whole(84)),
            field("gap_policy", 70, ValueKind::Token(14)),
            field("gap_lien", 80, ValueKind::Flag),
        ],
    },
    FieldGroup {
        percent: 15,
        whole: true,
        fields: &[
            field("other_company", 100, ValueKind::Company),
            field("other_amount", 100, ValueKind::Money(3_000)),
            field("other_term", 100, ValueKind::Whole(84)),
            field("other_policy", 70, ValueKind::Token(14)),
        ],
    },
    FieldGroup {
        percent: 30,
        whole: true,
        fields: &[
            field("roadside_company", 100, ValueKind::Company),
            field("roadside_amount", 100, ValueKind::Money(3_000)),
            field("roadside_term", 100, ValueKind::Whole(84)),
            field("roadside_policy", 70, ValueKind::Token(14)),
        ],
    },
    FieldGroup {
        percent: 45,
        whole: true,
        fields: &[
            field("service_company", 100, ValueKind::Company),
            field("service_amount", 100, ValueKind::Money(3_000)),
            field("service_term", 100, ValueKind::Whole(84)),
            field("service_policy", 70, ValueKind::Token(14)),
        ],
    },
];

/// `IL_app_decision_info`: why a policy did not apply.
const OVERRIDES: &[FieldGroup] = &[
    FieldGroup {
        percent: 35,
        whole: false,
        fields: &[field("override_capacity", 95, ValueKind::Reason)],
    },
    FieldGroup {
        percent: 35,
        whole: false,
        fields: &[field("override_collateral", 95, ValueKind::Reason)],
    },
    FieldGroup {
        percent: 35,
        whole: false,
        fields: &[field("override_credit", 95, ValueKind::Reason)],
    },
];

/// `IL_ITI_note`, mapped by nothing.
const NOTE: &[FieldSpec] = &[
    field("written_on", 90, ValueKind::Moment),
    field("written_by", 90, ValueKind::User),
    field("text", 95, ValueKind::Note),
    field("trace", 60, ValueKind::Token(240)),
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
