//! What the page shows, and what it must not show.

use expect_test::expect;
use model::Event;

use super::{ATTACK_IP, DONE, Run, at, event, events, examined, honest, options, whole};
use crate::sweep::OutputOptions;
use crate::writer::Order;

#[test]
fn personal_data_is_masked_unless_asked_for() {
    let masked = whole(Order::Time, &options());
    for name in ["result.csv", "summary.json", "report.html"] {
        let text = masked.text(name);
        for customer in honest() {
            assert!(!text.contains(&customer), "{customer} in {name}");
        }
        for device in ["evil-device", "home-device", "tablet-device"] {
            assert!(!text.contains(device), "{device} in {name}");
        }
    }
    assert!(masked.text("report.html").contains(ATTACK_IP), "addresses are what is examined");
    let open = whole(Order::Time, &OutputOptions { unmask: true, ..options() });
    for name in ["result.csv", "report.html"] {
        assert!(open.text(name).contains("HONEST-0001"), "{name}");
    }
    assert!(open.text("report.html").contains("evil-device-0001"));
}

#[test]
fn nothing_of_the_input_becomes_markup() {
    let name = Some("Broker <img src=x> & {n} Co".to_owned());
    let run = whole(Order::Time, &OutputOptions { unmask: true, broker_name: name, ..options() });
    let page = run.text("report.html");
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>&#34;"));
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"));
    assert!(page.contains("Broker &#60;img src=x&#62; &#38; {n} Co"));
    assert!(page.contains("Browser/1 &#60;b&#62;"));
    assert!(page.contains("default-src 'none'"));
    for outside in ["http:", "https:", "src=\"", "@import", "url(h"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

/// The page without markup, from one heading to the next.
fn section(page: &str, id: &str, language: &str) -> String {
    let other = if language == "en" { "ja" } else { "en" };
    let start = page.find(&format!("id=\"{id}\"")).unwrap();
    let body = &page[start..];
    let body = body.split_once('>').unwrap().1;
    let body = body.split_once("</section>").unwrap().0;
    let mut text = String::new();
    let mut rest = body;
    while let Some((before, behind)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, behind) = behind.split_once('>').unwrap();
        rest = behind;
        if tag.contains(&format!("lang={other}")) {
            rest = rest.split_once('>').unwrap().1;
        }
        if tag.starts_with("tr") || tag.starts_with("li") || tag.starts_with("h") || tag.starts_with("dt") {
            text.push('\n');
        } else {
            text.push(' ');
        }
    }
    text.push_str(rest);
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_report_tells_the_story_of_an_alarm() {
    let page = whole(Order::Time, &options()).text("report.html");
    assert!(!page.contains('⟦'), "a text is missing: {:?}", page.split('⟦').nth(1).map(|rest| &rest[..40]));
    expect![[r#"
        ▲ Alarm 1: Bank account changed
        P-0 · Customer HO•••••••00 2020-09-07 00:10:00 UTC · Japan time 2020-09-07 09:10:00
        The procedure
        IP address 203.0.113.7
        Network not known
        On lists none
        Device evil…0001
        The customer&#39;s own past before it
        From this address 3
        First (UTC) 2020-09-06 00:00
        Last (UTC) 2020-09-07 00:05
        On days 2
        From its network 3
        Through its provider not known
        With this device 3
        Others at the address
        Other customers 12
        … with such a procedure 2
        Customers with failed logins 13
        Before and after
        Contact changes, 72 h 0
        Password changes, 72 h 1
        Factor changes, 72 h 0
        Withdrawals, 30 days 1
        … from this address 1
        Shares of the balance, summed 90.0 %
        Reasons
        Address first seen just before The customer&#39;s first access from this address was less than 72 hours before the procedure.
        New network and provider Neither the network nor its carrier or company is known from the customer&#39;s past.
        New device The device is not one the customer has long used.
        Several customers&#39; procedures from one address At least 2 other customers had a procedure of the same kind from this address: it is not a shared one, or 10 % or more of its customers did the same.
        Many failed logins at the address Logins of at least 3 customers failed at this address, and at least 30 % of its logins failed: passwords are being tried.
        Changes just before Contact data, password or a second factor was changed within 72 hours before the procedure.
        Balance drained after At least 50 % of the balance left within 30 days after the procedure.
        Money asked for from the same address A withdrawal or transfer within 30 days after was asked for from the procedure&#39;s address.
        Accesses of the customer around it
        Time (UTC) Distance What Address Device, browser Details
        2020-08-08 09:00:00 −29d 15h Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-08-13 09:00:00 −24d 15h Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-08-18 09:00:00 −19d 15h Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-08-23 09:00:00 −14d 15h Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-08-28 09:00:00 −9d 15h Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-08-28 10:00:00 −9d 14h Bank account registered succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-09-02 09:00:00 −4d 15h Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-09-06 00:00:00 −1d 0h Login failed · web = 203.0.113.7 JP = evil…0001 Browser/1 &#60;b&#62;
        2020-09-07 00:00:00 −10m Login succeeded · web = 203.0.113.7 JP = evil…0001 Browser/1 &#60;b&#62;
        2020-09-07 00:05:00 −5m chain Password changed succeeded · web = 203.0.113.7 JP = evil…0001 Browser/1 &#60;b&#62;
        2020-09-07 00:10:00 the procedure Bank account changed succeeded · web = 203.0.113.7 JP = evil…0001 Browser/1 &#60;b&#62;
        2020-09-07 09:00:00 +8h 50m Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-09-09 00:00:00 +1d 23h chain Withdrawal succeeded · web = 203.0.113.7 JP = evil…0001 Browser/1 &#60;b&#62; JPY 33,700,000, 90.0 % of the balance
        2020-09-12 09:00:00 +5d 8h Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-09-17 09:00:00 +10d 8h Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-09-22 09:00:00 +15d 8h Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-09-27 09:00:00 +20d 8h Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;
        2020-10-02 09:00:00 +25d 8h Login succeeded · web 192.0.2.1 JP home…0000 Browser/1 &#60;b&#62;"#]].assert_eq(&section(&page, "alarm-1", "en"));
    expect![[r#"
        警報に関わる IP アドレス
        警報の前後 30 日以内にこれらのアドレスからアクセスのあったお客様です（多くのお客様が共用するアドレスは人数だけ）。手続のあった方、操作が成立した方を先に並べています。「成立」は、ログインその他の操作が成立したことを示します。最初の表は照合の期間全体の件数です。
        アドレス ネットワーク 警報 お客様の数 アクセス ログイン失敗
        203.0.113.7 3 13 26 13
        203.0.113.7
        お客様 判定 成立 最初（UTC） 最後（UTC） アクセス ログイン失敗 手続
        HO•••••••00 ▲ 警報 ● あり 2020-09-06 00:00 2020-09-09 00:00 5 1 3
        HO•••••••01 ▲ 警報 ● あり 2020-09-06 01:00 2020-09-09 01:00 5 1 3
        &#60;s•••••••••••••••••••••t&#62; ▲ 警報 ● あり 2020-09-06 12:00 2020-09-09 02:00 5 1 3
        HO•••••••02 2020-09-06 02:00 2020-09-06 02:00 1 1 0
        HO•••••••03 2020-09-06 03:00 2020-09-06 03:00 1 1 0
        HO•••••••04 2020-09-06 04:00 2020-09-06 04:00 1 1 0
        HO•••••••05 2020-09-06 05:00 2020-09-06 05:00 1 1 0
        HO•••••••06 2020-09-06 06:00 2020-09-06 06:00 1 1 0
        HO•••••••07 2020-09-06 07:00 2020-09-06 07:00 1 1 0
        HO•••••••08 2020-09-06 08:00 2020-09-06 08:00 1 1 0
        HO•••••••09 2020-09-06 09:00 2020-09-06 09:00 1 1 0
        HO•••••••10 2020-09-06 10:00 2020-09-06 10:00 1 1 0
        HO•••••••11 2020-09-06 11:00 2020-09-06 11:00 1 1 0"#]].assert_eq(&section(&page, "addresses", "ja"));
}

#[test]
fn the_report_states_results_and_limits_in_both_languages() {
    let page = whole(Order::Time, &options()).text("report.html");
    expect![[r#"
        Statement for publication
        We examined all 17 procedures received between 2020-08-28 10:00 and 2020-09-17 03:00 (Bank account changed: 10, Bank account registered: 7). Each was compared with 820 accesses of customers recorded between 2020-01-01 09:00 and 2020-10-22 09:00. In agreement with the customer&#39;s own past accesses: 13; with an ordinary explanation: 0. Alarms: 3. These procedures are treated as unauthorised until shown otherwise. Still being examined by our staff: 1. The examination could not take into account: accesses before 2020-01-01 09:00; the country of addresses; the network operator of addresses; whether an address is a Tor exit; whether an address belongs to a VPN; whether an address is a rented server; reports by others about an address. Times are UTC.
        A draft from the figures of this examination. Check it against what is known from elsewhere (customers&#39; reports, banks&#39; notices) before publication."#]].assert_eq(&section(&page, "statement", "en"));
    expect![[r#"
        公表文案
        当社は、2020年8月28日19:00から2020年9月17日12:00までに受け付けたすべての手続 17 件（出金先口座の変更 10 件、出金先口座の登録 7 件）を点検しました。手続の一件ごとに、2020年1月1日18:00から2020年10月22日18:00までに記録されたお客様のアクセス 820 件と照合しています。このうち 13 件はお客様ご自身の過去のご利用と一致し、0 件は通常のご利用として説明がつくものでした。3 件については、そうでないことが確かめられるまで、不正な手続として取り扱っています。このほか 1 件を担当者が確認しています。なお、本点検では次の点は考慮できていません：2020年1月1日18:00より前のアクセス、アドレスの国、アドレスの通信事業者、Tor 経由かどうか、VPN 経由かどうか、貸しサーバーからかどうか、アドレスについての他からの報告。時刻は日本時間です。
        この点検の数値から作った下書きです。公表の前に、お客様からの申告や銀行からの連絡など、ほかから分かっていることと照らし合わせてください。"#]].assert_eq(&section(&page, "statement", "ja"));
    expect![[r#"
        What could not be known
        The verdicts below rest on the files that were given. They cannot take into account:
        Accesses before 2020-01-01 09:00 UTC: the history begins then, later than the window, so a customer&#39;s older habits are not known.
        The country of addresses: no file of countries was given, so a new country is not noticed.
        The network operator (autonomous system) of addresses: no file was given, so a customer&#39;s return to the same carrier or company is not seen.
        Whether an address is a Tor exit: no list was given.
        Whether an address belongs to a VPN: no list was given.
        Whether an address is a rented server: no list of hosting networks was given.
        Whether others report an address for attacks: no blocklist was given.
        Which browser and system a user agent names: no rules were given, so its text is shown as it came."#]].assert_eq(&section(&page, "unknown", "en"));
}

#[test]
fn honest_procedures_alone_give_a_quiet_report() {
    let events: Vec<Event> =
        events().into_iter().filter(|event| !event.id.as_str().starts_with(['a', 'P', 'T', 'f'])).collect();
    let page = Run::new(&events, &examined(&events), Order::Customer, &options()).text("report.html");
    assert!(page.contains("no damage from unauthorised procedures was found"));
    assert!(page.contains("No procedure raised an alarm."));
    assert!(!page.contains('⟦'));
}

#[test]
fn procedures_that_history_does_not_have_are_shown_all_the_same() {
    let events = events();
    let examined = examined(&events);
    let without: Vec<Event> =
        events.into_iter().filter(|event| !event.id.as_str().starts_with('P')).collect();
    let page = Run::new(&without, &examined, Order::Time, &options()).text("report.html");
    assert!(section(&page, "alarm-1", "en").contains("not in history"));
}

/// Two hundred alarms with everything that can be shown of each.
#[test]
fn a_large_report_stays_small() {
    let mut events = Vec::new();
    for n in 0..260_i64 {
        let (customer, ip) =
            (format!("VICTIM-{n:05}"), format!("2001:db8:aaaa:{:x}:ffff:ffff:ffff:{n:x}", n / 2));
        for day in 0..50 {
            let (time, id) = (at(236 + day, 1), format!("l-{n}-{day}"));
            events.push(event(
                &id,
                &time,
                "withdrawal",
                &customer,
                &ip,
                "a-device-of-usual-length",
                r#","outcome":"succeeded","amount":{"minor":123456789,"currency":"JPY"},"balance_share":0.1"#,
            ));
        }
        events.push(event(
            &format!("P-{n}"),
            &at(245, 5),
            "bank_account.change",
            &customer,
            &ip,
            "another-device-of-usual-length",
            DONE,
        ));
    }
    for n in 0..20_000_usize {
        let ip = format!("2001:db8:aaaa:{:x}:ffff:ffff:ffff:{:x}", n % 100 / 2, n % 100);
        let failed = r#","outcome":"failed""#;
        events.push(event(
            &format!("f-{n}"),
            &at(244, 5),
            "login",
            &format!("TRIED-{:05}", n / 100),
            &ip,
            "x",
            failed,
        ));
    }
    let run = Run::new(&events, &examined(&events), Order::Customer, &options());
    let size = std::fs::metadata(run.path("report.html")).unwrap().len();
    let page = run.text("report.html");
    assert_eq!(page.matches("class=\"alarm").count() - page.matches("class=\"alarm-title").count(), 200);
    assert!(page.contains("60 further alarms are in result.csv only."));
    assert!(size < 5_000_000, "{size} bytes");
}

#[test]
fn an_address_that_many_share_is_counted_and_not_listed() {
    let (carrier, drained) = ("198.51.100.200", r#","outcome":"succeeded","balance_share":0.9"#);
    let mut events: Vec<Event> = (0..10)
        .map(|n| {
            let (id, customer) = (format!("c-{n}"), format!("CARRIED-{n:04}"));
            event(&id, &at(200 + n, 1), "login", &customer, carrier, &format!("phone-{n}"), DONE)
        })
        .collect();
    events.push(event("home", &at(10, 1), "login", "VICTIM-0001", "192.0.2.77", "old-phone", DONE));
    events.push(event("P", &at(205, 1), "bank_account.change", "VICTIM-0001", carrier, "new-phone", DONE));
    events.push(event("W", &at(206, 1), "withdrawal", "VICTIM-0001", carrier, "new-phone", drained));
    let unmask = OutputOptions { unmask: true, ..options() };
    let page = Run::new(&events, &examined(&events), Order::Time, &unmask).text("report.html");
    expect![[r#"
        Addresses behind the alarms
        Customers with an access from these addresses within 30 days of an alarm from there, those with procedures and those entered first; at addresses that many customers share they are counted only. “Entered” means a completed login or any other completed access. The first table counts the whole window.
        Address Network Alarms Customers Accesses Failed logins
        198.51.100.200 shared by many customers 1 11 12 0"#]].assert_eq(&section(&page, "addresses", "en"));
    assert!(page.contains("VICTIM-0001") && !page.contains("CARRIED-"));
}
