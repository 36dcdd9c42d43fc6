//! Devices that customers register as theirs, from pages and apps of the broker's own.

use model::client::DeviceId;
use model::{Client as Browser, CustomerId};
use serde::{Deserialize, Serialize};

use crate::proof::travelling;
use crate::{Again, Client, ClientError, percent_encoded};

/// What a customer registered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Devices {
    /// All of them, at most eight.
    pub devices: Vec<Device>,
    /// Whether nothing else is let in.
    pub only: bool,
}

/// A registered device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Device {
    /// By which it is taken back, and shows that it is there.
    pub id: String,
    /// The broker's identifier, as in `client.device`.
    pub device: String,
    /// What its owner calls it.
    pub name: String,
    /// From when on it counts, in RFC 3339.
    #[serde(default)]
    pub counts_from: Option<String>,
}

/// A device to register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewDevice<'a> {
    /// The broker's identifier, as in `client.device`.
    pub device: &'a DeviceId,
    /// What its owner calls it, 1 to 40 characters.
    pub name: &'a str,
    /// Its public key, where it has one of its own: `SubjectPublicKeyInfo` of a P-256 key, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<&'a str>,
    /// A challenge for this device that the customer passed: needed where they have anything to confirm it with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<&'a str>,
    /// The client that registers it, as the site sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<&'a Browser>,
}

impl Client {
    /// The devices that a customer registered.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn devices(&self, customer: &CustomerId) -> Result<Devices, ClientError> {
        self.ask(&path(customer), None, Again::Yes)
    }

    /// Registers one; the same one again gets the new name. Where no answer comes the same may be asked again, with the same challenge.
    ///
    /// # Errors
    /// It is not taken: `reason` or `detail` says why. Or the server does not answer.
    pub fn register_device(
        &self,
        customer: &CustomerId,
        device: &NewDevice<'_>,
    ) -> Result<Device, ClientError> {
        let client = device.client.map(travelling);
        let device = NewDevice { client: client.as_deref(), ..device.clone() };
        self.post(&path(customer), &device, Again::Yes)
    }
}

fn path(customer: &CustomerId) -> String {
    format!("/v1/customers/{}/devices", percent_encoded(customer.as_str()))
}
