//! Reads offers of `permessage-deflate` (RFC 6455, section 9.1, and RFC 7692, section 7.1).

use super::{Deflate, MAX_WINDOW_BITS};

const NAME: &str = "permessage-deflate";
/// Smallest window that the compressor can keep to.
const MIN_WINDOW_BITS: u8 = 9;
/// Smallest window that a client may name.
const MIN_OFFERED_BITS: u8 = 8;

/// Splits a header's value at a separator that is not inside quotes.
pub(super) fn split<'a>(separator: char) -> impl FnMut(&'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
    move |value| {
        let (mut is_quoted, mut is_escaped) = (false, false);
        Box::new(value.split(move |c: char| {
            if is_escaped {
                is_escaped = false;
                return false;
            }
            match c {
                '\\' if is_quoted => is_escaped = true,
                '"' => is_quoted = !is_quoted,
                _ => return c == separator && !is_quoted,
            }
            false
        }))
    }
}

/// Accepts one offer, or declines it.
pub(super) fn accept(offer: &str) -> Option<Deflate> {
    let mut parts = split(';')(offer).map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let mut seen = Seen::default();
    parts.try_for_each(|parameter| seen.note(parameter))?;
    let window_bits = match seen.server_window {
        Some(bits) if bits < MIN_WINDOW_BITS => return None,
        window_bits => window_bits,
    };
    Some(Deflate { window_bits })
}

/// The parameters of an offer.
#[derive(Default)]
struct Seen {
    server_no_context: bool,
    client_no_context: bool,
    server_window: Option<u8>,
    client_window: bool,
}

impl Seen {
    /// Returns `None` if the parameter is unknown, repeated or invalid.
    fn note(&mut self, parameter: &str) -> Option<()> {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim(), Some(unquoted(value.trim()))),
            None => (parameter, None),
        };
        let is_new = match (name.to_ascii_lowercase().as_str(), value) {
            ("server_no_context_takeover", None) => !std::mem::replace(&mut self.server_no_context, true),
            ("client_no_context_takeover", None) => !std::mem::replace(&mut self.client_no_context, true),
            ("server_max_window_bits", Some(value)) => {
                self.server_window.replace(window_bits(value)?).is_none()
            }
            // The client's window is its own choice: any window is inflated.
            ("client_max_window_bits", value) => {
                value.map_or(Some(MAX_WINDOW_BITS), window_bits)?;
                !std::mem::replace(&mut self.client_window, true)
            }
            _ => false,
        };
        is_new.then_some(())
    }
}

/// A value may be quoted; none that is valid has anything to escape.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// Reads a window: 8 to 15, in decimal digits without leading zeros.
fn window_bits(value: &str) -> Option<u8> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0');
    let bits = value.parse().ok().filter(|_| is_plain)?;
    (MIN_OFFERED_BITS..=MAX_WINDOW_BITS).contains(&bits).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::super::Deflate;

    const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    fn answer(headers: &[&str]) -> Option<String> {
        Deflate::accept(headers.iter().copied()).map(|deflate| deflate.to_string())
    }

    #[test]
    fn offers_of_browsers_and_libraries_are_accepted_without_a_context() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=10",
            "permessage-deflate;server_no_context_takeover;client_no_context_takeover",
            "Permessage-Deflate ; Client_Max_Window_Bits",
            "x-webkit-deflate-frame, permessage-deflate",
            "x-other; a=\"b, permessage-deflate; c\", permessage-deflate",
        ] {
            assert_eq!(answer(&[offer]).as_deref(), Some(PLAIN), "{offer}");
        }
        assert_eq!(answer(&["x-first", "permessage-deflate"]).as_deref(), Some(PLAIN));
    }

    #[test]
    fn a_bound_for_the_servers_window_is_kept_to_and_confirmed() {
        for bits in 9..=15_u8 {
            let offer = format!("permessage-deflate; server_max_window_bits={bits}; client_max_window_bits");
            let deflate = Deflate::accept([offer.as_str()]).unwrap();
            assert_eq!(deflate.to_string(), format!("{PLAIN}; server_max_window_bits={bits}"));
            assert!(deflate.covers((1 << bits) - 1));
            assert_eq!(deflate.covers(1 << bits), bits == 15);
        }
        let quoted = answer(&["permessage-deflate; server_max_window_bits=\"12\""]);
        assert_eq!(quoted, Some(format!("{PLAIN}; server_max_window_bits=12")));
        assert!(Deflate::accept(["permessage-deflate"]).unwrap().covers(1 << 20));
    }

    #[test]
    fn an_offer_that_is_invalid_or_cannot_be_met_is_declined() {
        for offer in [
            "",
            ",",
            "permessage-deflat",
            "permessage-deflate; ",
            "permessage-deflate; unknown",
            "permessage-deflate; unknown=1",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=\"\"",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=010",
            "permessage-deflate; server_max_window_bits=+10",
            "permessage-deflate; server_max_window_bits=1000",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=\"",
            "\"permessage-deflate",
        ] {
            assert_eq!(answer(&[offer]), None, "{offer}");
        }
    }

    #[test]
    fn the_first_offer_that_can_be_met_counts() {
        let offers = "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10, \
                      permessage-deflate";
        assert_eq!(answer(&[offers]), Some(format!("{PLAIN}; server_max_window_bits=10")));
        assert_eq!(answer(&["permessage-deflate; broken=", "permessage-deflate"]).as_deref(), Some(PLAIN));
    }
}
