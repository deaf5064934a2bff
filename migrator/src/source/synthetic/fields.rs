//! The line of card applications: the attributes of each element, in the order in which they are
//! written. Tables only; keys, roles and types are written by `application`.

use super::product_line::{
    ChildElement, ContactElement, FieldSpec, InvalidValue, ProductLine, TypedElement, field,
};
use super::values::ValueKind;

/// Card applications, for `scenarios/contracts/applications.json`.
pub(super) const APPLICATIONS: &ProductLine = &ProductLine {
    application: "application",
    other_application: "IL_application",
    contact: "contact",
    second_role: "AUTHU",
    root_fields: ROOT,
    request_fields: REQUEST,
    application_fields: APPLICATION,
    identity_fields: IDENTITY,
    contact_fields: CONTACT,
    address: TypedElement {
        name: "contact_address",
        type_attribute: "address_tp_c",
        fields: ADDRESS,
    },
    employment: TypedElement {
        name: "contact_employment",
        type_attribute: "employment_tp_c",
        fields: EMPLOYMENT,
    },
    of_contact: &[ContactElement {
        name: "app_prod_bcard",
        primary_percent: 90,
        other_percent: 50,
        fields: CARD,
    }],
    children: &[
        ChildElement {
            name: "app_product",
            percent: 100,
            twice_percent: 3,
            fields: PRODUCT,
            groups: &[],
        },
        ChildElement {
            name: "rmts_info",
            percent: 92,
            twice_percent: 0,
            fields: OFFER,
            groups: &[],
        },
    ],
    invalid_values: &[
        (InvalidValue::ContactId, "contact", "con_id"),
        (InvalidValue::Score, "app_product", "north_score"),
        (InvalidValue::Reference, "application", "funding_reference"),
        (InvalidValue::Fee, "rmts_info", "over_limit_fee"),
        (InvalidValue::Rate, "rmts_info", "purchase_rate"),
        (InvalidValue::Debt, "app_product", "debt_per_month"),
        (InvalidValue::Received, "application", "received_on"),
        (InvalidValue::Note, "app_product", "model_score"),
    ],
};

/// `Provenir`: the attributes that staging keeps (contract.md 2.3).
const ROOT: &[FieldSpec] = &[
    field("appone_trans_id", 40, ValueKind::Token(20)),
    field("dt_app_id", 10, ValueKind::Digits(9)),
    field("dt_dealer_id", 10, ValueKind::Digits(6)),
];

/// `Request`, besides `ID`: likewise.
pub(super) const REQUEST: &[FieldSpec] = &[
    field("Process", 95, ValueKind::Code(PROCESSES)),
    field("Status", 95, ValueKind::Code(&["N", "O", "H", "A", "D", "C", "X"])),
    field("Priority", 40, ValueKind::Code(&["Rush", "Normal", "Callback", "Step Up"])),
    field("LastUpdatedBy", 85, ValueKind::User),
    field("LockedBy", 15, ValueKind::User),
    field("btcardtoken", 20, ValueKind::Token(64)),
    field("btresponsecode", 20, ValueKind::Whole(999)),
    field("iovation_blackbox", 70, ValueKind::Token(3_000)),
    field("useAlloyService", 50, ValueKind::Flag),
    field("Trans", 80, ValueKind::Token(36)),
];

const PROCESSES: &[&str] = &[
    "00010", "00011", "00020", "00100", "00150", "00500", "01000", "02000", "03000", "05000",
    "08000", "10000", "20000", "90000",
];

