//! Envelopes for what is kept of a person: sealed before the journal, opened to be shown masked. Must not know what is in
//! them.

use model::CustomerId;

use crate::envelope;
use crate::secret::Secret;

/// Seals what is known of a customer.
///
/// # Errors
/// See [`envelope::seal`].
pub(crate) fn seal(secret: &Secret, customer: &CustomerId, content: &[u8]) -> std::io::Result<Vec<u8>> {
    envelope::seal(secret.profile_key(), customer.as_str().as_bytes(), content)
}

/// Opens an envelope; `None` if it is none of this customer's and of this folder's secret.
pub(crate) fn open(secret: &Secret, customer: &CustomerId, envelope: &[u8]) -> Option<Vec<u8>> {
    envelope::open(secret.profile_key(), customer.as_str().as_bytes(), envelope)
}
