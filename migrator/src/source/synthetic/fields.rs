//! The line of card applications: the attributes of each element, in the order in which they are
//! written. Tables only; keys, roles and types are written by `application`.

use super::product_line::{Child, Field, Line, OfContact, Refused, Typed, field};
use super::values::Kind;

/// Card applications, for `scenarios/contracts/applications.json`.
pub(super) const APPLICATIONS: &Line = &Line {
    application: "application",
    other_application: "IL_application",
    contact: "contact",
    second_role: "AUTHU",
    root_fields: ROOT,
    request_fields: REQUEST,
    application_fields: APPLICATION,
    identity_fields: IDENTITY,
    contact_fields: CONTACT,
    address: Typed { name: "contact_address", type_attribute: "address_tp_c", fields: ADDRESS },
    employment: Typed {
        name: "contact_employment",
        type_attribute: "employment_tp_c",
        fields: EMPLOYMENT,
    },
    of_contact: &[OfContact {
        name: "app_prod_bcard",
        primary_percent: 90,
        other_percent: 50,
        fields: CARD,
    }],
    children: &[
        Child { name: "app_product", percent: 100, twice_percent: 3, fields: PRODUCT, groups: &[] },
        Child { name: "rmts_info", percent: 92, twice_percent: 0, fields: OFFER, groups: &[] },
    ],
    refusals: &[
        (Refused::ContactId, "contact", "con_id"),
        (Refused::Score, "app_product", "north_score"),
        (Refused::Reference, "application", "funding_reference"),
        (Refused::Fee, "rmts_info", "over_limit_fee"),
        (Refused::Rate, "rmts_info", "purchase_rate"),
        (Refused::Debt, "app_product", "debt_per_month"),
        (Refused::Received, "application", "received_on"),
        (Refused::Note, "app_product", "model_score"),
    ],
};

/// `Provenir`: the attributes that staging keeps (contract.md 2.3).
const ROOT: &[Field] = &[
    field("appone_trans_id", 40, Kind::Token(20)),
    field("dt_app_id", 10, Kind::Digits(9)),
    field("dt_dealer_id", 10, Kind::Digits(6)),
];

/// `Request`, besides `ID`: likewise.
pub(super) const REQUEST: &[Field] = &[
    field("Process", 95, Kind::Code(PROCESSES)),
    field("Status", 95, Kind::Code(&["N", "O", "H", "A", "D", "C", "X"])),
    field("Priority", 40, Kind::Code(&["Rush", "Normal", "Callback", "Step Up"])),
    field("LastUpdatedBy", 85, Kind::User),
    field("LockedBy", 15, Kind::User),
    field("btcardtoken", 20, Kind::Token(64)),
    field("btresponsecode", 20, Kind::Whole(999)),
    field("iovation_blackbox", 70, Kind::Token(3_000)),
    field("useAlloyService", 50, Kind::Flag),
    field("Trans", 80, Kind::Token(36)),
];

const PROCESSES: &[&str] = &[
    "00010", "00011", "00020", "00100", "00150", "00500", "01000", "02000", "03000", "05000",
    "08000", "10000", "20000", "90000",
];

