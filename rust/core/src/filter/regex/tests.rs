use super::*;
use crate::error::ErrorKind;

const WHOLE: Anchors = Anchors { start: "^", end: "$", line_start: "<", line_end: ">" };

fn found(pattern: &str, text: &str) -> bool {
    Regex::parse(pattern).unwrap().is_match(text).unwrap()
}

fn refused(pattern: &str) -> (ErrorKind, String) {
    let error = Regex::parse(pattern).unwrap_err();
    (error.kind(), error.detail().message.clone())
}

#[test]
fn each_construct_has_its_meaning() {
    for (pattern, matching, other) in [
        ("b", "abc", "B"),
        ("^b", "b", "ab"),
        ("b$", "ab", "b\n"),
        ("^.$", "\u{1f600}", "\n"),
        ("^\\.$", ".", "a"),
        ("[a-cx]", "b", "d"),
        ("^[^a-c]$", "\n", "a"),
        ("^\\d$", "7", "\u{663}"),
        ("^\\w$", "_", "ä"),
        ("^\\s$", "\u{b}", "\u{a0}"),
        ("^\\D\\W\\S$", "a-b", "1-b"),
        ("^[\\d\\-_]$", "-", "a"),
        ("^[-a]$", "-", "b"),
        ("^[^\\W\\d]$", "a", "1"),
        ("^a{2}$", "aa", "aaa"),
        ("^a{2,}$", "aaa", "a"),
        ("^a{1,2}$", "aa", "aaa"),
        ("^(ab|c)+d?$", "abcabd", "abdd"),
        ("^(?:a|b)*$", "", "c"),
        ("^(a{2}){2}$", "aaaa", "aaa"),
        ("^(|a)$", "", "b"),
        ("^a\\tb$", "a\tb", "atb"),
        ("^a]}$", "a]}", "a"),
        ("^\\ \\#$", " #", "#"),
        ("^a|b$", "ax", "xa"),
    ] {
        assert!(found(pattern, matching), "{pattern} {matching:?}");
        assert!(!found(pattern, other), "{pattern} {other:?}");
    }
}

#[test]
fn what_is_not_portable_is_refused_with_its_place() {
    for (pattern, place) in [
        ("a(?=b)", 4),
        ("(?<!a)b", 3),
        ("(?P<x>a)", 3),
        ("a(?i)b", 4),
        ("(?u)a", 3),
        ("(?>a)", 3),
        ("(a)\\1", 5),
        ("\\bword", 2),
        ("\\p{L}", 2),
        ("\\Aa", 2),
        ("\\x41", 2),
        ("a*?", 3),
        ("a++", 3),
        ("a{2}{3}", 5),
        ("^*a", 1),
        ("*a", 1),
        ("a|+", 3),
        ("a{", 3),
        ("{2}", 1),
        ("a{,2}", 3),
        ("a{2,1}", 6),
        ("a{2x}", 4),
        ("(a", 3),
        ("a)", 2),
        ("[a", 3),
        ("[]", 2),
        ("[]a]", 2),
        ("[[:alpha:]]", 2),
        ("[z-a]", 4),
        ("[a-\\d]", 5),
        ("[a-c-e]", 5),
        ("[\\d\\D\\s]x[^\\s\\S]", 10),
        ("a\\", 2),
        ("(a+)+", 1),
        ("x(a|a)*", 2),
        ("(a*)*", 1),
        ("(){2}", 1),
        ("(a?){2}", 1),
        ("(\\d+\\d*,)*", 1),
        ("(a|)+", 1),
        ("(a(|b*))+", 1),
        ("(a(|))+", 1),
        ("(x(a?)?)+", 1),
        ("(x(a?){1,3})+", 3),
        ("(\\w|\\d)+", 1),
        ("((ab)*a)*", 1),
    ] {
        let (kind, message) = refused(pattern);
        assert_eq!(kind, ErrorKind::InvalidFilter, "{pattern}");
        assert!(message.starts_with(&format!("character {place} of")), "{pattern}: {message}");
    }
}

#[test]
fn repetitions_with_one_way_on_are_taken() {
    for (pattern, text) in [
        ("^\\d+(,\\d+)*$", "1,22,333"),
        ("^(\\d{1,3}\\.){3}\\d{1,3}$", "192.168.0.1"),
        ("^(\\w+\\.)*\\w+$", "a.b.c"),
        ("^([0-9a-f]{2}:){5}[0-9a-f]{2}$", "00:11:22:33:44:ff"),
        ("^([0-9a-f]{2})+$", "00ff"),
        ("^(foo|bar)+$", "foobarfoo"),
        ("^(a(b(c)?)?,)*$", "a,abc,ab,"),
        ("^\\d{1,3}(,\\d{3})*$", "1,234,567"),
        ("^[a-z]+(-[a-z]+)?(@[a-z]+(\\.[a-z]+){1,3})?$", "a-b@c.d.e"),
    ] {
        assert!(found(pattern, text), "{pattern} {text}");
    }
}

