//! The ways in which a customer may answer, of those that they have. Must not know challenges.

use model::{EventKind, Time};

use super::Method;

/// Ways in which a customer may answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ways {
    /// The strongest first.
    pub methods: Vec<Method>,
    /// Whether what has not cooled off may answer, since nothing else does.
    pub young: bool,
}

impl Ways {
    /// Whether the customer has anything by which they answer themselves, and at once: not only a number to be called.
    #[must_use]
    pub fn are_at_hand(&self) -> bool {
        self.methods.iter().any(|method| !method.is_by_operators())
    }
}

/// Ways in which a customer may answer for an action: what they have, as far as it is strong enough. Who has a passkey that may confirm
/// it is not asked for less, or a thief would choose the weakest way; `fallback` are ways that are open beside it nevertheless.
///
/// What changes by what a customer proves themselves is confirmed by whatever they have, if nothing settled is there: somebody else
/// in their session has nothing of it.
#[must_use]
pub fn ways(kind: EventKind, has: &[(Method, Time)], now: Time, fallback: &[Method]) -> Ways {
    let settled = Ways { methods: settled(kind, has, now, fallback), young: false };
    if settled.are_at_hand() || !changes_what_proves(kind) {
        return settled;
    }
    let young = has.iter().filter(|(_, matures)| *matures < Time::MAX).map(|(method, _)| *method);
    let methods = in_order(settled.methods.iter().copied().chain(young).collect());
    Ways { young: methods != settled.methods, methods }
}

fn settled(kind: EventKind, has: &[(Method, Time)], now: Time, fallback: &[Method]) -> Vec<Method> {
    let usable = |method: Method, matures: Time| {
        // They are there for who lost the rest.
        let may_recover = changes_what_proves(kind) || !crate::authenticator::needs_mature(kind);
        let recovers = method != Method::Recovery || may_recover;
        recovers && crate::authenticator::answers(kind, matures, now)
    };
    let usable: Vec<(Method, Time)> =
        has.iter().filter(|(method, matures)| usable(*method, *matures)).copied().collect();
    // Nothing new answers where something old does: it may be a thief's.
    let is_old = |(method, matures): &&(Method, Time)| now >= *matures && *method != Method::Recovery;
    let has_old = usable.iter().any(|each| is_old(&each));
    let settled = usable.iter().filter(|(_, matures)| !has_old || now >= *matures).map(|(method, _)| *method);
    let passkey = settled.clone().any(|method| method == Method::Passkey);
    in_order(
        settled
            .filter(|method| !passkey || *method == Method::Passkey || fallback.contains(method))
            .collect(),
    )
}

fn in_order(mut methods: Vec<Method>) -> Vec<Method> {
    methods.sort_unstable();
    methods.dedup();
    methods
}

/// Whether it changes by what the customer proves themselves, or from where they are let in.
const fn changes_what_proves(kind: EventKind) -> bool {
    use EventKind::{DeviceRegister, DeviceRemove, DeviceRestrict, FactorEnroll, FactorRemove};
    matches!(kind, FactorEnroll | FactorRemove | DeviceRegister | DeviceRemove | DeviceRestrict)
}
