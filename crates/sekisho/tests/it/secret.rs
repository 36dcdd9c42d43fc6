//! The data folder's secret: another one than it was written with is noticed, by the server and by backups, before anything is done.

use crate::process::{Place, run, stderr};
use crate::serve::{Server, event, key};

const SAID: &str = "not the one that this folder was written with";

#[test]
fn a_swapped_secret_is_noticed_and_the_old_one_put_back_is_taken() {
    let place = Place::new();
    let key = key(&place, "sender");
    let server = Server::start(&place, &[]);
    let asked = event("l-1", "login", "C1", "192.0.2.7");
    let told = server.connect(&key).post("/v1/decide", &asked).unwrap();
    assert_eq!(server.stop(), Some(0));
    let (data, copy, restored) = (place.text("data"), place.text("copy"), place.text("restored"));
    let copied = run(&["state", "backup", "--data", &data, "--to", &copy]);
    assert!(copied.status.success(), "{}", stderr(&copied));

    let own = std::fs::read(place.path("data/secret")).unwrap();
    for folder in ["data", "copy"] {
        std::fs::write(place.path(folder).join("secret"), [7; 32]).unwrap();
    }
    for refused in [
        run(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]),
        run(&["state", "backup", "--data", &data, "--to", &place.text("other")]),
        run(&["state", "restore", "--from", &copy, "--data", &restored]),
    ] {
        let told = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{told}");
        assert!(told.contains(SAID) && told.contains("put the old `secret` back"), "{told}");
    }
    assert!(!place.path("restored").exists() && !place.path("other").exists());

    // A folder of an earlier version has no check; what was restored has its own.
    std::fs::remove_file(place.path("data/secret.check")).unwrap();
    for folder in ["data", "copy"] {
        std::fs::write(place.path(folder).join("secret"), &own).unwrap();
    }
    let done = run(&["state", "restore", "--from", &copy, "--data", &restored]);
    assert!(done.status.success(), "{}", stderr(&done));
    for folder in [&data, &restored] {
        let server = Server::start_on(folder, &[]);
        let again = server.connect(&key).post("/v1/decide", &asked).unwrap();
        assert_eq!((again.status, &again.body), (200, &told.body));
        assert_eq!(server.stop(), Some(0));
        assert!(std::path::Path::new(folder).join("secret.check").is_file());
    }
}