/// `application`.
const APPLICATION: &[FieldSpec] = &[
    field("received_on", 98, ValueKind::Moment),
    field("changed_on", 95, ValueKind::Moment),
    field("source_channel", 96, ValueKind::Code(CHANNELS)),
    field("application_type", 95, ValueKind::Code(TYPES)),
    field("product_family", 38, ValueKind::Words),
    field("client_ip", 77, ValueKind::Ip),
    field("consent_esign", 90, ValueKind::Truth),
    field("consent_paperless", 85, ValueKind::Truth),
    field("consent_sms", 80, ValueKind::Truth),
    field("analyst", 80, ValueKind::User),
    field("signed_ind", 92, ValueKind::Flag),
    field("landing_page", 70, ValueKind::Token(40)),
    field("id_match_result", 87, ValueKind::Code(&["M", "N", "P"])),
    field("verified_through", 75, ValueKind::Code(VERIFICATIONS)),
    field("protection_plan", 38, ValueKind::Grade),
    field("campaign_code", 92, ValueKind::Digits(6)),
    field("segment", 85, ValueKind::Words),
    field("test_cell", 87, ValueKind::Code(TEST_CELLS)),
    field("price_tier", 85, ValueKind::Grade),
    field("solicitation_code", 80, ValueKind::Digits(12)),
    field("card_design", 80, ValueKind::Digits(2)),
    field("freeze_pin", 18, ValueKind::Digits(4)),
    field("deposit_paid_by", 23, ValueKind::Code(PAYMENTS)),
    field("deposit_amount", 23, ValueKind::Money(3_000)),
    field("deposit_date", 23, ValueKind::Moment),
    field("deposit_refund_amount", 13, ValueKind::Money(3_000)),
    field("deposit_refund_date", 13, ValueKind::Moment),
    field("transfer_amount", 23, ValueKind::Money(3_000)),
    field("transfer_sent_ind", 23, ValueKind::Flag),
    field("refund_failed_ind", 18, ValueKind::Flag),
    field("funding_reference", 28, ValueKind::Whole(900_000_000)),
    field("system_of_entry", 90, ValueKind::Words),
    field("entry_session", 90, ValueKind::Token(48)),
    field("came_from", 70, ValueKind::Token(300)),
    field("device_print", 80, ValueKind::Token(280)),
    field("browser", 80, ValueKind::Note),
    field("form_version", 90, ValueKind::Digits(6)),
    field("terms_version", 90, ValueKind::Digits(6)),
    field("started_on", 85, ValueKind::Moment),
    field("submitted_on", 85, ValueKind::Moment),
];

const CHANNELS: &[&str] = &["WEB", "MAIL", "PHONE", "BRANCH", "PARTNER-API", "KIOSK"];
const TYPES: &[&str] = &["CLASSIC", "SECURED", "STUDENT", "PREPAID", "BUSINESS", "REOPENED"];
const VERIFICATIONS: &[&str] =
    &["PHONE", "LETTER", "BUREAU", "BANK", "EMPLOYER", "QUIZ", "DOCUMENT", "VISIT"];
const TEST_CELLS: &[&str] =
    &["BIRCH", "CEDAR", "ELM", "HAZEL", "ROWAN", "CONTROL", "HOLDOUT", "1", "02"];
const PAYMENTS: &[&str] =
    &["Bank Transfer", "Cheque", "Debit Card", "Money Order", "MO", "Cash Desk", "Undetermined"];

