//! Signals of what customers prove themselves with, and of the devices they registered.

use super::*;

#[test]
fn of_copied_factors() {
    let copied = |hours: i64| {
        made("factor.copied", "C1", hour(91 * 24 - hours))
            .with("factor", "passkey")
            .with("id", format!("copied-{hours}"))
    };
    check(
        Signal::FactorCopiedHours,
        vec![
            ("never", vec![], home("withdrawal"), None),
            ("it looks like one", vec![copied(3)], home("withdrawal"), Some(3.0)),
            ("removed", vec![copied(3), copied(2).failed()], home("withdrawal"), None),
            (
                "another one since",
                vec![copied(3), copied(2).failed(), copied(1)],
                home("withdrawal"),
                Some(1.0),
            ),
            ("of another customer", vec![copied(3)], made("withdrawal", "C9", day(91)), None),
        ],
    );
}

#[test]
fn of_registered_devices() {
    let said = |kind: &str, hours: i64| {
        home(kind).with("time", hour(91 * 24 - hours).to_string()).with("id", format!("{kind}-{hours}"))
    };
    let other = || home("login").device("other");
    let unnamed = || made("login", "C1", day(91)).ip(HOME);
    let only = || vec![said("device.register", 9), said("device.restrict", 8)];
    let taken_back = || vec![said("device.restrict", 8), said("device.restrict", 7).failed()];
    check(
        Signal::CustomerOnlyOwnDevices,
        vec![
            ("never", vec![], home("login"), NO),
            ("asked for", only(), home("login"), YES),
            ("taken back", taken_back(), home("login"), NO),
            ("another customer", only(), made("login", "C9", day(91)), NO),
        ],
    );
    check(
        Signal::DeviceNotRegistered,
        vec![
            ("none is", vec![], home("login"), YES),
            ("this one is", only(), home("login"), NO),
            ("another one", only(), other(), YES),
            ("none told", only(), unnamed(), YES),
            ("new, not yet", vec![said("device.register", 11).device("other")], other(), YES),
            ("it waited", vec![said("device.register", 12).device("other")], other(), NO),
            ("removed", vec![said("device.register", 9), said("device.remove", 8)], home("login"), YES),
        ],
    );
}
