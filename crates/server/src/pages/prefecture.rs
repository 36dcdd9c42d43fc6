//! Near which prefecture of Japan a place lies, as far as a file of coordinates can say: by the capital that is nearest. It is shown
//! as "near", for a network's place is a guess. Must not know texts.

use engine::input::Spot;

/// A place that is known no better than this is not named.
const RADIUS_KM_MAX: u16 = 50;

/// Prefectures by the word that texts know them by, and where their capitals are: tenths of a degree north and east.
const CAPITALS: [(&str, i16, i16); 47] = [
    ("hokkaido", 431, 1414),
    ("aomori", 408, 1407),
    ("iwate", 397, 1412),
    ("miyagi", 383, 1409),
    ("akita", 397, 1401),
    ("yamagata", 382, 1404),
    ("fukushima", 378, 1405),
    ("ibaraki", 363, 1404),
    ("tochigi", 366, 1399),
    ("gunma", 364, 1391),
    ("saitama", 359, 1396),
    ("chiba", 356, 1401),
    ("tokyo", 357, 1397),
    ("kanagawa", 354, 1396),
    ("niigata", 379, 1390),
    ("toyama", 367, 1372),
    ("ishikawa", 366, 1366),
    ("fukui", 361, 1362),
    ("yamanashi", 357, 1386),
    ("nagano", 366, 1382),
    ("gifu", 354, 1367),
    ("shizuoka", 350, 1384),
    ("aichi", 352, 1369),
    ("mie", 347, 1365),
    ("shiga", 350, 1359),
    ("kyoto", 350, 1358),
    ("osaka", 347, 1355),
    ("hyogo", 347, 1352),
    ("nara", 347, 1358),
    ("wakayama", 342, 1352),
    ("tottori", 355, 1342),
    ("shimane", 355, 1330),
    ("okayama", 347, 1339),
    ("hiroshima", 344, 1325),
    ("yamaguchi", 342, 1315),
    ("tokushima", 341, 1346),
    ("kagawa", 343, 1340),
    ("ehime", 338, 1328),
    ("kochi", 336, 1335),
    ("fukuoka", 336, 1304),
    ("saga", 332, 1303),
    ("nagasaki", 327, 1299),
    ("kumamoto", 328, 1307),
    ("oita", 332, 1316),
    ("miyazaki", 319, 1314),
    ("kagoshima", 316, 1306),
    ("okinawa", 262, 1277),
];

/// The word of the prefecture, if the place is known well enough. Only for places in Japan.
pub(super) fn near(spot: Spot) -> Option<&'static str> {
    // Of degrees north and east; in Japan's middle one east is four fifths of one north.
    let distance = |north: i16, east: i16| {
        let (north, east) =
            (i64::from(spot.north) - i64::from(north), i64::from(spot.east) - i64::from(east));
        25 * north * north + 16 * east * east
    };
    let nearest = CAPITALS.iter().min_by_key(|(_, north, east)| distance(*north, *east));
    nearest.filter(|_| spot.radius_km <= RADIUS_KM_MAX).map(|(word, _, _)| *word)
}

#[cfg(test)]
mod tests {
    use engine::input::Spot;

    use super::{CAPITALS, near};
    use crate::pages::texts::Texts;

    #[test]
    fn every_capital_is_in_its_prefecture_and_has_a_name() {
        for (word, north, east) in CAPITALS {
            assert_eq!(near(Spot { north, east, radius_km: 20 }), Some(word));
            for japanese in [true, false] {
                assert_ne!(Texts { japanese }.of_word("prefecture", word), word);
            }
        }
        let kushiro = Spot { north: 430, east: 1444, radius_km: 10 };
        assert_eq!(near(kushiro), Some("hokkaido"));
        assert_eq!(near(Spot { radius_km: 51, ..kushiro }), None, "that may be anywhere");
    }
}
