//! As much of HTTP/1.1 as a page on this machine needs: GET, one answer, good-bye.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// A head longer than this is refused, and a peer slower than this.
const MOST: usize = 8 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a peer that has its answer is waited for.
const PARTING: Duration = Duration::from_millis(300);

/// A question: the parts of its path, and its query.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) parts: Vec<String>,
    pub(super) query: Vec<(String, String)>,
}

impl Request {
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    kind: &'static str,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn html(text: &str) -> Self {
        Self {
            status: 200,
            kind: "text/html; charset=utf-8",
            body: text.as_bytes().to_vec(),
        }
    }

    pub(super) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            kind: "text/plain; charset=utf-8",
            body: text.into(),
        }
    }

    pub(super) fn json(value: &impl serde::Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self {
                status: 200,
                kind: "application/json",
                body,
            },
            Err(error) => Self::no(500, &error.to_string()),
        }
    }

    pub(super) fn no(status: u16, why: &str) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            body: format!("{why}\n").into_bytes(),
        }
    }

    fn reason(&self) -> &'static str {
        match self.status {
            200 => "OK",
            400 => "Bad Request",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            431 => "Request Header Fields Too Large",
            _ => "Internal Server Error",
        }
    }

    /// The page may ask this server and nobody else, and shows pictures that stand in its data.
    fn head(&self) -> String {
        format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'; \
             style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'\r\n{}\r\n",
            self.status,
            self.reason(),
            self.kind,
            self.body.len(),
            if self.status == 405 { "Allow: GET, HEAD\r\n" } else { "" },
        )
    }
}

/// Reads a question, has it answered, writes the answer. A peer that goes away or says nothing is no concern.
pub(super) fn serve(mut peer: TcpStream, bound: SocketAddr, answer: impl Fn(&Request) -> Answer) {
    let asked = read(&mut peer, bound);
    let (answer, head_only) = match asked {
        Ok((request, head_only)) => (answer(&request), head_only),
        Err(None) => return,
        Err(Some(answer)) => (answer, false),
    };
    let body: &[u8] = if head_only { &[] } else { &answer.body };
    let written = peer
        .write_all(answer.head().as_bytes())
        .and_then(|()| peer.write_all(body));
    if written.and_then(|()| peer.shutdown(Shutdown::Write)).is_ok() {
        let_go(&mut peer);
    }
}

/// Reads what the peer still says, within bounds: closing before that would take the answer away from it.
fn let_go(peer: &mut TcpStream) {
    let _ = peer.set_read_timeout(Some(PARTING));
    let mut part = [0; 1024];
    let mut left = 64;
    while left > 0 && peer.read(&mut part).is_ok_and(|count| count > 0) {
        left -= 1;
    }
}

fn read(peer: &mut TcpStream, bound: SocketAddr) -> Result<(Request, bool), Option<Answer>> {
    peer.set_nonblocking(false)
        .and_then(|()| peer.set_read_timeout(Some(PATIENCE)))
        .map_err(|_| None)?;
    peer.set_write_timeout(Some(PATIENCE)).map_err(|_| None)?;
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > MOST {
            return Err(Some(Answer::no(431, "the head is too long")));
        }
        match peer.read(&mut part) {
            Ok(0) | Err(_) => return Err(None),
            Ok(count) => head.extend(&part[..count]),
        }
    }
    parse(&String::from_utf8_lossy(&head), bound).map_err(Some)
}

fn parse(head: &str, bound: SocketAddr) -> Result<(Request, bool), Answer> {
    let mut lines = head.split("\r\n");
    let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, version] = first[..] else {
        return Err(Answer::no(400, "no request"));
    };
    if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
        return Err(Answer::no(400, "no request"));
    }
    if method != "GET" && method != "HEAD" {
        return Err(Answer::no(405, "only GET: nothing can be changed here"));
    }
    let hosts = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    let hosts: Vec<&str> = hosts.map(|(_, host)| host.trim()).collect();
    // Another site's page whose name has come to mean this machine must not read what is here.
    if bound.ip().is_loopback() && !hosts.iter().all(|host| is_this_machine(host)) {
        return Err(Answer::no(403, "this server answers to localhost only"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parts = path.split('/').filter(|part| !part.is_empty()).map(decoded);
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decoded(key)?, decoded(&value.replace('+', " "))?))
    });
    let bad = || Answer::no(400, "no UTF-8 after decoding");
    let request = Request {
        parts: parts.collect::<Option<_>>().ok_or_else(bad)?,
        query: pairs.collect::<Option<_>>().ok_or_else(bad)?,
    };
    Ok((request, method == "HEAD"))
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        // An address of version 6 without a port has colons of its own.
        Some(_) if host.parse::<IpAddr>().is_ok() => host,
        Some((name, port)) if !name.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A text with its `%xx` replaced; none if that gives no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let digits = bytes
            .get(at + 1..at + 3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(head: &str) -> Result<Request, u16> {
        let bound = SocketAddr::from(([127, 0, 0, 1], 80));
        parse(head, bound)
            .map(|(request, _)| request)
            .map_err(|answer| answer.status)
    }

    #[test]
    fn a_path_is_cut_and_decoded_and_what_it_means_is_for_others_to_say() {
        let request = ask("GET /api/runs/x%2Fy?stage=a%20b&c HTTP/1.1\r\nHost: localhost:80\r\n\r\n").unwrap();
        assert_eq!(request.parts, ["api", "runs", "x/y"]);
        assert_eq!(
            (request.query("stage"), request.query("c"), request.query("d")),
            (Some("a b"), Some(""), None)
        );
        assert_eq!(ask("GET /%zz HTTP/1.1\r\n\r\n").unwrap().parts, ["%zz"]);
    }

    #[test]
    fn nothing_but_reading_and_nobody_but_this_machine() {
        assert_eq!(ask("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), Err(405));
        assert_eq!(ask("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"), Err(403));
        assert_eq!(
            ask("GET / HTTP/1.1\r\nhost: localhost.evil.example:80\r\n\r\n"),
            Err(403)
        );
        for host in ["127.0.0.1:8000", "[::1]:8000", "LOCALHOST"] {
            assert!(
                ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok(),
                "{host}"
            );
        }
        assert_eq!(ask("GET /%ff HTTP/1.1\r\n\r\n"), Err(400));
        assert_eq!(ask("nonsense"), Err(400));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(0_u8..=255, 0..200)) {
            let _ = ask(&String::from_utf8_lossy(&bytes));
            let _ = ask(&format!("GET /{} HTTP/1.1\r\n\r\n", String::from_utf8_lossy(&bytes)));
        }
    }
}