#[test]
fn limits_are_kept() {
    for pattern in [
        "a".repeat(MAX_LENGTH + 1),
        "(".repeat(MAX_GROUPS + 1),
        "a{256}".to_owned(),
        "a{99999999999999999999}".to_owned(),
        "(a{255}b){255}".to_owned(),
        "(?:".repeat(20) + "a" + &"){255}".repeat(20),
        "a{255}".repeat(4),
        "[é€]".repeat(200) + &"[α-γ€-₮]{200}".repeat(2),
    ] {
        assert_eq!(refused(&pattern).0, ErrorKind::LimitExceeded, "{pattern}");
    }
    let nested = format!("{}a{}", "(".repeat(MAX_GROUPS), ")".repeat(MAX_GROUPS));
    assert!(found(&nested, "a"));
}

#[test]
fn the_largest_patterns_can_be_compiled() {
    for pattern in ["[^\u{e9}]{250}".repeat(4), ".".repeat(MAX_LENGTH), "[^a\u{20ac}]".repeat(200)] {
        assert!(!found(&pattern, "a"), "{pattern}");
    }
}

#[test]
fn rendering_is_explicit_and_reads_back() {
    let render = |pattern: &str| Regex::parse(pattern).unwrap().render(&WHOLE);
    for (pattern, expected) in [
        (".", "[^\n]"),
        ("\\d[\\w]", "[0-9][0-9A-Z_a-z]"),
        ("[\\D]", "[^0-9]"),
        ("[\\s\\S]", "[\u{1}-\u{10ffff}]"),
        ("[.\\]\\[\\-^]", "[\\-.\\[\\]\\^]"),
        ("[&~]", "[\\&\\~]"),
        ("(a)(b|c)d", "a(?:b|c)d"),
        ("(ab){2}(c{2}){3}(d)+", "(?:ab){2}(?:c{2}){3}d+"),
        ("(a|(b|c)|)$", "(?:a|b|c|)$"),
        ("\\{\\$\\\\\\/", "\\{\\$\\\\/"),
        ("a{0,1}b{1,}c{0,}", "a?b+c*"),
    ] {
        assert_eq!(render(pattern), expected, "{pattern}");
        assert_eq!(render(&render(pattern)), expected, "{pattern}");
    }
}

fn met(pattern: &str, options: &str, text: &str) -> bool {
    let regex = Regex::with_options(pattern, options).unwrap();
    assert_eq!(Regex::read(regex.source()).unwrap().tree, regex.tree, "{pattern} {options}");
    regex.is_match(text).unwrap()
}

#[test]
fn options_change_the_meaning() {
    for (pattern, options, matching, other) in [
        ("^k$", "i", "\u{212a}", "l"),
        ("^[j-l]$", "i", "K", "m"),
        ("^[^k]$", "i", "l", "\u{212a}"),
        ("^\\w$", "i", "k", "\u{212a}"),
        ("^ä$", "i", "Ä", "a"),
        ("^b$", "m", "a\nb\nc", "ab"),
        ("^$", "m", "a\n", "a"),
        ("^a.b$", "s", "a\nb", "ab"),
        (" a # first\n b + [ ] c", "x", "abb c", "a b"),
        ("\\ \\#", "x", " #", "#"),
        ("^A.b$", "is", "a\nB", "ab"),
        ("(?i)a(?-i:b)c", "", "AbC", "ABC"),
        ("(?s:a.)b.", "", "a\nbx", "a\nb\n"),
        ("(?m)(?i)^B", "", "a\nb", "ab"),
    ] {
        assert!(met(pattern, options, matching), "{pattern} {options} {matching:?}");
        assert!(!met(pattern, options, other), "{pattern} {options} {other:?}");
    }
    for options in ["u", "ig", "I", "i "] {
        assert_eq!(Regex::with_options("a", options).unwrap_err().kind(), ErrorKind::InvalidFilter, "{options}");
    }
    assert!(Regex::with_options(&"a".repeat(MAX_LENGTH), "imsx").is_ok());
}

#[test]
fn a_plain_pattern_takes_a_time_that_is_known_before() {
    let plain = |source: &str| Regex::parse(source).and_then(|regex| regex.check_plain()).is_ok();
    for source in ["", "^a[b-d]$", "a{0,50}", "(ab){2,3}c?", "a|b{2}", "\\d{4}-\\d{2}", "a{0,50}b{0,50}"] {
        assert!(plain(source), "{source}");
    }
    for source in ["a*", "a+", "a{2,}", "a{51}", "(ab{1,2}){2}", "(a|b){2}", "a{0,50}b{0,50}c{0,9}"] {
        assert!(!plain(source), "{source}");
    }
}