/// `app_product`.
const PRODUCT: &[FieldSpec] = &[
    field("decision_code", 95, ValueKind::Code(DECISIONS)),
    field("decided_on", 92, ValueKind::Moment),
    field("decision_model", 90, ValueKind::Code(MODELS)),
    field("booked_on", 72, ValueKind::Moment),
    field("transfer_booked_on", 18, ValueKind::Moment),
    field("fico_band", 87, ValueKind::Grade),
    field("risk_band", 87, ValueKind::Grade),
    field("mailed_fico_band", 75, ValueKind::Grade),
    field("mailed_risk_band", 75, ValueKind::Grade),
    field("clock_started_on", 72, ValueKind::Moment),
    field("clock_ended_on", 70, ValueKind::Moment),
    field("bureau_reason1", 87, ValueKind::Reason),
    field("bureau_reason2", 85, ValueKind::Reason),
    field("bureau_reason3", 82, ValueKind::Reason),
    field("bureau_reason4", 80, ValueKind::Reason),
    field("bureau_reason5", 38, ValueKind::Reason),
    field("model_reason1", 80, ValueKind::Reason),
    field("model_reason2", 77, ValueKind::Reason),
    field("model_reason3", 75, ValueKind::Reason),
    field("model_reason4", 72, ValueKind::Reason),
    field("debt_ratio", 90, ValueKind::Rate),
    field("debt_per_month", 90, ValueKind::Money(5_000)),
    field("income_per_month", 92, ValueKind::Money(20_000)),
    field("analyst_look_ind", 80, ValueKind::Flag),
    field("booking_hold_ind", 70, ValueKind::Flag),
    field("terms_read_ind", 90, ValueKind::Flag),
    field("same_ssn_ind", 75, ValueKind::Flag),
    field("fraud_look_ind", 75, ValueKind::Flag),
    field("verification_open_ind", 75, ValueKind::Flag),
    field("supervisor_look_ind", 85, ValueKind::Flag),
    field("thin_file_ind", 85, ValueKind::Flag),
    field("fraud_alert", 70, ValueKind::Note),
    field("fraud_address_ind", 80, ValueKind::Mark),
    field("fraud_ssn_ind", 80, ValueKind::Mark),
    field("fraud_phone_ind", 80, ValueKind::Mark),
    field("deceased_ind", 75, ValueKind::Mark),
    field("bank_check_answer", 85, ValueKind::Note),
    field("identity_quiz_result", 82, ValueKind::Words),
    field("identity_score", 85, ValueKind::Whole(50)),
    field("address_check_answer", 82, ValueKind::Note),
    field("device_check_answer", 80, ValueKind::Note),
    field("bank_ratio", 87, ValueKind::Rate),
    field("file_score", 90, ValueKind::Score),
    field("file_score_2", 85, ValueKind::Score),
    field("north_score", 94, ValueKind::Score),
    field("north_score_10t", 85, ValueKind::Score),
    field("south_score", 91, ValueKind::Score),
    field("south_score_2", 82, ValueKind::Score),
    field("vantage_north", 90, ValueKind::Score),
    field("vantage_south", 85, ValueKind::Score),
    field("thin_file_score", 75, ValueKind::Score),
    field("fraud_score", 87, ValueKind::Score),
    field("income_score", 80, ValueKind::Score),
    field("mailed_fico_score", 85, ValueKind::Score),
    field("mailed_risk_score", 82, ValueKind::Score),
    field("blend_score", 80, ValueKind::Score),
    field("model_score", 92, ValueKind::Score),
    field("model_score_b", 85, ValueKind::Score),
    field("model_score_c", 80, ValueKind::Score),
    field("model_score_d", 75, ValueKind::Score),
    field("bureau_pulled", 95, ValueKind::Words),
    field("review_note", 80, ValueKind::Note),
    field("policy_trace", 90, ValueKind::Token(600)),
    field("strategy", 80, ValueKind::Words),
    field("queue_history", 85, ValueKind::Note),
    field("adverse_letter", 60, ValueKind::Note),
    field("last_rule", 85, ValueKind::Words),
    field("model_inputs", 90, ValueKind::Token(600)),
];

const DECISIONS: &[&str] =
    &["APPROVED", "DECLINED", "COUNTER", "PENDING", "PEND-ID", "PEND-FUND", "WITHDRAWN"];
const MODELS: &[&str] = &["North 8", "North 10T", "South 9", "South 10T", "Blend 4"];