/// `application`.
const APPLICATION: &[Field] = &[
    field("received_on", 98, Kind::Moment),
    field("changed_on", 95, Kind::Moment),
    field("source_channel", 96, Kind::Code(CHANNELS)),
    field("application_type", 95, Kind::Code(TYPES)),
    field("product_family", 38, Kind::Words),
    field("client_ip", 77, Kind::Ip),
    field("consent_esign", 90, Kind::Truth),
    field("consent_paperless", 85, Kind::Truth),
    field("consent_sms", 80, Kind::Truth),
    field("analyst", 80, Kind::User),
    field("signed_ind", 92, Kind::Flag),
    field("landing_page", 70, Kind::Token(40)),
    field("id_match_result", 87, Kind::Code(&["M", "N", "P"])),
    field("verified_through", 75, Kind::Code(VERIFICATIONS)),
    field("protection_plan", 38, Kind::Grade),
    field("campaign_code", 92, Kind::Digits(6)),
    field("segment", 85, Kind::Words),
    field("test_cell", 87, Kind::Code(TEST_CELLS)),
    field("price_tier", 85, Kind::Grade),
    field("solicitation_code", 80, Kind::Digits(12)),
    field("card_design", 80, Kind::Digits(2)),
    field("freeze_pin", 18, Kind::Digits(4)),
    field("deposit_paid_by", 23, Kind::Code(PAYMENTS)),
    field("deposit_amount", 23, Kind::Money(3_000)),
    field("deposit_date", 23, Kind::Moment),
    field("deposit_refund_amount", 13, Kind::Money(3_000)),
    field("deposit_refund_date", 13, Kind::Moment),
    field("transfer_amount", 23, Kind::Money(3_000)),
    field("transfer_sent_ind", 23, Kind::Flag),
    field("refund_failed_ind", 18, Kind::Flag),
    field("funding_reference", 28, Kind::Whole(900_000_000)),
    field("system_of_entry", 90, Kind::Words),
    field("entry_session", 90, Kind::Token(48)),
    field("came_from", 70, Kind::Token(300)),
    field("device_print", 80, Kind::Token(280)),
    field("browser", 80, Kind::Note),
    field("form_version", 90, Kind::Digits(6)),
    field("terms_version", 90, Kind::Digits(6)),
    field("started_on", 85, Kind::Moment),
    field("submitted_on", 85, Kind::Moment),
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
const PRODUCT: &[Field] = &[
    field("decision_code", 95, Kind::Code(DECISIONS)),
    field("decided_on", 92, Kind::Moment),
    field("decision_model", 90, Kind::Code(MODELS)),
    field("booked_on", 72, Kind::Moment),
    field("transfer_booked_on", 18, Kind::Moment),
    field("fico_band", 87, Kind::Grade),
    field("risk_band", 87, Kind::Grade),
    field("mailed_fico_band", 75, Kind::Grade),
    field("mailed_risk_band", 75, Kind::Grade),
    field("clock_started_on", 72, Kind::Moment),
    field("clock_ended_on", 70, Kind::Moment),
    field("bureau_reason1", 87, Kind::Reason),
    field("bureau_reason2", 85, Kind::Reason),
    field("bureau_reason3", 82, Kind::Reason),
    field("bureau_reason4", 80, Kind::Reason),
    field("bureau_reason5", 38, Kind::Reason),
    field("model_reason1", 80, Kind::Reason),
    field("model_reason2", 77, Kind::Reason),
    field("model_reason3", 75, Kind::Reason),
    field("model_reason4", 72, Kind::Reason),
    field("debt_ratio", 90, Kind::Rate),
    field("debt_per_month", 90, Kind::Money(5_000)),
    field("income_per_month", 92, Kind::Money(20_000)),
    field("analyst_look_ind", 80, Kind::Flag),
    field("booking_hold_ind", 70, Kind::Flag),
    field("terms_read_ind", 90, Kind::Flag),
    field("same_ssn_ind", 75, Kind::Flag),
    field("fraud_look_ind", 75, Kind::Flag),
    field("verification_open_ind", 75, Kind::Flag),
    field("supervisor_look_ind", 85, Kind::Flag),
    field("thin_file_ind", 85, Kind::Flag),
    field("fraud_alert", 70, Kind::Note),
    field("fraud_address_ind", 80, Kind::Mark),
    field("fraud_ssn_ind", 80, Kind::Mark),
    field("fraud_phone_ind", 80, Kind::Mark),
    field("deceased_ind", 75, Kind::Mark),
    field("bank_check_answer", 85, Kind::Note),
    field("identity_quiz_result", 82, Kind::Words),
    field("identity_score", 85, Kind::Whole(50)),
    field("address_check_answer", 82, Kind::Note),
    field("device_check_answer", 80, Kind::Note),
    field("bank_ratio", 87, Kind::Rate),
    field("file_score", 90, Kind::Score),
    field("file_score_2", 85, Kind::Score),
    field("north_score", 94, Kind::Score),
    field("north_score_10t", 85, Kind::Score),
    field("south_score", 91, Kind::Score),
    field("south_score_2", 82, Kind::Score),
    field("vantage_north", 90, Kind::Score),
    field("vantage_south", 85, Kind::Score),
    field("thin_file_score", 75, Kind::Score),
    field("fraud_score", 87, Kind::Score),
    field("income_score", 80, Kind::Score),
    field("mailed_fico_score", 85, Kind::Score),
    field("mailed_risk_score", 82, Kind::Score),
    field("blend_score", 80, Kind::Score),
    field("model_score", 92, Kind::Score),
    field("model_score_b", 85, Kind::Score),
    field("model_score_c", 80, Kind::Score),
    field("model_score_d", 75, Kind::Score),
    field("bureau_pulled", 95, Kind::Words),
    field("review_note", 80, Kind::Note),
    field("policy_trace", 90, Kind::Token(600)),
    field("strategy", 80, Kind::Words),
    field("queue_history", 85, Kind::Note),
    field("adverse_letter", 60, Kind::Note),
    field("last_rule", 85, Kind::Words),
    field("model_inputs", 90, Kind::Token(600)),
];

const DECISIONS: &[&str] =
    &["APPROVED", "DECLINED", "COUNTER", "PENDING", "PEND-ID", "PEND-FUND", "WITHDRAWN"];
const MODELS: &[&str] = &["North 8", "North 10T", "South 9", "South 10T", "Blend 4"];

/// `rmts_info`: the offer as it was mailed.
const OFFER: &[Field] = &[
    field("purchase_rate", 92, Kind::Rate),
    field("purchase_margin", 90, Kind::Rate),
    field("cash_rate", 90, Kind::Rate),
    field("cash_margin", 87, Kind::Rate),
    field("cash_percent", 85, Kind::Rate),
    field("foreign_use_percent", 85, Kind::Rate),
    field("least_payment_percent", 85, Kind::Rate),
    field("least_interest", 82, Kind::Rate),
    field("intro_purchase_rate", 70, Kind::Rate),
    field("intro_cash_rate", 43, Kind::Rate),
    field("yearly_fee", 90, Kind::Money(300)),
    field("setup_fee", 80, Kind::Fee),
    field("extra_card_fee", 80, Kind::Fee),
    field("cash_fee", 82, Kind::Fee),
    field("late_fee", 87, Kind::DigitsOfFee),
    field("least_payment_fee", 80, Kind::Fee),
    field("over_limit_fee", 80, Kind::Fee),
    field("returned_payment_fee", 80, Kind::Fee),
    field("plan_version", 80, Kind::Digits(3)),
    field("offer_flag_5", 38, Kind::Grade),
    field("offer_flag_6", 33, Kind::Grade),
    field("offer_flag_7", 33, Kind::Grade),
    field("offer_flag_8", 28, Kind::Grade),
    field("second_user_is_spouse", 70, Kind::Flag),
    field("mailed_first_name", 80, Kind::GivenName),
    field("mailed_middle_name", 43, Kind::GivenName),
    field("mailed_last_name", 80, Kind::Surname),
    field("mailed_suffix", 16, Kind::Suffix),
    field("mailed_birth_date", 70, Kind::Birthday),
    field("mailed_ssn", 70, Kind::Ssn),
    field("mailed_street_number", 79, Kind::StreetNumber),
    field("mailed_street_name", 79, Kind::Street),
    field("mailed_unit", 23, Kind::Unit),
    field("mailed_po_box", 14, Kind::Unit),
    field("mailed_city", 80, Kind::Town),
    field("mailed_state", 80, Kind::State),
    field("mailed_zip", 80, Kind::PostalCode),
    field("review_note", 33, Kind::Note),
    field("offer_expires_on", 85, Kind::Moment),
    field("offer_wave", 85, Kind::Whole(60)),
    field("letter_text", 60, Kind::Note),
    field("envelope", 70, Kind::Token(32)),
    field("printed_on", 80, Kind::Moment),
    field("list_source", 80, Kind::Words),
];

/// `contact`, besides its id, its role and its surname.
const IDENTITY: &[Field] = &[
    field("first_name", 98, Kind::GivenName),
    field("birth_date", 96, Kind::Birthday),
    field("ssn", 96, Kind::Ssn),
];

/// `contact`, the rest.
const CONTACT: &[Field] = &[
    field("middle_name", 72, Kind::GivenName),
    field("name_suffix", 16, Kind::Suffix),
    field("maiden_name", 70, Kind::Surname),
    field("email_address", 87, Kind::Email),
    field("fraud_mark", 16, Kind::Code(&["S", "V"])),
    field("bank_routing_number", 43, Kind::Digits(9)),
    field("bank_account_number", 43, Kind::Digits(12)),
    field("bank_account_kind", 43, Kind::Code(&["C", "S"])),
    field("licence_number", 82, Kind::Token(12)),
    field("licence_state", 82, Kind::State),
    field("partner_name", 43, Kind::FullName),
    field("partner_address", 38, Kind::AddressLine),
    field("partner_city", 38, Kind::Town),
    field("partner_state", 38, Kind::State),
    field("partner_zip", 38, Kind::PostalCode),
    field("household", 80, Kind::Token(24)),
    field("best_time_to_call", 40, Kind::Words),
    field("language", 60, Kind::Words),
    field("remarks", 60, Kind::Note),
    field("consent_trace", 70, Kind::Token(64)),
];

/// `app_prod_bcard`.
const CARD: &[Field] = &[
    field("issue_card_ind", 87, Kind::Flag),
    field("card_account_number", 75, Kind::Digits(16)),
    field("granted_line", 87, Kind::Line),
    field("possible_line", 82, Kind::Line),
    field("highest_line", 80, Kind::Line),
    field("least_payment_due", 75, Kind::Money(200)),
    field("recurring_line", 72, Kind::Line),
];

/// `contact_address`, besides its type.
const ADDRESS: &[Field] = &[
    field("address_line_1", 70, Kind::AddressLine),
    field("street_number", 92, Kind::StreetNumber),
    field("street_name", 94, Kind::Street),
    field("unit", 33, Kind::Unit),
    field("po_box", 18, Kind::Unit),
    field("rural_route", 13, Kind::Unit),
    field("city", 96, Kind::Town),
    field("state", 96, Kind::State),
    field("zip", 96, Kind::PostalCode),
    field("evening_phone", 85, Kind::Phone),
    field("mobile_phone", 87, Kind::Phone),
    field("years_here", 90, Kind::Whole(30)),
    field("months_here", 90, Kind::Whole(11)),
    field("home_owner", 87, Kind::Code(OWNERSHIPS)),
    field("rent_or_mortgage", 85, Kind::Money(4_000)),
    field("mailing_street_number", 77, Kind::StreetNumber),
    field("mailing_street_name", 77, Kind::Street),
    field("mailing_unit", 28, Kind::Unit),
    field("mailing_po_box", 23, Kind::Unit),
    field("mailing_city", 77, Kind::Town),
    field("mailing_state", 77, Kind::State),
    field("mailing_zip", 77, Kind::PostalCode),
    field("checked_street_number", 75, Kind::StreetNumber),
    field("checked_street_name", 75, Kind::Street),
    field("checked_unit", 23, Kind::Unit),
    field("checked_city", 75, Kind::Town),
    field("checked_state", 75, Kind::State),
    field("checked_zip", 75, Kind::PostalCode),
    field("directions", 40, Kind::Note),
    field("standardized_as", 70, Kind::AddressLine),
    field("delivery_point", 70, Kind::Digits(12)),
];

/// `contact_employment`, besides its type.
const EMPLOYMENT: &[Field] = &[
    field("employer", 96, Kind::Company),
    field("job", 92, Kind::Job),
    field("pay", 95, Kind::Money(90_000)),
    field("pay_basis", 92, Kind::Code(&["YEAR", "MONTH", "WEEK", "HOUR"])),
    field("years_at_work", 87, Kind::Whole(30)),
    field("months_at_work", 87, Kind::Whole(11)),
    field("income_kind", 87, Kind::Code(INCOMES)),
    field("untaxed_ind", 75, Kind::Flag),
    field("own_business_ind", 80, Kind::Flag),
    field("further_income", 38, Kind::Money(4_000)),
    field("further_income_kind", 38, Kind::Code(FURTHER_INCOMES)),
    field("further_income_detail", 28, Kind::Words),
    field("work_phone", 82, Kind::Phone),
    field("work_address", 38, Kind::AddressLine),
    field("work_street_number", 75, Kind::StreetNumber),
    field("work_street_name", 75, Kind::Street),
    field("work_unit", 18, Kind::Unit),
    field("work_city", 80, Kind::Town),
    field("work_state", 80, Kind::State),
    field("work_zip", 77, Kind::PostalCode),
    field("pay_proof", 50, Kind::Words),
    field("supervisor", 50, Kind::FullName),
];

pub(super) const OWNERSHIPS: &[&str] = &["OWN", "RENT", "KIN", "OTHER"];
pub(super) const INCOMES: &[&str] =
    &["WAGES", "PENSION", "BENEFIT", "INVEST", "RENTAL", "ALLOWANCE"];
pub(super) const FURTHER_INCOMES: &[&str] = &[
    "WAGES", "PENSION", "BENEFIT", "INVEST", "RENTAL", "ALIMONY", "BONUS", "MILITARY", "SPOUSE",
    "TRUST", "OTHER",
];
