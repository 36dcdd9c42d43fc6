//! A broker's pages by the typed client.

use serde_json::json;

use crate::codes::{broker, other};
use crate::gateway::Gateway;
use crate::proof::{Broker, event, withdrawal};

/// The same by the client of a broker's systems.
#[test]
fn a_brokers_page_takes_codes_and_registers_devices_by_the_client() {
    use sekisho_client::{Action, Client, ClientError, NewDevice, Options};
    let gateway = Gateway::start();
    let broker = broker(&gateway, "cooling_hours = 0");
    let client = Client::new(Options::new(&format!("http://{}", broker.server.address), &broker.key));
    let customer: model::CustomerId = "C1".parse().unwrap();
    let asked = event("w-1", "withdrawal", "C1", &withdrawal("C1"));
    let asked = model::Event::from_json(asked.as_bytes()).unwrap();
    let decision = client.decide(&asked).unwrap();
    let id = decision.challenge.unwrap().id;
    assert_eq!(client.send_code(&id, &customer, "sms", None).unwrap().status, "open");
    let refused = |error: ClientError| match error {
        ClientError::Refused { status: 409, reason, retry_after, .. } => (reason.unwrap(), retry_after),
        other => panic!("{other:?}"),
    };
    let (reason, retry_after) = refused(client.send_code(&id, &customer, "mail", None).unwrap_err());
    assert!(reason == "asked_lately" && retry_after.unwrap().as_secs() > 0, "{reason} {retry_after:?}");
    let code = gateway.until(1).code();
    let wrong = client.answer(&id, &customer, "sms", &other(&code), None).unwrap_err();
    assert_eq!(refused(wrong), ("wrong".to_owned(), None));
    let answered = client.answer(&id, &customer, "sms", &code, None).unwrap();
    assert_eq!(answered.challenge.status, "passed");
    assert!(answered.known_browser.is_some());
    let proof = client.redeem(&id, &Action::of(&asked).unwrap(), None).unwrap().unwrap();
    assert_eq!(proof.factor, "sms");

    let device = "phone".parse().unwrap();
    let browser = model::Client { device: Some("phone".parse().unwrap()), ..model::Client::default() };
    let new = NewDevice {
        device: &device,
        name: "telephone",
        public_key: None,
        challenge: None,
        client: Some(&browser),
    };
    let unconfirmed = client.register_device(&customer, &new).unwrap_err();
    assert!(matches!(unconfirmed, ClientError::Refused { status: 409, .. }), "{unconfirmed:?}");
    let id = client.challenge(&Action::registering(customer.clone(), &new)).unwrap().id;
    client.send_code(&id, &customer, "mail", None).unwrap();
    client.answer(&id, &customer, "mail", &gateway.until(2).code(), None).unwrap();
    let new = NewDevice { challenge: Some(&id), ..new };
    let registered = client.register_device(&customer, &new).unwrap();
    let has = client.devices(&customer).unwrap();
    assert!(has.devices == [registered] && has.devices[0].counts_from.is_some() && !has.only, "{has:?}");
}

/// Who has a passkey confirms with it what the broker's page does: one device with its key, one authenticator, the switch.
#[test]
fn a_brokers_page_confirms_changes_by_the_client() {
    use sekisho_client::{Action, Client, ClientError, NewDevice, Options};
    let broker = Broker::start("cooling_hours = 0");
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let client = Client::new(Options::new(&format!("http://{}", broker.server.address), &broker.key));
    let customer: model::CustomerId = "C1".parse().unwrap();
    let (device, key) = ("phone".parse().unwrap(), crate::changes::key(7));
    let new = NewDevice {
        device: &device,
        name: "telephone",
        public_key: Some(&key),
        challenge: None,
        client: None,
    };
    let refused = |answer: Result<_, ClientError>| match answer {
        Err(ClientError::Refused { status, .. }) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(client.register_device(&customer, &new)), 409, "not without the passkey");
    let id = client.challenge(&Action::registering(customer.clone(), &new)).unwrap().id;
    broker.answer_with(&id, "C1", &mut passkey);
    let other = NewDevice { name: "mine", challenge: Some(&id), ..new.clone() };
    assert_eq!(refused(client.register_device(&customer, &other)), 409, "nor under another name");
    let registered = client.register_device(&customer, &NewDevice { challenge: Some(&id), ..new }).unwrap();
    let told = broker.asks().get("/v1/customers/C1/devices").unwrap().json();
    assert_eq!(
        (&told["devices"][0]["has_key"], registered.name.as_str()),
        (&json!(true), "telephone"),
        "{told}"
    );

    let removed = broker.authenticators("C1")["authenticators"][0]["id"].as_str().unwrap().to_owned();
    for action in [
        Action::enrolling(customer.clone(), model::Factor::Passkey, Some("key")),
        Action::removing(customer.clone(), model::Factor::Passkey, &removed),
        Action::restricting(customer.clone(), true),
    ] {
        let id = client.challenge(&action).unwrap().id;
        broker.answer_with(&id, "C1", &mut passkey);
        assert_eq!(client.redeem(&id, &action, None).unwrap().unwrap().factor, "passkey", "{action:?}");
    }
}

/// What the broker tells of a browser travels in a link and a cookie. What does not fit is refused, by name; the client leaves the user agent
/// out, which is what is long.
#[test]
fn a_browser_that_does_not_fit_is_refused_and_the_client_makes_it_fit() {
    use sekisho_client::{Client, NewDevice, Options, Page};
    let broker = Broker::start("");
    let browser = json!({"ip": "203.0.113.7", "device": "phone", "user_agent": "x".repeat(1_200)});
    let handover = json!({"customer": "C1", "page": "security", "client": browser});
    let device = json!({"device": "phone", "name": "phone", "client": browser});
    let passkey = json!({"name": "key", "client": browser});
    for (path, body) in [
        ("/v1/handovers", handover),
        ("/v1/customers/C1/devices", device),
        ("/v1/customers/C1/passkeys", passkey),
    ] {
        let refused = broker.asks().post(path, &body.to_string()).unwrap();
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("client")), "{refused:?}");
        assert!(refused.body.contains("at most 1024"), "{refused:?}");
    }
    let fits = json!({"customer": "C1", "page": "security", "client": {"user_agent": "x".repeat(1_000)}});
    assert_eq!(broker.asks().post("/v1/handovers", &fits.to_string()).unwrap().status, 201);

    let client = Client::new(Options::new(&format!("http://{}", broker.server.address), &broker.key));
    let customer: model::CustomerId = "C1".parse().unwrap();
    let browser: model::Client = serde_json::from_value(browser).unwrap();
    let url = client.hand_over(&customer, Page::Security, None, &browser).unwrap().url;
    assert!(url.contains("/enter?token="), "{url}");
    let device = "phone".parse().unwrap();
    let new = NewDevice {
        device: &device,
        name: "phone",
        public_key: None,
        challenge: None,
        client: Some(&browser),
    };
    let registered = client.register_device(&customer, &new).unwrap();
    assert_eq!(client.register_device(&customer, &new).unwrap(), registered, "asked again, it is the same");
}