/// `rmts_info`: the offer as it was mailed.
const OFFER: &[FieldSpec] = &[
    field("purchase_rate", 92, ValueKind::Rate),
    field("purchase_margin", 90, ValueKind::Rate),
    field("cash_rate", 90, ValueKind::Rate),
    field("cash_margin", 87, ValueKind::Rate),
    field("cash_percent", 85, ValueKind::Rate),
    field("foreign_use_percent", 85, ValueKind::Rate),
    field("least_payment_percent", 85, ValueKind::Rate),
    field("least_interest", 82, ValueKind::Rate),
    field("intro_purchase_rate", 70, ValueKind::Rate),
    field("intro_cash_rate", 43, ValueKind::Rate),
    field("yearly_fee", 90, ValueKind::Money(300)),
    field("setup_fee", 80, ValueKind::Fee),
    field("extra_card_fee", 80, ValueKind::Fee),
    field("cash_fee", 82, ValueKind::Fee),
    field("late_fee", 87, ValueKind::DigitsOfFee),
    field("least_payment_fee", 80, ValueKind::Fee),
    field("over_limit_fee", 80, ValueKind::Fee),
    field("returned_payment_fee", 80, ValueKind::Fee),
    field("plan_version", 80, ValueKind::Digits(3)),
    field("offer_flag_5", 38, ValueKind::Grade),
    field("offer_flag_6", 33, ValueKind::Grade),
    field("offer_flag_7", 33, ValueKind::Grade),
    field("offer_flag_8", 28, ValueKind::Grade),
    field("second_user_is_spouse", 70, ValueKind::Flag),
    field("mailed_first_name", 80, ValueKind::GivenName),
    field("mailed_middle_name", 43, ValueKind::GivenName),
    field("mailed_last_name", 80, ValueKind::Surname),
    field("mailed_suffix", 16, ValueKind::Suffix),
    field("mailed_birth_date", 70, ValueKind::Birthday),
    field("mailed_ssn", 70, ValueKind::Ssn),
    field("mailed_street_number", 79, ValueKind::StreetNumber),
    field("mailed_street_name", 79, ValueKind::Street),
    field("mailed_unit", 23, ValueKind::Unit),
    field("mailed_po_box", 14, ValueKind::Unit),
    field("mailed_city", 80, ValueKind::Town),
    field("mailed_state", 80, ValueKind::State),
    field("mailed_zip", 80, ValueKind::PostalCode),
    field("review_note", 33, ValueKind::Note),
    field("offer_expires_on", 85, ValueKind::Moment),
    field("offer_wave", 85, ValueKind::Whole(60)),
    field("letter_text", 60, ValueKind::Note),
    field("envelope", 70, ValueKind::Token(32)),
    field("printed_on", 80, ValueKind::Moment),
    field("list_source", 80, ValueKind::Words),
];

/// `contact`, besides its id, its role and its surname.
const IDENTITY: &[FieldSpec] = &[
    field("first_name", 98, ValueKind::GivenName),
    field("birth_date", 96, ValueKind::Birthday),
    field("ssn", 96, ValueKind::Ssn),
];

/// `contact`, the rest.
const CONTACT: &[FieldSpec] = &[
    field("middle_name", 72, ValueKind::GivenName),
    field("name_suffix", 16, ValueKind::Suffix),
    field("maiden_name", 70, ValueKind::Surname),
    field("email_address", 87, ValueKind::Email),
    field("fraud_mark", 16, ValueKind::Code(&["S", "V"])),
    field("bank_routing_number", 43, ValueKind::Digits(9)),
    field("bank_account_number", 43, ValueKind::Digits(12)),
    field("bank_account_kind", 43, ValueKind::Code(&["C", "S"])),
    field("licence_number", 82, ValueKind::Token(12)),
    field("licence_state", 82, ValueKind::State),
    field("partner_name", 43, ValueKind::FullName),
    field("partner_address", 38, ValueKind::AddressLine),
    field("partner_city", 38, ValueKind::Town),
    field("partner_state", 38, ValueKind::State),
    field("partner_zip", 38, ValueKind::PostalCode),
    field("household", 80, ValueKind::Token(24)),
    field("best_time_to_call", 40, ValueKind::Words),
    field("language", 60, ValueKind::Words),
    field("remarks", 60, ValueKind::Note),
    field("consent_trace", 70, ValueKind::Token(64)),
];

/// `app_prod_bcard`.
const CARD: &[FieldSpec] = &[
    field("issue_card_ind", 87, ValueKind::Flag),
    field("card_account_number", 75, ValueKind::Digits(16)),
    field("granted_line", 87, ValueKind::Line),
    field("possible_line", 82, ValueKind::Line),
    field("highest_line", 80, ValueKind::Line),
    field("least_payment_due", 75, ValueKind::Money(200)),
    field("recurring_line", 72, ValueKind::Line),
];

