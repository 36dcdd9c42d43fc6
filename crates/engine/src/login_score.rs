//! The causal login score: how much less a login looks like its customer than like anybody. Must not know records: counts
//! come in, a number goes out.
//!
//! For each feature with levels from the most specific to the most general, weights w, c(l) the past logins of all
//! customers that share the value at level l and c_u(l) those of the customer:
//!
//! ```text
//! U     = Σ w_l · c_u(l) / n_u
//! G     = w_1 · c/(c + M_s) · c/(N + M)  +  Σ_{l≥2} w_l · c(l)/N        (c = 0: the first term is w_1/(N + M))
//! U    := G/4 where U = 0
//! score = Π G/U · N/(n_u · customers)
//! ```
//!
//! Freeman et al., NDSS 2016, as refined by Wiefling et al., ACM TOPS 2022. Divisions, products and sums only, so that every
//! machine gives the same bits.

/// Weights of address, autonomous system, country.
pub(crate) const ADDRESS_WEIGHTS: [f64; 3] = [0.6, 0.3, 0.1];
/// Weights of user agent, browser, operating system, device type.
pub(crate) const CLIENT_WEIGHTS: [f64; 4] = [0.538_67, 0.268_05, 0.188_18, 0.005_11];

/// One level of a feature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Level {
    /// Past logins of all customers with this value.
    pub(crate) all: u32,
    /// Past logins of the customer with this value.
    pub(crate) own: u32,
}

/// A feature of a login against the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Levels<const LEVELS: usize> {
    pub(crate) weights: [f64; LEVELS],
    /// The most specific first.
    pub(crate) levels: [Level; LEVELS],
    /// Different values at the more general levels over all past logins: M − 1.
    pub(crate) distinct: u32,
    /// The same over the past logins that share the most specific value: M_s − 1.
    pub(crate) distinct_with_top: u32,
}

/// What the score asks about everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Everybody {
    /// N.
    pub(crate) logins: u32,
    pub(crate) customers: u32,
}

/// The score; `None` without an earlier login of the customer.
pub(crate) fn login_score(
    address: &Levels<3>,
    client: &Levels<4>,
    own_logins: u32,
    everybody: Everybody,
) -> Option<f64> {
    if own_logins == 0 || everybody.logins == 0 || everybody.customers == 0 {
        return None;
    }
    let (own, all) = (f64::from(own_logins), f64::from(everybody.logins));
    let ratios = ratio(address, own, all) * ratio(client, own, all);
    Some(ratios * all / (own * f64::from(everybody.customers)))
}

fn ratio<const LEVELS: usize>(feature: &Levels<LEVELS>, own_logins: f64, logins: f64) -> f64 {
    const UNSEEN_DIVISOR: f64 = 4.0;
    let (distinct, with_top) =
        (1.0 + f64::from(feature.distinct), 1.0 + f64::from(feature.distinct_with_top));
    let (mut own, mut global) = (0.0, 0.0);
    for (place, (level, weight)) in feature.levels.iter().zip(feature.weights).enumerate() {
        let all = f64::from(level.all);
        own += weight * f64::from(level.own) / own_logins;
        global += match place {
            0 if level.all == 0 => weight / (logins + distinct),
            0 => weight * (all / (all + with_top)) * (all / (logins + distinct)),
            _ => weight * all / logins,
        };
    }
    if own > 0.0 { global / own } else { UNSEEN_DIVISOR }
}

#[cfg(test)]
mod tests {
    use super::{ADDRESS_WEIGHTS, CLIENT_WEIGHTS, Everybody, Level, Levels, login_score};

    fn address(levels: [(u32, u32); 3], distinct: u32, with_top: u32) -> Levels<3> {
        let levels = levels.map(|(all, own)| Level { all, own });
        Levels { weights: ADDRESS_WEIGHTS, levels, distinct, distinct_with_top: with_top }
    }

    fn client(levels: [(u32, u32); 4], distinct: u32, with_top: u32) -> Levels<4> {
        let levels = levels.map(|(all, own)| Level { all, own });
        Levels { weights: CLIENT_WEIGHTS, levels, distinct, distinct_with_top: with_top }
    }

    /// Row 1 of the RBA data set's example: the customer's one earlier login came from another address, system and
    /// country with the same device type.
    #[test]
    fn the_second_login_of_the_public_example() {
        let score = login_score(
            &address([(0, 0), (0, 0), (0, 0)], 2, 0),
            &client([(0, 0), (0, 0), (0, 0), (1, 1)], 3, 0),
            1,
            Everybody { logins: 1, customers: 1 },
        );
        assert_eq!(score.map(|score| (score * 1e6).round()), Some(88_331_898.0));
    }

    #[test]
    fn familiar_is_low_and_strange_is_high() {
        let everybody = Everybody { logins: 1_000, customers: 100 };
        let agent = client([(50, 12), (200, 12), (400, 12), (900, 12)], 40, 3);
        let home = login_score(&address([(12, 12), (200, 12), (990, 12)], 30, 2), &agent, 12, everybody);
        let away = login_score(&address([(0, 0), (3, 0), (990, 12)], 30, 2), &agent, 12, everybody);
        assert!(home.unwrap() < 0.03 && away.unwrap() > home.unwrap() * 5.0, "{home:?} {away:?}");
        assert_eq!(login_score(&address([(1, 0); 3], 1, 1), &agent, 0, everybody), None);
    }
}
