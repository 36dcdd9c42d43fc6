//! The formats that can be imported, and which of them a file's first bytes give away. Must not know how any is parsed in
//! full.

use super::{combined, rba, sshd};

model::words! {
    /// What a file to be imported looks like.
    Format, "format" {
        /// One event a line in our own wire form.
        Ndjson = "ndjson",
        /// Any delimited table, described by a mapping.
        Csv = "csv",
        /// OCSF 1.x Authentication and Account Change in JSON.
        Ocsf = "ocsf",
        /// The access log of nginx or Apache, common or combined.
        Combined = "combined",
        /// The log of an OpenSSH server as syslog writes it.
        Sshd = "sshd",
        /// The public data set for risk-based authentication (Wiefling et al. 2022).
        Rba = "rba",
        /// Parquet: Sekisho's own history, or any table described by a mapping.
        Parquet = "parquet",
    }
}

/// Lines at the front of a file that may come before the first one of sshd.
const SSHD_LINES: usize = 20;

impl Format {
    /// The format of a file that begins with these bytes (decompressed; some KiB are enough), where that is safe to
    /// tell. CSV never is: only a mapping says what its columns mean.
    #[must_use]
    pub fn guess(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"PAR1") {
            return Some(Self::Parquet);
        }
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let mut lines =
            head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        let first = lines.next()?;
        let holds = |text: &[u8], part: &str| memchr::memmem::find(text, part.as_bytes()).is_some();
        match first.first()? {
            b'[' => return holds(head, "\"class_uid\"").then_some(Self::Ocsf),
            b'{' if holds(first, "\"class_uid\"") => return Some(Self::Ocsf),
            b'{' => {
                let ours = ["\"id\"", "\"time\"", "\"kind\"", "\"outcome\""];
                return ours.iter().all(|field| holds(first, field)).then_some(Self::Ndjson);
            }
            _ => {}
        }
        let first = std::str::from_utf8(first).ok()?;
        if rba::is_header(first) {
            return Some(Self::Rba);
        }
        if combined::is_access(first) {
            return Some(Self::Combined);
        }
        let mut texts = lines.take(SSHD_LINES).filter_map(|line| std::str::from_utf8(line).ok());
        (sshd::is_sshd(first) || texts.any(sshd::is_sshd)).then_some(Self::Sshd)
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn guesses_only_where_it_is_safe() {
        let cases: &[(&str, Option<Format>)] = &[
            ("PAR1\u{0}\u{1}", Some(Format::Parquet)),
            (
                "\n{\"id\":\"e\",\"time\":\"t\",\"kind\":\"login\",\"outcome\":\"failed\"}\n",
                Some(Format::Ndjson),
            ),
            ("{\"level\":\"info\",\"msg\":\"x\"}\n", None),
            ("{\"class_uid\":3002,\"time\":1}\n", Some(Format::Ocsf)),
            ("[\n {\"class_uid\":3002}]", Some(Format::Ocsf)),
            ("[1,2]", None),
            (
                "\u{feff}192.0.2.7 - alice [10/Oct/2023:13:55:36 -0700] \"GET / HTTP/1.1\" 200 2326 \"-\" \"UA\"\r\n",
                Some(Format::Combined),
            ),
            (
                "Dec 10 06:55:46 host CRON[1]: x\nDec 10 06:55:48 host sshd[2]: Invalid user\n",
                Some(Format::Sshd),
            ),
            ("2023-12-10T06:55:46+09:00 host sshd-session[2]: Accepted\n", Some(Format::Sshd)),
            ("id,customer,time,kind,ip\n", None),
            ("", None),
            ("\u{0}\u{1}", None),
        ];
        for (head, expected) in cases {
            assert_eq!(Format::guess(head.as_bytes()), *expected, "{head:?}");
        }
        assert_eq!(Format::guess(&[0xff, 0xfe, b'a', 0]), None);
        assert_eq!("sshd".parse::<Format>().unwrap(), Format::Sshd);
        assert!("json".parse::<Format>().unwrap_err().to_string().contains("ndjson, csv, ocsf"));
    }
}