/// `contact_address`, besides its type.
const ADDRESS: &[FieldSpec] = &[
    field("address_line_1", 70, ValueKind::AddressLine),
    field("street_number", 92, ValueKind::StreetNumber),
    field("street_name", 94, ValueKind::Street),
    field("unit", 33, ValueKind::Unit),
    field("po_box", 18, ValueKind::Unit),
    field("rural_route", 13, ValueKind::Unit),
    field("city", 96, ValueKind::Town),
    field("state", 96, ValueKind::State),
    field("zip", 96, ValueKind::PostalCode),
    field("evening_phone", 85, ValueKind::Phone),
    field("mobile_phone", 87, ValueKind::Phone),
    field("years_here", 90, ValueKind::Whole(30)),
    field("months_here", 90, ValueKind::Whole(11)),
    field("home_owner", 87, ValueKind::Code(OWNERSHIPS)),
    field("rent_or_mortgage", 85, ValueKind::Money(4_000)),
    field("mailing_street_number", 77, ValueKind::StreetNumber),
    field("mailing_street_name", 77, ValueKind::Street),
    field("mailing_unit", 28, ValueKind::Unit),
    field("mailing_po_box", 23, ValueKind::Unit),
    field("mailing_city", 77, ValueKind::Town),
    field("mailing_state", 77, ValueKind::State),
    field("mailing_zip", 77, ValueKind::PostalCode),
    field("checked_street_number", 75, ValueKind::StreetNumber),
    field("checked_street_name", 75, ValueKind::Street),
    field("checked_unit", 23, ValueKind::Unit),
    field("checked_city", 75, ValueKind::Town),
    field("checked_state", 75, ValueKind::State),
    field("checked_zip", 75, ValueKind::PostalCode),
    field("directions", 40, ValueKind::Note),
    field("standardized_as", 70, ValueKind::AddressLine),
    field("delivery_point", 70, ValueKind::Digits(12)),
];

/// `contact_employment`, besides its type.
const EMPLOYMENT: &[FieldSpec] = &[
    field("employer", 96, ValueKind::Company),
    field("job", 92, ValueKind::Job),
    field("pay", 95, ValueKind::Money(90_000)),
    field("pay_basis", 92, ValueKind::Code(&["YEAR", "MONTH", "WEEK", "HOUR"])),
    field("years_at_work", 87, ValueKind::Whole(30)),
    field("months_at_work", 87, ValueKind::Whole(11)),
    field("income_kind", 87, ValueKind::Code(INCOMES)),
    field("untaxed_ind", 75, ValueKind::Flag),
    field("own_business_ind", 80, ValueKind::Flag),
    field("further_income", 38, ValueKind::Money(4_000)),
    field("further_income_kind", 38, ValueKind::Code(FURTHER_INCOMES)),
    field("further_income_detail", 28, ValueKind::Words),
    field("work_phone", 82, ValueKind::Phone),
    field("work_address", 38, ValueKind::AddressLine),
    field("work_street_number", 75, ValueKind::StreetNumber),
    field("work_street_name", 75, ValueKind::Street),
    field("work_unit", 18, ValueKind::Unit),
    field("work_city", 80, ValueKind::Town),
    field("work_state", 80, ValueKind::State),
    field("work_zip", 77, ValueKind::PostalCode),
    field("pay_proof", 50, ValueKind::Words),
    field("supervisor", 50, ValueKind::FullName),
];

pub(super) const OWNERSHIPS: &[&str] = &["OWN", "RENT", "KIN", "OTHER"];
pub(super) const INCOMES: &[&str] =
    &["WAGES", "PENSION", "BENEFIT", "INVEST", "RENTAL", "ALLOWANCE"];
pub(super) const FURTHER_INCOMES: &[&str] = &[
    "WAGES", "PENSION", "BENEFIT", "INVEST", "RENTAL", "ALIMONY", "BONUS", "MILITARY", "SPOUSE",
    "TRUST", "OTHER",
];
