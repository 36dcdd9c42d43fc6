//! A row of a sweep's `result.csv` as the API tells it: numbers as numbers, times as times, and what is not known not at all. Must not know
//! which rows are asked for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A procedure and what was found of it, by the columns of docs/sweep.md; what is not known, or was not counted, is absent.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = SweepFinding, example = json!({
    "id": "p-1", "customer": "C0••••45", "time": "2020-09-16T03:01:00.000000Z", "kind": "withdrawal", "ip": "203.0.113.99",
    "own_accesses": 0, "own_net_accesses": 0, "other_customers": 4, "withdrawals_30d": 1, "withdrawals_30d_share": 0.95,
    "verdict": "alarm", "reasons": "place.new;ip.procedures;chain.drained",
}))]
#[serde(default)]
pub(super) struct FindingColumns {
    /// The procedure.
    id: String,
    /// Whose, masked unless the sweep was asked to show them.
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    time: Option<String>,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// From which address.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    /// Accesses of the same customer from the same address, before the procedure.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_accesses: Option<u64>,
    /// The first of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    own_first_seen: Option<String>,
    /// The last of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    own_last_seen: Option<String>,
    /// Distinct UTC days of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_days: Option<u32>,
    /// The same for the address's /24 or /64.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_net_accesses: Option<u64>,
    /// The same for its autonomous system.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_asn_accesses: Option<u64>,
    /// The same for the procedure's device.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_device_accesses: Option<u64>,
    /// Distinct other customers at this address in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_customers: Option<u32>,
    /// Those with an event of the same kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_procedures: Option<u32>,
    /// Distinct customers with a failed login from this address in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_failed_customers: Option<u32>,
    /// Country of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    /// Autonomous system of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    asn: Option<u32>,
    /// Names of the lists the address is on, joined by `;`.
    #[serde(skip_serializing_if = "Option::is_none")]
    lists: Option<String>,
    /// Changes of a contact within 72 hours before.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_changes_72h: Option<u32>,
    /// Changes of the password within 72 hours before.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_changes_72h: Option<u32>,
    /// Changes of a factor within 72 hours before.
    #[serde(skip_serializing_if = "Option::is_none")]
    factor_changes_72h: Option<u32>,
    /// Withdrawals and transfers within 30 days after.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals_30d: Option<u32>,
    /// Those asked for from this address.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals_30d_same_ip: Option<u32>,
    /// Sum of the shares of the balance that left by them; may exceed 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals_30d_share: Option<f64>,
    /// `clear`, `explained`, `review` or `alarm`; by the ledger, absent where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    /// Why, joined by `;`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<String>,
    /// By the ledger: whether there is a verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    certain: Option<bool>,
    /// By the ledger: what a verdict lacks, joined by `;`.
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<String>,
    /// By the ledger: since when the network is known as the customer's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    net_since: Option<String>,
    /// By the ledger: since when the device is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    device_since: Option<String>,
}

impl FindingColumns {
    /// A row under its header.
    ///
    /// # Errors
    /// A number that is none: such a file was written by something else.
    pub(super) fn of(row: &csv::StringRecord, header: &csv::StringRecord) -> std::io::Result<Self> {
        row.deserialize(Some(header)).map_err(std::io::Error::from)
    }

    /// The procedure's identifier.
    #[cfg(test)]
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use history::sweep::WarmFinding;
    use serde_json::json;
    use utoipa::PartialSchema as _;

    use super::FindingColumns;

    #[test]
    fn every_column_of_a_result_is_told_and_described() {
        let schema = serde_json::to_value(FindingColumns::schema()).unwrap();
        let described: BTreeSet<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(described, WarmFinding::columns().collect());
        let header: csv::StringRecord = WarmFinding::columns().collect::<Vec<_>>().into();
        let row = |text: &str| vec![text; header.len()].into();
        let empty = FindingColumns::of(&row(""), &header).unwrap();
        assert_eq!(serde_json::to_value(empty).unwrap(), json!({"id": ""}));
        assert!(FindingColumns::of(&row("x"), &header).is_err(), "no number");
    }

    #[test]
    fn numbers_are_numbers_and_text_of_digits_stays_text() {
        let header = ["id", "customer", "other_customers", "withdrawals_30d_share", "own_days", "certain"];
        let row = ["007", "0042", "3", "0.500000", "", "false"];
        let told = FindingColumns::of(&row.to_vec().into(), &header.to_vec().into()).unwrap();
        let expected = json!({
            "id": "007", "customer": "0042", "other_customers": 3, "withdrawals_30d_share": 0.5, "certain": false,
        });
        assert_eq!(serde_json::to_value(told).unwrap(), expected);
    }
}
